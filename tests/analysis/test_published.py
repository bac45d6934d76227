"""Published points are whole, and travel with the package wherever it is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from implicitbias.analysis import published

ROOT = Path(__file__).parents[2]
PAPERS = sorted(path.stem for path in published.FOLDER.glob("*.csv"))
INSTALLED = """
from pathlib import Path
import implicitbias
from implicitbias import figures
from implicitbias.analysis import published, tables
from implicitbias.base.errors import UserError
from implicitbias.pages import docs

here = Path(implicitbias.__file__).parent
print(here)
print([len(published.points(p.stem, "3")) for p in sorted((here / "analysis/points").iterdir())])
print(figures.caption("galanti2025rank/fig14", "small", tables.measure([], [], []), {}))
try:
    docs.expand("")
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("paper", PAPERS)
def test_every_point_is_a_number_at_a_place(paper):
    rows = pd.read_csv(published.FOLDER / f"{paper}.csv", dtype={"figure": str})
    assert rows[["figure", "series", "x_name", "x", "y"]].notna().all(axis=None)
    assert rows["y"].map(float).notna().all()
    for figure in rows["figure"].unique():
        assert len(published.points(paper, figure)) == (rows["figure"] == figure).sum()


def test_an_installed_package_has_its_points_and_says_what_it_lacks(tmp_path):
    """Built as its wheel is, and imported where there is no project folder."""
    pytest.importorskip("setuptools")
    project, installed = tmp_path / "project", tmp_path / "site"
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", project / "src", ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    build = ["-c", "import setuptools; setuptools.setup()", "-q", "build_py", "-d", installed]
    done = subprocess.run(
        [sys.executable, *build], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(installed)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    where, points, caption, no_docs = done.stdout.splitlines()
    assert where == str(installed / "implicitbias")
    assert points == str([len(published.points(paper, "3")) for paper in PAPERS])
    assert caption.endswith("Code: src/implicitbias/figures/galanti2025rank/fig14.py.")
    assert "no docs/ here" in no_docs
