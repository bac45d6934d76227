"""Average rank as a function of the tolerance at which it is counted."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ...analysis.tables import final
from .. import style
from .._ranks import split

WORDS = {"weight_decay": "decay", "lr": "rate", "batch_size": "batch"}
COLOURS = (style.SKY, style.BLUE, style.GREEN, style.YELLOW, style.ORANGE, style.VERMILION,
           style.PURPLE)  # fmt: skip


def ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Return average ranks with the columns `norm` and `tolerance`."""
    rows = table[(table["layer"] == "average") & table["metric"].str.startswith("rank_")]
    parts = {metric: split(metric) for metric in rows["metric"].unique()}
    return rows.assign(
        norm=rows["metric"].map({metric: norm for metric, (norm, _) in parts.items()}),
        tolerance=rows["metric"].map({metric: float(at) for metric, (_, at) in parts.items()}),
    )


def curves(ax: Axes, rows: pd.DataFrame, column: str, panel: str, marks: tuple[float, ...]) -> None:
    """Draw a curve per value of `column` at the end, and the untrained networks' dashed.

    Dotted verticals at the tolerances `marks`.
    """
    start, last = rows[rows["epoch"] == 0], final(rows)
    for value, colour in zip(sorted(rows[column].unique()), COLOURS, strict=False):
        part = last[last[column] == value]
        style.band(ax, part, "tolerance", f"{WORDS[column]} {value:g}", (colour, ""), panel)
    style.band(ax, start, "tolerance", "untrained", (style.BLACK, ""), panel, linestyle="--")
    for tolerance in marks:
        ax.axvline(tolerance, color="#999999", linewidth=0.6, linestyle=":")
