"""What this paper's experiments share: how methods look, and how their rows are chosen."""

from __future__ import annotations

import pandas as pd

from ...analysis import regimes, tables
from ...analysis.claims import Condition
from .. import style

LOOKS: dict[float, tuple[str, str]] = {
    0.0: (style.BLACK, "D"), 0.5: (style.PURPLE, "X"), 1.0: (style.SKY, "v"),
    2.0: (style.GREEN, "^"), 4.0: (style.YELLOW, "P"), 5.0: (style.ORANGE, "s"),
    10.0: (style.VERMILION, "o"),
}  # fmt: skip
PURSUIT = (style.BLUE, "x")
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
