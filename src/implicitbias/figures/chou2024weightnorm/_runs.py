"""What this paper's experiments share: how methods look, and how their rows are chosen."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...analysis import regimes, tables
from ...analysis.claims import Condition
from .. import style

_SHADES = style.shades(5)
# Plain descent in black, ratios from light to dark. No figure has both 4 and 5.
LOOKS: dict[float, tuple[Any, str]] = {
    0.0: (style.BLACK, "D"), 0.5: (_SHADES[0], "X"), 1.0: (_SHADES[1], "v"),
    2.0: (_SHADES[2], "^"), 4.0: (_SHADES[3], "P"), 5.0: (_SHADES[3], "s"),
    10.0: (_SHADES[4], "o"),
}  # fmt: skip
PURSUIT = (style.VERMILION, "x")
CONVERGED = 1e-2  # relative residual beyond which a run has no final error to show


def name(c: float) -> str:
    """Return the legend of a rate ratio; 0 stands for plain descent."""
    return f"WN, c = {c:g}" if c else "plain"


def with_ratio(table: pd.DataFrame) -> pd.DataFrame:
    """Return a column `c`: the rate ratio, 0 where the weights are not normalised."""
    return table.assign(c=table["rate_ratio"].astype(float).fillna(0.0))


def fits(rows: pd.DataFrame) -> Condition:
    """Return the part of a regime "every compared run fits the measurements", from `ends`."""
    return regimes.condition("every compared run fits the measurements",
                             float(rows["residual"].max(skipna=False)), "largest relative residual",
                             at_most=CONVERGED)  # fmt: skip


def ends(table: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """Return one row per run: its fields, `c`, and its final values as columns."""
    return with_ratio(tables.ends(table, *metrics))
