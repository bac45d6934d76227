"""Average rank as a function of the tolerance at which it is counted."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ...analysis.tables import final
from .. import style

NORMS = {"rank_fro": "Frobenius norm", "rank_spec": "spectral norm"}
WORDS = {"weight_decay": "decay", "lr": "rate", "batch_size": "batch"}
COLOURS = (style.SKY, style.BLUE, style.GREEN, style.YELLOW, style.ORANGE, style.VERMILION,
           style.PURPLE)  # fmt: skip


def ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Average ranks with the columns `norm` and `tolerance`."""
    rows = table[(table["layer"] == "average") & table["metric"].str.startswith("rank_")]
    parts = rows["metric"].str.rpartition("_")
    return rows.assign(norm=parts[0], tolerance=parts[2].astype(float))


def curves(ax: Axes, rows: pd.DataFrame, column: str, panel: str, marks: tuple[float, ...]) -> None:
    """A curve per value of `column` at the end, and the untrained networks' dashed.

    Dotted verticals at the tolerances `marks`.
    """
    start, last = rows[rows["epoch"] == 0], final(rows)
    for value, colour in zip(sorted(rows[column].unique()), COLOURS, strict=False):
        part = last[last[column] == value]
        style.band(ax, part, "tolerance", f"{WORDS[column]} {value:g}", (colour, ""), panel)
    style.band(ax, start, "tolerance", "untrained", (style.BLACK, ""), panel, linestyle="--")
    for tolerance in marks:
        ax.axvline(tolerance, color="#999999", linewidth=0.6, linestyle=":")
