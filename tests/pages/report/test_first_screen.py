"""The first screen: the worst first, and how many published points our runs meet."""

import pytest
from report_page import Page, made
from report_tree import SVG, claim, put

from implicitbias.analysis.claims import Point
from implicitbias.pages.report.agreement import agreements

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


def test_the_first_screen_says_how_many(plan, published):
    page = Page(made(plan, published))
    assert "At the papers' own protocol" in page.words
    assert "fig10 average rank 2 of 3 1 to 3" in page.rows
    assert "fig10, p average 2 40 43.2 [37, 43] fixed" in page.rows
    assert "At the papers' own protocol" not in Page(made(plan)).words


def test_verdicts_are_counted_by_kind(plan):
    ours = claim(KEY, "fails", "Ours", kind="ours", p=0.01)
    put(plan.results, KEY, [claim(KEY, "holds", p=0.001), ours])
    page = Page(made(plan))
    assert any(row.startswith("ours 1 0 0 0 1 of 1") for row in page.rows)


def test_a_figure_that_fails_stands_before_those_that_hold(plan):
    put(plan.results, "alpha2020x/fig02", [claim("alpha2020x/fig02", "holds")])
    put(plan.results, KEY, [claim(KEY, "holds"), claim(KEY, "fails", "It falls again")])
    page = Page(made(plan))
    row = next(row for row in page.rows if row.startswith("alpha2020x"))
    assert row == "alpha2020x fig10 × fails 1 of 2 fig02 ✓ holds 1 of 1"
    titles = [a["id"] for tag, a in page.tags if tag == "article"]
    assert titles[:2] == ["alpha2020x--fig02", "alpha2020x--fig10"]  # by number further down


def test_a_figure_says_what_its_picture_says_of_itself(plan):
    words = "<dc:description>4 runs, n = 2 seeds. Scale small; differs in lr 1 &lt; (2)"
    svg = SVG.replace("</svg>", f"<metadata>{words}</dc:description></metadata></svg>")
    put(plan.results, KEY, svg=svg)
    page = Page(made(plan))
    assert "As made here: 4 runs, n = 2 seeds. Scale small; differs in lr 1 < (2)" in page.words
    assert page.words.count("As made here:") == 1
