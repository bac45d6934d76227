"""Published points, read off the papers' figures and tables, beside which ours are drawn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "points"
READING = 1e-4  # the points were read off vector graphics to about this


@cache
def _paper(paper: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{paper}.csv", dtype={"figure": str})


def points(paper: str, figure: str) -> pd.DataFrame:
    """Return the points of one published figure: columns panel, series, x_name, x, y.

    They are none where the paper's file has none of it. FileNotFoundError where there is no file.
    """
    rows = _paper(paper)
    return rows[rows["figure"] == figure].drop(columns="figure").reset_index(drop=True)
