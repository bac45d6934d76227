"""What this paper's experiments share: how penalties look, and how their rows are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ...analysis.tables import final
from .. import style

LOOKS: dict[str, tuple[str, str]] = {
    "l1": (style.BLUE, "o"), "l0": (style.VERMILION, "s"), "tl1": (style.GREEN, "^"),
    "none": (style.BLACK, "D"), "tl1, a = 0.1": (style.ORANGE, "v"),
    "tl1, a = 10": (style.SKY, "P"),
}  # fmt: skip
NAMES = {
    "l1": "l1", "l0": "l0", "tl1": "transformed l1", "none": "no penalty",
    "tl1, a = 0.1": "transformed l1, a = 0.1", "tl1, a = 10": "transformed l1, a = 10",
}  # fmt: skip
PARTS = {
    "l1": "l1", "l0": "l0", "tl1": "tl1", "tl1, a = 0.1": "tl1-0.1", "tl1, a = 10": "tl1-10",
}  # of ids  # fmt: skip
LINES = {"tl1": "--"}  # l1 and transformed l1 often lie on each other; others are solid
SHORT = {"l1": "l1", "l0": "l0", "tl1": "tl1"}
PENALISED = ("l1", "l0", "tl1")


def with_method(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column `method`: the penalty, and the shape of transformed l1 unless a = 1."""
    shaped = (table["penalty"] == "tl1") & (table["tl1_shape"] != 1)
    label = "tl1, a = " + table["tl1_shape"].map("{:g}".format)
    return table.assign(method=table["penalty"].where(~shaped, label))


def methods(table: pd.DataFrame) -> list[str]:
    """Return the penalised methods that the table has, from the least shrinking to the most."""
    order = ["l0", "tl1, a = 0.1", "tl1", "tl1, a = 10", "l1"]
    return [m for m in order if m in set(table["method"])]


def metric(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one quantity of the whole network at every record."""
    return table[(table["metric"] == name) & (table["layer"] == "network")]


def last(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one quantity at the end of each run."""
    return metric(final(table), name)


def of_penalties(table: pd.DataFrame) -> list[str]:
    """Return the penalties that the table has, in the order of the legends."""
    return [p for p in NAMES if p in set(table["penalty"])]


def trajectories(ax: Axes, table: pd.DataFrame, name: str, floor: float = 0.0) -> None:
    """Draw a quantity by iteration, from the first one on, for each penalty.

    Runs that have stopped keep their value. Means are arithmetic: those of logarithms would be set
    by the floor, where runs under l0 that keep the whole support end.
    """
    chosen = metric(table, name)
    for penalty in of_penalties(table):
        rows = chosen[chosen["penalty"] == penalty]
        wide = rows.pivot_table(index="epoch", columns="seed", values="value").ffill()
        held = wide.reset_index().melt(id_vars="epoch", value_name="value")
        held = held[held["epoch"] >= 1].assign(value=lambda t: t["value"].clip(lower=floor))
        style.band(ax, held, "epoch", NAMES[penalty], (LOOKS[penalty][0], ""), name,
                   linestyle=LINES.get(penalty, "-"))  # fmt: skip
    ax.set_xscale("log")


def bars(
    ax: Axes, groups: Any, x: str, y: str, label: str, look: tuple[str, str], panel: str,
    floor: float = -np.inf, **line: Any,
) -> None:  # fmt: skip
    """Draw the mean over seeds, both ways, with bars from the smallest to the largest seed.

    groups: rows of runs, grouped; a point per group. Losses below the floor are drawn there.
    """
    mean, low, high, n = (getattr(groups[[x, y]], f)() for f in ("mean", "min", "max", "count"))
    mean = mean.clip(lower=floor)
    ax.plot(mean[x], mean[y], color=look[0], marker=look[1], label=label, **line)
    ax.vlines(mean[x], low[y].clip(lower=floor), high[y], color=look[0], alpha=0.3, linewidth=1)
    for i in mean.index:
        style.note(ax, panel=panel, series=label, x_name=x, x=mean.loc[i, x],
                   mean=mean.loc[i, y], low=low.loc[i, y], high=high.loc[i, y],
                   n=int(n.loc[i, y]))  # fmt: skip
