"""What the page shows, and where."""

import dataclasses
import json
from itertools import pairwise

from report_page import Page, made
from report_tree import CSV, FACTS, SVG, claim, put


def test_a_figures_claims_come_with_failures_first(plan):
    page = Page(made(plan))
    verdicts = [item.split()[1] for item in page.items if item[:1] in "×?○✓" and "against" in item]
    assert verdicts == ["fails", "undecided", "holds", "holds", "holds", "holds"]


def test_every_claim_shows_its_numbers_and_missing_ones_are_said_missing(plan):
    page = Page(made(plan))
    (fails,) = page.claims("× fails Rank")
    assert "-0.9123 [-0.99, -0.8] against -0.5, n = 3 paper" in fails
    (undecided,) = page.claims("? undecided Rank")
    assert "no value (no interval) against -0.5, n = 0" in undecided


def test_a_sentence_stands_before_its_numbers(plan):
    """On a telephone nothing but the order of the text says what is read first."""
    (fails,) = Page(made(plan)).claims("× fails Rank")
    order = [fails.index(part) for part in ("Rank falls", "-0.9123", "Kendall", "Note:")]
    assert order == sorted(order)


def test_a_card_says_how_many_claims_have_each_verdict(plan):
    text = made(plan)
    cards = {
        part.partition('"')[0]: " ".join(Page("<details>" + part.partition(">")[2]
                                              .partition("</summary>")[0] + "</summary></details>")
                                         .words.split())
        for part in text.split('<details class="card" id="')[1:]
    }  # fmt: skip
    assert list(cards) == ["alpha2020x--fig02", "alpha2020x--fig10", "beta2021y--fig01",
                           "beta2021y--exp_noise"]  # fmt: skip
    assert cards["alpha2020x--fig02"].endswith("Figure 2 ✓ 2 hold ? 1 undecided × 1 fails")
    assert cards["alpha2020x--fig10"].endswith("Figure 10 ✓ 2 hold")
    assert cards["beta2021y--fig01"].startswith("Picture not made")
    assert cards["beta2021y--exp_noise"].endswith("Experiment claims not made")


def test_every_picture_has_its_title_for_those_who_cannot_see_it(plan):
    page = Page(made(plan))
    picture, download = pictures(page)[1], "Series: average. Against: weight_decay"
    assert picture["data-alt"] == (
        f"Figure 10: rank against batch size. Panels: B=32, B=64. {download}"
    )


def pictures(page):
    """The pictures in full: what the program unpacks when their figure is opened."""
    return [a for a in page.all("div") if a.get("class") == "picture"]


def test_a_caption_is_the_docstring_in_paragraphs_with_code(plan):
    text = made(plan)
    assert "<p>Ours is smaller.</p>" in text and "<p>At <code>n&lt;2</code>.</p>" in text


def test_a_figure_lists_its_runs_with_the_fields_that_vary(plan):
    page = Page(made(plan))
    table = page.json("runs-alpha2020x--fig02")
    assert table["varying"] == ["weight_decay"] and table["shared"]["dataset"] == "digits"
    assert [(seed, cells) for _, seed, cells, _, _ in table["rows"]] == [
        (0, ["0.0"]), (1, ["0.0"]), (0, ["0.001"]), (1, ["0.001"]),
    ]  # fmt: skip
    assert [diverged for *_, diverged in table["rows"]] == ["", "", "", "40"]
    packs = page.json("packs")
    (home,) = {pack for *_, pack, _ in table["rows"]}
    assert packs[home]["trained"]["seconds"] == 41.2 or packs[home]["trained"]["seconds"] == 41.3
    assert packs[home]["trained"]["device"] == "cpu"
    other = page.json("runs-beta2021y--fig01")["rows"]
    assert any(packs[p]["trained"] is None and lost is None for *_, p, lost in other)


def test_a_figure_says_how_to_rebuild_it_and_where_its_code_and_numbers_are(plan):
    page = Page(made(plan))
    command = "snakemake results/small/figures/alpha2020x/fig02.svg --cores all"
    assert command in page.words
    assert "src/implicitbias/figures/alpha2020x/fig02.py" in page.words
    assert str(plan.results.parents[1]) not in made(plan)
    download = next(a for a in page.all("a") if a.get("download") == "alpha2020x--fig02.csv")
    assert page.bytes(download["data-block"]).decode() == CSV


def test_another_scale_is_rebuilt_as_such(plan):
    config = plan.config.model_copy(update={"scale": "paper"})
    text = made(dataclasses.replace(plan, config=config))
    assert "paper/figures/alpha2020x/fig02.svg --cores all --config scale=paper" in text


def test_headings_do_not_skip_a_level_and_tables_have_captions(plan):
    page = Page(made(plan))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(th.get("scope") in ("row", "col") for th in page.all("th"))
    assert "Beta et al. (2021)" in page.words


def test_the_only_time_is_that_of_the_newest_pack(plan):
    name = next(n for n in plan.packs if not plan.trained(n))
    records = plan.pack_folder(name) / "records"
    records.mkdir()
    newer = {
        **FACTS,
        "started": "2026-01-02T11:30:00+01:00",
        "commit": "b" * 40,
        "device": "H200",
        "resumed": True,
    }
    (records / "provenance.json").write_text(json.dumps(newer))
    page = Page(made(plan))
    assert "started 2026-01-02 10:30 UTC" in page.words  # 11:30+01:00 is after 10:00 UTC
    assert "aaaaaaaaaaaa+ (1 pack); bbbbbbbbbbbb (1 pack)" in page.words
    assert "H200, on Some CPU @ 2 GHz, 2 cores (1 pack)" in page.words
    assert [p["trained"]["resumed"] for p in page.json("packs").values()].count(True) == 1
    assert "1 min 22 s (82.5 s, summed over packs)" in page.words


def test_a_published_figure_stands_beside_ours(plan, tmp_path):
    published = tmp_path / "results" / "published"
    key = "alpha2020x/fig10"
    other = SVG.replace("480", "500")
    put(published, key, [claim(key, "fails", sentence="At scale paper")], other)
    page = Page(made(plan, published))
    assert pictures(page)[2]["data-alt"].endswith("as published with the code")
    assert page.bytes("published-alpha2020x--fig10").decode() == other
    assert "At scale paper" in page.words
    (first, *_) = [item for item in page.items if item.startswith("alpha2020x")]
    assert "1 fails" in first  # the tally is of our own claims
