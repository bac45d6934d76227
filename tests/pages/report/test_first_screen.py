"""The first screen: a sentence and a bar for each paper, and the published points we meet."""

from pathlib import Path

import pytest
from report_page import Page, made
from report_tree import SVG, claim, put

from implicitbias.analysis.claims import Point, read_claims
from implicitbias.pages.report.agreement import agreements
from implicitbias.pages.report.papers import LEADS
from implicitbias.pages.report.verdicts import bar

PUBLISHED = Path(__file__).parents[3] / "results/published/claims"
KEY = "alpha2020x/fig10"
# Ours: 80 against 83 and 40 against 43.2 within three or five per cent or not; three seeds whose
# prediction interval holds the published value; and a network that did not learn.
POINTS = (
    Point("p", "average", 1, 80, 83, 77, 83, 1, "fixed"),
    Point("p", "average", 2, 40, 43.2, 37, 43, 1, "fixed"),
    Point("p", "average", 3, 100, 101, 98, 102, 3, "prediction"),
    Point("p", "average", 4, 9, 0, 1, 17, 3, "apart"),
)


@pytest.fixture
def published(tmp_path):
    root = tmp_path / "results" / "published"
    other = claim(KEY, "undecided", "average rank is the published one", kind="published",
                  points=POINTS)  # fmt: skip
    put(root, KEY, [claim(KEY, "holds"), other])
    return root


def test_points_that_agree_are_those_of_the_claim(published):
    (found,) = agreements(published, [KEY, "alpha2020x/fig02"])
    assert (found.within, len(found.compared), found.seeds) == (2, 3, "1 to 3")
    assert agreements(None, [KEY]) == []


def test_the_page_says_how_many(plan, published):
    put(plan.results, KEY, [claim(KEY, "holds")])
    put(plan.results, "alpha2020x/fig02", [])
    page = Page(made(plan, published))
    assert "fig10 average rank 2 of 3 1 to 3" in page.rows
    assert "fig10, p average 2 40 43.2 [37, 43] fixed" in page.rows
    assert "At its own protocol 2 of 3 published points agree with ours" in page.words
    assert "published points agree" not in Page(made(plan)).words


def test_verdicts_are_counted_by_kind(plan):
    ours = claim(KEY, "fails", "Ours", kind="ours", p=0.01)
    put(plan.results, KEY, [claim(KEY, "holds", p=0.001), ours])
    page = Page(made(plan))
    assert any(row.startswith("ours 1 0 0 0 1 of 1") for row in page.rows)


def test_a_bar_gives_every_verdict_its_share():
    found = bar(claim(KEY, verdict) for verdict in ("fails", "holds", "undecided", "holds"))
    assert [(s.verdict, s.n, s.start) for s in found.shares] == [
        ("holds", 2, 0), ("undecided", 1, 2), ("fails", 1, 3),
    ]  # fmt: skip
    assert (found.total, found.words) == (4, "2 hold, 1 undecided, 1 fails")
    assert (bar([]).total, bar([]).words) == (0, "")


def test_one_claim_that_fails_does_not_colour_the_whole_figure(plan):
    put(plan.results, KEY, [claim(KEY, "holds"), claim(KEY, "fails", "It falls again")])
    text = made(plan)
    drawn = text.partition('id="alpha2020x--fig10"')[2].partition("</summary>")[0]
    assert '<svg class="bar" viewBox="0 0 2 1"' in drawn
    assert '<rect class="holds" x="0" width="1" height="1"/>' in drawn
    assert '<rect class="fails" x="1" width="1" height="1"/>' in drawn


def test_a_paper_is_led_by_a_claim_of_its_own(plan):
    page = Page(made(plan))
    (first, *_) = [item for item in page.items if item.startswith("alpha2020x")]
    assert "Rank falls as weight decay grows" in first and "4 hold" in first and "1 fails" in first
    assert "No claims." in next(
        item for item in page.items if item.startswith("Beta et al. (2021)")
    )


def test_the_leading_claims_are_those_of_figures_that_make_them():
    """A reworded id would silently leave the first screen to another claim."""
    files = {key: PUBLISHED / key / f"{figure}.json" for key, (figure, *_) in LEADS.items()}
    there = [key for key in files if files[key].exists()]
    assert len(there) >= 3
    for key in there:
        assert LEADS[key][1] in {c.id for c in read_claims(files[key])}


def test_a_figure_says_what_its_picture_says_of_itself(plan):
    words = "<dc:description>4 runs, n = 2 seeds. Scale small; differs in lr 1 &lt; (2)"
    svg = SVG.replace("</svg>", f"<metadata>{words}</dc:description></metadata></svg>")
    put(plan.results, KEY, svg=svg)
    page = Page(made(plan))
    assert page.words.count("4 runs, n = 2 seeds. Scale small; differs in lr 1 < (2)") == 1
