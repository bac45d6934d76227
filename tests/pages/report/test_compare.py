"""Two result folders side by side: what is matched, in which order, and what is refused."""

import dataclasses
import json
import math
from urllib.parse import unquote

import pytest
from report_page import Page
from report_tree import FACTS, HOSTILE, SVG, claim, make_spec, put

from implicitbias import __main__
from implicitbias.base.errors import UserError
from implicitbias.pages.report import numbers
from implicitbias.pages.report.compare import compare, match, read_side
from implicitbias.plan import packs

KEYS = ("alpha2020x/fig01", "alpha2020x/fig02", "alpha2020x/fig03")


@pytest.fixture
def sides(tmp_path):
    """A and B share one figure; of its claims one has another verdict, and one is B's alone."""
    a, b = tmp_path / "a", tmp_path / "b"
    first = [claim(KEYS[0], "holds", "one"), claim(KEYS[0], "holds", "two", note=HOSTILE)]
    other = [claim(KEYS[0], "holds", "two", value=-0.7), claim(KEYS[0], "fails", "one")]
    put(a, KEYS[0], first)
    put(b, KEYS[0], [*other, claim(KEYS[0], "undecided", "three")], SVG.replace("480", "500"))
    put(a, KEYS[1], [claim(KEYS[1], "fails", HOSTILE)])
    put(b, KEYS[2], [])
    pack = packs.Pack.of([make_spec(0, 0.0)])
    packs.write(a / "packs" / pack.name / "pack.json", pack.text)
    records = a / "packs" / pack.name / "records"
    records.mkdir()
    facts = {"started": "2026-01-02T10:00:00Z", **FACTS}
    (records / "provenance.json").write_text(json.dumps(facts))
    return a, b


def page_of(a, b, out):
    compare(a, b, out)
    return Page(out.read_text(encoding="utf-8"))


def test_what_is_decided_in_both_and_differs_comes_first(sides):
    pairs = match(*(read_side(side).claims for side in sides))
    found = [(p.outcome, p.figure, p.claim, *p.verdicts) for p in pairs]
    assert found == [
        ("differs", KEYS[0], "one", "holds", "fails"),
        ("only in A", KEYS[1], HOSTILE, "fails", "not there"),
        ("only in B", KEYS[0], "three", "not there", "undecided"),
        ("same", KEYS[0], "two", "holds", "holds"),
    ]


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ("holds", "fails", "differs"),
        ("fails", "undecided", "decided in A"),
        ("undecided", "holds", "decided in B"),
        ("holds", "holds", "same"),
        ("undecided", "undecided", "same"),
    ],
)
def test_too_few_seeds_are_no_disagreement(a, b, outcome):
    (pair,) = match(*({KEYS[0]: [claim(KEYS[0], verdict)]} for verdict in (a, b)))
    assert pair.outcome == outcome


def test_the_groups_of_the_page_follow_that_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    put(a, KEYS[0], [claim(KEYS[0], "holds", "one"), claim(KEYS[0], "fails", "two")])
    put(b, KEYS[0], [claim(KEYS[0], "undecided", "one"), claim(KEYS[0], "holds", "two")])
    page = page_of(a, b, tmp_path / "page.html")
    heads = [attrs["id"] for tag, attrs in page.tags if tag == "h3" and "id" in attrs]
    assert heads[:2] == ["differs", "decided-in-A"]
    assert "against -0.5, n = 0: too few seeds" in page.words


def test_claims_are_matched_by_figure_and_id_whatever_they_say():
    ours = [claim(KEYS[0], "holds", "rank falls", id="a"), claim(KEYS[0], "fails", id="b")]
    theirs = [claim(KEYS[0], "holds", id="b"), claim(KEYS[0], "holds", "the rank falls", id="a")]
    pairs = match({KEYS[0]: ours}, {KEYS[0]: theirs, KEYS[1]: [claim(KEYS[1], "holds", id="a")]})
    assert [(p.figure, p.id, p.claim, *p.verdicts) for p in pairs] == [
        (KEYS[0], "b", ours[1].claim, "fails", "holds"),
        (KEYS[1], "a", ours[1].claim, "not there", "holds"),
        (KEYS[0], "a", "rank falls", "holds", "holds"),
    ]


