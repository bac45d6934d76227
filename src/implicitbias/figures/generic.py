"""Metrics of a sweep, against a field or over training.

A row of panels for each metric: its value at the end of training against a field of the runs, or
over training against the epoch or the step. Of a metric of matrices the mean over the layers is
drawn that are in the average. Fields that vary besides are lines of their own; where they make more
lines than can be told apart, each run is a point. A figure without claims and without code of its
own: `draw` in the config says what stands on its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.claims import Claim
from ..analysis.tables import COLUMNS, final
from . import style

PAPER: dict[str, Any] = {}
MOST_LINES, MOST_COLUMNS = 8, 5
MOST_LETTERS = 24  # of a label, where two stand side by side above one column of panels
_MARKERS = "os^vDPX<>"


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return no claims: nothing was said beforehand."""
    return []


def draw(table: pd.DataFrame) -> Figure:
    """Draw a row of panels for each metric."""
    axes = table.attrs.get("draw", {})
    varying = besides(table)
    x = axes.get("x") or next((f for f in varying if _is_number(table[f])), "epoch")
    panels = axes.get("panels")
    rows = table if x in ("epoch", "step") else final(table)
    metrics = table.attrs.get("metrics") or sorted(table["metric"].unique())
    values = [] if panels is None else sorted(table[panels].unique())
    columns = values[:MOST_COLUMNS] or [None]
    lines = [field for field in varying if field not in (x, panels)]
    width = style.COLUMN if len(columns) == 1 else style.PAGE
    figure, grid = plt.subplots(
        len(metrics), len(columns), figsize=(width, 0.6 + 1.7 * len(metrics)), squeeze=False,
        sharex=True, sharey="row", layout="constrained",
    )  # fmt: skip
    for i, metric in enumerate(metrics):
        of_metric = _drawn(rows[rows["metric"] == metric])
        for ax, value in zip(grid[i], columns, strict=True):
            shown = of_metric if panels is None else of_metric[of_metric[panels] == value]
            title = "" if panels is None else f"{style.WORDS.get(panels, panels)} {value}"
            panel(ax, shown, x, lines, " ".join(filter(None, (metric, title))))
            if i == 0 and title:
                ax.set_title(title)
        grid[i][0].set_ylabel(metric.replace("_", " "))
    for ax in grid[-1]:
        ax.set_xlabel(style.WORDS.get(x, x.replace("_", " ")))
    labels = _labels(rows, lines)
    if lines and len(labels) <= MOST_LINES:
        long = len(columns) == 1 and max(map(len, labels)) > MOST_LETTERS
        style.legend(figure, ncols=1 if long else 2)
    elif lines:
        style.remark(figure, f"A point for each run; {', '.join(lines)} vary besides")
    if len(values) > len(columns):
        style.remark(figure, f"The first {len(columns)} of {len(values)} values of {panels}")
    return figure


def panel(ax: Axes, rows: pd.DataFrame, x: str, lines: Sequence[str], panel: str) -> None:
    """Draw one metric against x: a line for each value of the other fields, or a point a run."""
    labels = _labels(rows, lines)
    if len(labels) > MOST_LINES:
        style.dots(ax, rows[x], rows["value"], "run", style.layer_look(5), panel=panel,
                   series="run", x_name=x)  # fmt: skip
    else:
        for i, (label, colour) in enumerate(zip(labels, style.shades(len(labels)), strict=True)):
            own = rows[_label_of(rows, lines) == label] if lines else rows
            look = (colour, _MARKERS[i % len(_MARKERS)])
            style.band(ax, own, x, label or "all runs", look, panel)
    if _is_number(rows[x]) and rows[x].min() > 0 and rows[x].max() >= 20 * rows[x].min():
        ax.set_xscale("log")


def besides(table: pd.DataFrame, *known: str) -> list[str]:
    """Return the fields of runs, but for these, that vary, in the order of the spec."""
    runs = table.drop_duplicates("run")
    fields = [str(c) for c in runs if c not in (*COLUMNS, *known, "seed")]
    return [c for c in fields if runs[c].astype(str).nunique() > 1]


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the average over layers, or of the network, or else of all layers."""
    for layer in ("average", "network"):
        if (rows["layer"] == layer).any():
            return rows[rows["layer"] == layer]
    return rows


def _label_of(rows: pd.DataFrame, lines: Sequence[str]) -> pd.Series:
    words = [style.WORDS.get(f, f) + " " + rows[f].astype(str) for f in lines]
    label = words[0]
    for more in words[1:]:
        label = label + ", " + more
    return label


def _labels(rows: pd.DataFrame, lines: Sequence[str]) -> list[str]:
    """Return the labels of the lines, in the order of the fields' values."""
    if not lines:
        return [""]
    ordered = rows.sort_values(list(lines)) if len(rows) else rows
    return list(dict.fromkeys(_label_of(ordered, lines)))
