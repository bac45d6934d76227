"""Average rank as a function of the tolerance at which it is counted."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ...analysis.tables import final
from .. import style
from .._learnt import AT_CHANCE, GREY
from .._ranks import split

PRINTED = "printed, and used"  # of the dotted tolerances
WORDS = {"weight_decay": "decay", "lr": "rate", "batch_size": "batch"}


def ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Return average ranks with the columns `norm` and `tolerance`."""
    rows = table[(table["layer"] == "average") & table["metric"].str.startswith("rank_")]
    parts = {metric: split(metric) for metric in rows["metric"].unique()}
    return rows.assign(
        norm=rows["metric"].map({metric: norm for metric, (norm, _) in parts.items()}),
        tolerance=rows["metric"].map({metric: float(at) for metric, (_, at) in parts.items()}),
    )


def curves(
    ax: Axes, rows: pd.DataFrame, column: str, panel: str, marks: tuple[float, ...],
    lost: frozenset[str] = frozenset(),
) -> None:  # fmt: skip
    """Draw a curve per value of `column` at the end, and the untrained networks' dashed.

    Grey: values at which no network learnt. Dotted verticals at the tolerances `marks`.
    """
    start, last = rows[rows["epoch"] == 0], final(rows)
    values = sorted(rows[column].unique())
    for value, shade in zip(values, style.shades(len(values)), strict=True):
        part = last[last[column] == value]
        learnt = part[~part["run"].isin(lost)]
        label, look = f"{WORDS[column]} {value:g}", (shade, "")
        if learnt.empty:
            learnt, label, look = part, AT_CHANCE, (GREY, "")
        style.band(ax, learnt, "tolerance", label, look, panel)
    style.band(ax, start, "tolerance", "untrained", (style.BLACK, ""), panel, linestyle="--")
    for tolerance in marks:
        ax.axvline(tolerance, color="#999999", linewidth=0.6, linestyle=":",
                   label=f"{PRINTED}: " + ", ".join(f"{mark:g}" for mark in marks))  # fmt: skip
