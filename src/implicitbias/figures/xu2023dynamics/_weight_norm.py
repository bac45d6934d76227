"""Figures 3 to 10 share the weight-normalised runs, their quantities and the published points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis import published, regimes
from ...analysis.tables import NETWORK
from .. import comparable, style

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "classes": "[1, 2]", "model": "conv4_fc", "width": 32, "batch_size": 128,
    "epochs": 1000, "lr": 0.03, "momentum": 0.9,
}  # fmt: skip
LEARNT = 0.9  # training accuracy from which on a network has learnt two classes
AT_CHANCE = (
    "a network of which did not learn; until two fresh seeds of scale small had been seen, one such"
    " network made the claim not tested"
)
PLATEAU = 0.45  # test error below which a network has left the plateau
LATE = 0.9  # share of the epochs from which on records are averaged, as in the paper's tables
DECAYED, FREE = (style.VERMILION, "s"), (style.BLUE, "o")
STARTS = (0.8, 0.9, 1.0, 1.2, 1.3, 1.5)  # the paper's initial norms


def with_lambda(table: pd.DataFrame) -> pd.DataFrame:
    """Add `lam`, the paper's lambda of lambda rho^2: half of torch's weight_decay."""
    return table.assign(lam=table["weight_decay"] / 2)


def whole_seeds(table: pd.DataFrame, least: float = LEARNT) -> tuple[pd.DataFrame, str]:
    """Return the rows of the seeds all of whose networks learnt, and a note on the others.

    Where no such seed is left, return all rows: the claims are then not tested, because networks
    did not learn.
    """
    found = regimes.accuracies(table)
    seeds = table.drop_duplicates("run").set_index("run")["seed"].reindex(found.index)
    lost = set(seeds[~(found >= least)])
    kept = table[~table["seed"].isin(lost)]
    if not lost or kept.empty:
        return table, ""
    return kept, f"{len(lost)} of {seeds.nunique()} seeds left out, {AT_CHANCE}"


def curve(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a quantity at every record.

    `top` is rho as in the paper's figures 3 to 5 and 8, the norm of the last layer. `train_error`
    and `test_error` are 1 - accuracy. Every other name is a recorded quantity of the network.
    """
    layer, name = NETWORK, metric
    if metric == "top":
        layer, name = "head", "fro_norm"
    error = metric.endswith("_error")
    if error:
        name = metric.replace("_error", "_accuracy")
    rows = table[(table["metric"] == name) & (table["layer"] == layer)]
    return rows.assign(value=1 - rows["value"] if error else rows["value"], metric=metric)


def late(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: the mean over the records of the last tenth of its epochs.

    A run with a missing value among these records has no mean.
    """
    kept = rows[rows["epoch"] >= LATE * rows["epochs"]]
    mean = kept.groupby("run")["value"].agg(lambda v: v.mean(skipna=False))
    found = kept.drop_duplicates("run")
    return found.assign(value=found["run"].map(mean).astype(float))


def ends(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return a row per run: its fields, and the late values of quantities as columns."""
    first, *others = (late(curve(table, name)).rename(columns={"value": name}) for name in names)
    for other in others:
        name = str(other["metric"].iloc[0]) if len(other) else names[-1]
        first = first.merge(other[["run", name]], on="run")
    return first


def plateau_end(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: the first recorded epoch with a test error below 0.45, NaN if none."""
    rows = curve(table, "test_error")
    left = rows[(rows["epoch"] > 0) & (rows["value"] < PLATEAU)].groupby("run")["epoch"].min()
    found = rows.drop_duplicates("run")
    return found.assign(value=found["run"].map(left).astype(float), metric="plateau_end")


def points(figure: str, panel: str, series: str) -> pd.DataFrame:
    """Return the published points of a series of a panel, columns x and y."""
    rows = published.points("xu2023dynamics", figure)
    return rows[(rows["panel"] == panel) & (rows["series"] == series)]


def label(table: pd.DataFrame, paper: dict[str, Any]) -> str:
    """Return the label that says what published points are beside our runs."""
    return "published" if same(table, paper) else "published (its own protocol)"


def same(table: pd.DataFrame, paper: dict[str, Any]) -> bool:
    """Return whether published points belong on our own axes: the protocol is the paper's."""
    return comparable(table.drop_duplicates("run"), paper)


def theirs(
    ax: Axes, table: pd.DataFrame, rows: pd.DataFrame, panel: str, paper: dict[str, Any],
    most: int = 30,
) -> None:  # fmt: skip
    """Draw at most `most` published points over epochs, at the same share of training as ours."""
    ours, full = float(table["epochs"].max()), float(paper["epochs"])
    words = label(table, paper)
    if ours != full:
        words = words.replace(")", ", epochs scaled)")
    kept = rows.iloc[:: max(1, round(len(rows) / most))]
    style.points(ax, list(kept["x"] * ours / full), list(kept["y"]), words, panel)


def theirs_beside(
    ax: Axes, table: pd.DataFrame, each: list[pd.DataFrame], panel: str, paper: dict[str, Any]
) -> None:
    """Draw published curves on our axes if our protocol is the paper's, else on the right axis.

    The right axis has another scale; its grey ticks show this.
    """
    on = ax
    if not same(table, paper):
        on = ax.twinx()
        on.spines["right"].set_visible(True)
        on.tick_params(axis="y", colors="#555555")
        on.grid(False)
    for rows in each:
        theirs(on, table, rows, f"{panel}, published", paper)
    on.set_ylim(bottom=0)


def bars(
    ax: Axes, rows: pd.DataFrame, x: str, places: dict[float, float], name: str,
    look: tuple[str, str], panel: str, width: float = 0.7,
) -> None:  # fmt: skip
    """Draw a bar per value of x: the mean over seeds, with the range from smallest to largest."""
    groups = rows.groupby(x)["value"]
    mean, low, high, n = (getattr(groups, f)() for f in ("mean", "min", "max", "count"))
    at = [places[float(str(v))] for v in mean.index]
    ax.bar(at, mean, width, color=look[0], alpha=0.75, label=name)
    ax.vlines(at, low, high, color=style.BLACK, linewidth=1.0, zorder=3)
    for value, cells in pd.DataFrame({"mean": mean, "low": low, "high": high, "n": n}).iterrows():
        numbers = {str(k): v for k, v in cells.items()}
        style.note(ax, panel=panel, series=name, x_name=x, x=value, **numbers)


def published_start(start: float) -> float:
    """Return the paper's initial norm that ours stands for: equal, or twice ours at scale small."""
    whole = start if start > 0.75 else 2 * start
    return min(STARTS, key=lambda s: abs(s - whole))


def start_colour(start: float) -> Any:
    """Return the colour of an initial norm, or of half of it; smaller norms are lighter."""
    return style.shades(len(STARTS))[STARTS.index(published_start(start))]


def start_legend(figure: Figure, starts: Iterable[float], **look: Any) -> None:
    """Write the legend of the initial norms, ours and the paper's, in order.

    look: keyword arguments of Line2D.
    """
    each = sorted(set(starts))
    title, names = "initial norm s", [f"{start:g}" for start in each]
    if any(published_start(start) != start for start in each):
        title += ": ours (published)"
        names = [f"{start:g} ({published_start(start):g})" for start in each]
    handles = [Line2D([], [], color=start_colour(start), **look) for start in each]
    figure.legend(handles, names, loc="outside upper center", ncols=max(1, len(each)), title=title)


def slope(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """Return the slope of the least-squares line; NaN for fewer than two different x."""
    if len(np.unique(x)) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    return float(np.polyfit(x, y, 1)[0])
