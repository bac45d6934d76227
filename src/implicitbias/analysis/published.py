"""Published points, read off the papers' vector graphics, beside which ours are drawn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "points"


@cache
def _paper(paper: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{paper}.csv", dtype={"figure": str})


def points(paper: str, figure: str) -> pd.DataFrame:
    """Columns panel, series, x_name, x, y of one published figure; a paper without a file: none."""
    rows = _paper(paper)
    return rows[rows["figure"] == figure].drop(columns="figure").reset_index(drop=True)
