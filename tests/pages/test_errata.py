"""docs/errata.md: written from what is there, up to date, and its sums are right."""

import shutil
from pathlib import Path

import pytest

from implicitbias.analysis import published
from implicitbias.pages import errata
from implicitbias.pages.errata import evidence

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"


def test_the_page_is_what_the_command_writes():
    assert errata.page(PUBLISHED) == (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")


def test_one_reading_of_figure_5_fits_and_the_others_do_not():
    seen = list(evidence.FIGURE_5.values())
    off = [max(abs(a - b) for a, b in zip(evidence.expected(*reading), seen, strict=True))
           for reading in evidence.READINGS]  # fmt: skip
    assert off[0] < 1e-3
    assert min(off[1:]) > 0.01
    # By hand: 62,500 steps at rate 0.01 x 0.2 with decay 5e-4 shrink by exp(-0.0625).
    assert evidence.expected(0.2, 1)[0] == pytest.approx(0.939413, abs=1e-6)


def test_the_evidence_follows_the_points(monkeypatch):
    """One published value changed: one agreement fewer, and another number of collapsed nets."""
    real = published.points

    def changed(paper, figure):
        rows = real(paper, figure)
        if figure == "10":
            rows.loc[rows.query("x == 200").index, "y"] = 50
        if figure == "9":
            at = rows.query("panel == 'mu=0.1' and series == 'average' and x == 4").index
            rows.loc[at, "y"] += 1
        return rows

    assert "36 of 36" in evidence.same_points(PUBLISHED)
    assert "3 of 21 curves: from 58 to 97 (rate 0.04, batch size 2)" in evidence.rising(PUBLISHED)
    zeros = evidence.collapsed(PUBLISHED)
    monkeypatch.setattr(published, "points", changed)
    assert "35 of 36" in evidence.same_points(PUBLISHED)
    assert "0 of 21 curves" in evidence.rising(PUBLISHED)
    assert evidence.collapsed(PUBLISHED) == zeros


def test_the_tolerance_follows_our_runs(tmp_path):
    shutil.copytree(PUBLISHED / "figures", tmp_path / "figures")
    csv = tmp_path / "figures" / "galanti2025rank" / "exp_tolerance.csv"
    assert "figure 7, Frobenius norm: 0.5 at 0.03" in evidence.tolerances(tmp_path)
    text = csv.read_text()
    line = next(x for x in text.splitlines() if x.startswith('"gap, figure 7",Frobenius norm') and
                ",0.05," in x)  # fmt: skip
    csv.write_text(text.replace(line, '"gap, figure 7",Frobenius norm,tolerance,0.05,0.1,,,1'))
    assert "figure 7, Frobenius norm: 0.1 at 0.05" in evidence.tolerances(tmp_path)