def test_the_page_counts_and_shows_both_numbers(sides, tmp_path):
    page = page_of(*sides, tmp_path / "page.html")
    assert "They make 4 claims." in page.words
    assert "1 Decided in both, and different" in page.items
    assert "1 The same verdict in both" in page.items
    row = next(row for row in page.rows if row.startswith("One"))
    assert row.startswith("One alpha2020x/fig01 ✓ holds -0.9123") and "× fails" in row
    same = next(row for row in page.rows if row.startswith("Two"))
    assert "-0.9123" in same and "-0.7 [-0.99, -0.8]" in same
    assert "1 run in 1 pack" in page.words and "0 runs in 0 packs" in page.words
    assert [image["alt"][-3:] for image in page.all("img")] == [", A", ", B", ", A", ", B"]
    assert page.words.count("Not there.") == 2  # two figures that one side has


def test_nothing_of_it_runs_or_leaves(sides, tmp_path):
    page = page_of(*sides, tmp_path / "page.html")
    assert not page.all("script") and not [a for _, a in page.tags if "onerror" in a]
    assert HOSTILE in " ".join(page.text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert "script-src 'none'" in policy
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    for _, attrs in page.tags:
        for target in filter(None, (attrs.get("href"), attrs.get("src"))):
            assert target.startswith("data:") or target[1:] in ids


def test_points_are_matched_by_panel_series_and_x(tmp_path):
    head = "panel,series,x_name,x,mean,low,high,n\n"
    rows = {
        "a": "p,s,lr,1,2,2,2,1\np,s,lr,2,0,0,0,1\np,t,lr,1,,,,0\np,bound,,,5,,,\np,u,lr,9,1,,,\n",
        "b": "p,bound,,,5,,,\np,t,lr,1,,,,0\np,s,lr,2,0,0,0,1\np,s,lr,1,2.5,2,3,2\n",
    }
    files = [tmp_path / f"{name}.csv" for name in rows]
    for path, text in zip(files, rows.values(), strict=True):
        path.write_text(head + text)
    found = numbers.beside(*files)
    assert dataclasses.astuple(found)[:4] == (4, 3, 1, 0)
    assert found.rows == [("p", "s", 1.0, 2.0, 2.5, pytest.approx(0.2))]
    assert unquote(found.csv).count("\n") == 6  # the head and every point of either


def test_a_number_against_none_is_a_whole_difference(tmp_path):
    head = "panel,series,x_name,x,mean,low,high,n\n"
    (tmp_path / "a.csv").write_text(head + "p,s,lr,1,2,2,2,1\n")
    (tmp_path / "b.csv").write_text(head + "p,s,lr,1,,,,0\n")
    (row,) = numbers.beside(tmp_path / "a.csv", tmp_path / "b.csv").rows
    assert row[3] == 2 and math.isnan(row[4]) and row[5] == 1


def test_a_folder_without_results_is_refused(sides, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither claims/ nor figures/"):
        compare(sides[0], tmp_path / "empty", tmp_path / "page.html")
    (sides[1] / "figures" / f"{KEYS[0]}.csv").write_text("nonsense\n")
    with pytest.raises(UserError, match=r"fig01\.csv: not the numbers of a figure"):
        compare(*sides, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_command_takes_folders_or_their_configs(sides, tmp_path, capsys):
    a, b = sides
    assert __main__.main(["report", str(a), "--against", str(b / "config.json")]) == 0
    assert __main__.main(["report", str(a), "--against", str(b), "--out", str(tmp_path / "o")]) == 0
    assert capsys.readouterr().out.split() == [str(a / "compare-b.html"), str(tmp_path / "o")]
    assert (a / "compare-b.html").read_bytes() and (tmp_path / "o").exists()
    assert __main__.main(["report", str(a)]) == 1
    assert "config.json" in capsys.readouterr().err
