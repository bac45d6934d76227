"""One number, one value: README and docs say what results/published says."""

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from implicitbias.analysis.claims import read_claims
from implicitbias.pages import errata, evidence
from implicitbias.pages.report.agreement import Agreement

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
RANKS = PUBLISHED / "claims" / "galanti2025rank"
DECAYS = (1e-4, 2e-4, 4e-4, 8e-4, 6e-3)


def ranks(figure):
    claims = {c.id: c for c in read_claims(RANKS / f"{figure}.json")}
    return Agreement(f"galanti2025rank/{figure}", claims["published-average-rank"])


def ratio(point):
    """Ours over the published value, as README writes it."""
    if point.basis == "apart":
        return "–"
    if point.published == 0:
        return "both 0" if point.ours == 0 else "published 0"
    return f"{point.ours / point.published:.2f}"


def test_the_table_of_readme_has_the_points_of_the_claims():
    points = {(p.panel, p.x): p for f in ("fig07", "fig08") for p in ranks(f).claim.points}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| batch size (\d+) \|(.*)\|$", readme, re.MULTILINE)
    assert len(rows) == 6
    for size, cells in rows:
        for decay, cell in zip(DECAYS, cells.split("|"), strict=True):
            assert cell.strip() == ratio(points[f"B={size}", decay])


def test_readme_counts_the_points_that_agree():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    both = [ranks("fig07"), ranks("fig08")]
    within = sum(one.within for one in both)
    compared = sum(len(one.compared) for one in both)
    every = sum(len(one.claim.points) for one in both)
    words = {1: "one does", 2: "two do"}[compared - within]
    assert (
        f"Of the {every} points {within} agree, {words} not, and {every - compared} are not"
        in readme
    )
    last = ranks("fig09")
    assert f"Of the {len(last.claim.points)} points of figure 9, {last.within} agree" in readme
    seeds = [[p for one in some for p in one.claim.points if p.basis == "prediction"]
             for some in (both, [last])]  # fmt: skip
    assert all(p.agrees and p.n == 3 for some in seeds for p in some)
    former, latter = map(len, seeds)
    assert f"Only {former} of the former and {latter} of the latter have three seeds" in readme


def test_readme_counts_the_experiments_of_every_paper():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)`: .* \| .*?(\d+) experiments \|$", readme, re.MULTILINE))
    found = {}
    for file in sorted((ROOT / "workflow/papers").glob("*.yaml")):
        figures = yaml.safe_load(file.read_text(encoding="utf-8"))["figures"]
        found[file.stem] = sum(name.startswith("exp_") for name in figures)
    assert {paper: int(n) for paper, n in rows.items()} == found


def test_readme_can_be_read_in_five_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 930


def test_pages_and_readme_count_the_same(monkeypatch):
    monkeypatch.chdir(ROOT)
    pages = evidence.page(Path("results/published")), errata.page(PUBLISHED)
    for figure in ("fig07", "fig08", "fig09"):
        one = ranks(figure)
        said = f"{one.within} of {len(one.compared)}"
        assert (
            f"| `galanti2025rank/{figure}` | average rank at tolerance 0.03 | {said} |" in pages[0]
        )
        assert f"figure {figure[-1]}, average rank at tolerance 0.03: {said}" in pages[1]


def test_the_counts_of_docs_are_those_of_the_published_claims():
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    part = text[text.index("Scale `published`: 118 before") :]
    claims = [c for f in PUBLISHED.glob("claims/*/*.json") for c in read_claims(f)]
    assert f"; {len(claims)} after." in part
    counts = Counter((c.figure.partition("/")[0], c.kind, c.verdict) for c in claims)
    paper, seen = "", 0
    for row in re.findall(r"^\|(.*)\|$", part, re.MULTILINE):
        cells = [cell.strip().strip("`") for cell in row.split("|")]
        if cells[1] == "before":
            paper = cells[0]
        elif cells[1] in ("paper", "published", "control", "proved", "ours"):
            verdicts = ("fails", "undecided", "not tested", "holds")
            wanted = [counts[paper, cells[1], verdict] for verdict in verdicts]
            assert [int(cell) for cell in cells[2:6]] == wanted, (paper, cells)
            seen += sum(wanted)
    assert seen == len(claims)


@pytest.mark.parametrize("figure", ["fig07", "fig08"])
def test_a_weight_decay_of_0_is_0_in_every_csv(figure):
    """Its place on the axis is a third of the smallest decay."""
    rows = pd.read_csv(PUBLISHED / "figures" / "galanti2025rank" / f"{figure}.csv")
    ours = rows[rows["x_name"] == "weight_decay"]
    assert {round(float(x), 12) for x in ours["x"]} <= {0.0, *DECAYS}


def test_nothing_published_is_decided_by_fewer_than_three_seeds():
    for file in PUBLISHED.glob("claims/*/*.json"):
        assert all(c.n >= 3 for c in read_claims(file) if c.decided)


@pytest.mark.parametrize("paper", sorted(p.name for p in (PUBLISHED / "claims").iterdir()))
def test_every_published_claim_that_fails_has_its_cause_on_the_page_of_its_paper(paper):
    page = (ROOT / "docs/papers" / f"{paper}.md").read_text(encoding="utf-8")
    causes = page.partition("\n## Claims that fail, and why\n")[2].partition("\n## ")[0]
    files = sorted((PUBLISHED / "claims" / paper).glob("*.json"))
    failed = {f.stem for f in files for c in read_claims(f) if c.verdict == "fails"}
    for figure in failed:
        number = figure.removeprefix("fig").lstrip("0")
        assert f"`{figure}`" in causes or f"Figure {number}," in causes, figure
