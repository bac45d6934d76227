"""The page, read back by an HTML parser."""

import base64
import dataclasses
import json
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from report_tree import FACTS, HOSTILE, SVG, claim, put

from implicitbias.errors import UserError
from implicitbias.report import build

VOID = {"meta", "link", "img", "wbr", "br", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, the text by tag, and an error for tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.rows = [], [], [], []
        self.feed(text)
        assert not self.open
        self.rows = [" ".join(row.split()) for row in self.rows]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)
            if "tr" in self.open:
                self.rows[-1] += f" {data}"

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def made(plan, published=None):
    out = plan.results / "report.html"
    build(plan, out, published)
    return out.read_text(encoding="utf-8")


def test_claims_come_with_failures_first(plan):
    page = Page(made(plan))
    start = next(i for i, row in enumerate(page.rows) if row.split()[:2] == ["Verdict", "Figure"])
    verdicts = [row.split()[1] for row in page.rows[start + 1 : start + 7]]
    assert verdicts == ["fails", "undecided", "holds", "holds", "holds", "holds"]


def test_every_claim_shows_its_numbers_and_missing_ones_are_said_missing(plan):
    rows = Page(made(plan)).rows
    fails = next(row for row in rows if row.startswith("× fails"))
    assert "-0.9123 [-0.99, -0.8] -0.5 3" in fails
    assert "no value none -0.5 0" in next(row for row in rows if row.startswith("? undecided"))


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


def test_nothing_leaves_the_page(plan):
    text = made(plan)
    page = Page(text)
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert len(ids) == sum("id" in attrs for _, attrs in page.tags)
    for _, attrs in page.tags:
        for name in ("href", "src", "srcset", "action", "data", "poster", "background"):
            target = attrs.get(name, "#verdicts")
            assert target.startswith("data:") or target[1:] in ids, target
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    harmless = text.replace("http://evil.example", "", text.count("http://evil.example"))
    assert "http://" not in harmless and "https://" not in harmless
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_hostile_text_stays_text(plan):
    page = Page(made(plan))
    assert not page.all("script")
    assert HOSTILE in " ".join(page.text)  # the note, and the title
    images = page.all("img")
    assert [i["src"].partition(",")[0] for i in images] == ["data:image/svg+xml;base64"] * 2
    assert base64.b64decode(images[0]["src"].partition(",")[2]).decode() == SVG
    assert HOSTILE in images[0]["alt"]
    assert {frozenset(i) for i in images} == {frozenset({"src", "alt"})}


def test_every_picture_has_its_title_for_those_who_cannot_see_it(plan):
    page = Page(made(plan))
    assert page.all("img")[1]["alt"] == "Figure 10: rank against batch size"


def test_a_caption_is_the_docstring_in_paragraphs_with_code(plan):
    text = made(plan)
    assert "<p>Ours is smaller.</p>" in text and "<p>At <code>n&lt;2</code>.</p>" in text


def test_pieces_that_are_missing_are_named(plan):
    page = Page(made(plan))
    assert page.words.count("Picture not made.") == 2
    assert page.words.count("Claims not made.") == 1
    assert page.words.count("This figure makes no claim.") == 1
    assert "Nothing" not in page.words
    assert "5 runs, 4 of them trained" in page.words
    assert "2 packs, 1 of them trained" in page.words
    assert "1 of 4 measured runs" in page.words  # of two figures with the same runs


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
    assert base64.b64decode(download["href"].partition(",")[2]) == b"x,mean\n1,2\n"


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


def test_the_same_inputs_give_the_same_bytes_in_any_order(plan):
    first = made(plan)
    backwards = dict(reversed(plan.figures.items()))
    packs = dict(reversed(plan.packs.items()))
    assert first == made(plan)
    assert first == made(dataclasses.replace(plan, figures=backwards, packs=packs))


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


def test_png_stands_in_for_svg(plan):
    picture = plan.results / "figures" / "alpha2020x" / "fig10.svg"
    picture.rename(picture.with_suffix(".png"))
    assert Page(made(plan)).all("img")[1]["src"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("claims/alpha2020x/fig02.json", '[{"figure": '),
        ("claims/alpha2020x/fig02.json", b"\xff\xfe"),
        ("tables/alpha2020x/fig02.parquet", "PAR1"),
        ("packs/*/records/provenance.json", '{"seconds": 1}'),
        ("packs/*/records/provenance.json", "{"),
    ],
)
def test_a_damaged_file_is_named(plan, file, content):
    path = next(plan.results.glob(file))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=path.name) as found:
        made(plan)
    assert str(path) in str(found.value)
    assert not (plan.results / "report.html").exists()


def test_claims_of_another_figure_are_refused(plan):
    put(plan.results, "alpha2020x/fig10", [claim("alpha2020x/fig02", "holds")])
    with pytest.raises(UserError, match="holds claims of 'alpha2020x/fig02'"):
        made(plan)


def test_code_that_does_not_parse_is_named(plan):
    plan.figures["alpha2020x/fig10"].code.write_text('"""Open')
    with pytest.raises(UserError, match=r"fig10\.py"):
        made(plan)


def test_a_plan_of_which_nothing_is_made_still_gives_a_page(plan):
    for part in ("figures", "claims", "tables", "packs"):
        (plan.results / part).rename(plan.results / f"not-{part}")
    page = Page(made(plan))
    assert "Nothing is trained yet." in page.words
    assert page.words.count("Picture not made.") == page.words.count("Claims not made.") == 4
    assert "No claims." in page.words and "0 of 0 measured runs" in page.words
