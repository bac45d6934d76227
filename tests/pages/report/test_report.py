"""What the page shows, and where."""

import dataclasses
import json
from itertools import pairwise
from urllib.parse import unquote

from report_page import Page, made
from report_tree import CSV, FACTS, SVG, claim, put


def test_claims_come_with_failures_first(plan):
    page = Page(made(plan))
    start = next(i for i, row in enumerate(page.rows) if row.split()[:2] == ["Verdict", "Figure"])
    verdicts = [row.split()[1] for row in page.rows[start + 1 : start + 7]]
    assert verdicts == ["fails", "undecided", "holds", "holds", "holds", "holds"]


def test_every_claim_shows_its_numbers_and_missing_ones_are_said_missing(plan):
    rows = Page(made(plan)).rows
    fails = next(row for row in rows if row.startswith("× fails"))
    assert "-0.9123 [-0.99, -0.8] 95% -0.5 3" in fails
    assert "no value none 95% -0.5 0" in next(row for row in rows if row.startswith("? undecided"))


def test_the_matrix_gives_the_worst_verdict_in_words_and_leads_to_the_figure(plan):
    page = Page(made(plan))
    alpha, beta = (
        next(row for row in page.rows if row.startswith(paper))
        for paper in ("alpha2020x fig02", "beta2021y fig01")
    )
    assert alpha == "alpha2020x fig02 × fails 1 of 4 fig10 ✓ holds 2 of 2"  # 2 before 10
    assert "fig01 – no claims no picture" in beta
    assert "exp_noise ! not made no picture" in beta
    cells = [a["href"] for a in page.all("a") if a.get("class", "").startswith("cell")]
    names = ("alpha2020x--fig02", "alpha2020x--fig10", "beta2021y--fig01", "beta2021y--exp_noise")
    assert cells == [f"#{name}" for name in names]


def test_every_picture_has_its_title_for_those_who_cannot_see_it(plan):
    page = Page(made(plan))
    picture, download = page.all("img")[1], "Series: average. Against: weight_decay"
    assert picture["alt"] == f"Figure 10: rank against batch size. Panels: B=32, B=64. {download}"


def test_a_caption_is_the_docstring_in_paragraphs_with_code(plan):
    text = made(plan)
    assert "<p>Ours is smaller.</p>" in text and "<p>At <code>n&lt;2</code>.</p>" in text


def test_a_figure_lists_its_runs_with_the_fields_that_vary(plan):
    page = Page(made(plan))
    runs = [row for row in page.rows if row.startswith("sgd-")]
    head = next(row for row in page.rows if row.startswith("Run Seed"))
    assert head.split()[2] == "weight_decay" and "lr" not in head.split()
    assert [row.split()[1:3] for row in runs[:4]] == [
        ["0", "0.0"], ["1", "0.0"], ["0", "0.001"], ["1", "0.001"],
    ]  # fmt: skip
    assert "41.2 cpu" in runs[0] and runs[0].endswith("no")
    assert runs[3].endswith("at step 40")
    assert any("not trained" in row and "not measured" in row for row in runs)
    assert "dataset=digits" in page.words


def test_a_figure_says_how_to_rebuild_it_and_where_its_code_and_numbers_are(plan):
    page = Page(made(plan))
    command = "snakemake results/small/figures/alpha2020x/fig02.svg --cores all"
    assert command in page.words
    assert "src/implicitbias/figures/alpha2020x/fig02.py" in page.words
    assert str(plan.results.parents[1]) not in made(plan)
    download = next(a for a in page.all("a") if a.get("download") == "alpha2020x--fig02.csv")
    assert unquote(download["href"].partition(",")[2]) == CSV


def test_another_scale_is_rebuilt_as_such(plan):
    config = plan.config.model_copy(update={"scale": "paper"})
    text = made(dataclasses.replace(plan, config=config))
    assert "paper/figures/alpha2020x/fig02.svg --cores all --config scale=paper" in text


def test_headings_do_not_skip_a_level_and_tables_have_captions(plan):
    page = Page(made(plan))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
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
    assert page.words.count("41.2 after a resume") == 1
    assert "1 min 22 s (82.5 s, summed over packs)" in page.words


def test_a_published_figure_is_folded_up_under_ours(plan, tmp_path):
    published = tmp_path / "results" / "published"
    key = "alpha2020x/fig10"
    put(published, key, [claim(key, "fails", sentence="At scale paper")], SVG.replace("480", "500"))
    page = Page(made(plan, published))
    assert page.all("img")[2]["alt"].endswith("as published with the code")
    assert "At scale paper" in page.words
    assert page.words.count("1 × fails") == 1  # the tally is of our own claims
