"""Ratios of a layer's norm between records, and whether they are more than decay (figures 5, 17).

Without a gradient one step multiplies W by 1 - lr x weight_decay. The theorem assumes that the
ratio of norms one step apart tends to 1; where a norm shrinks at just the rate of decay, its
bound says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...plan.schedules import multiplier
from .. import style
from .._ranks import IDS

LATE = (
    "judged there since the runs of scale small were seen, until then between the last two records"
)


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run, layer and pair of successive records; `epoch` is that of the later one.

    ratio: ||W_later|| / ||W_earlier||. log_decay: sum over the steps between of log(1 - lr_t
    weight_decay). of_decay: log(ratio) / log_decay, the mean change of log ||W|| per step in units
    of pure decay's: 1 where the norm only decays, 0 where it has settled; NaN without decay.
    """
    rows = table[(table["metric"] == "fro_norm") & table["layer"].str.startswith("layer")]
    rows = rows.sort_values(["run", "layer", "epoch"]).copy()
    earlier = rows.groupby(["run", "layer"])[["epoch", "value"]].shift()
    rows["ratio"] = rows["value"] / earlier["value"]
    decays = {str(run): _cumulative(group) for run, group in rows.groupby("run")}
    rows = rows.assign(before=earlier["epoch"]).dropna(subset=["before"])
    rows["log_decay"] = [
        decays[run][int(end)] - decays[run][int(start)]
        for run, start, end in zip(rows["run"], rows["before"], rows["epoch"], strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.log(rows["ratio"]) / rows["log_decay"]
    return rows.assign(of_decay=share.where(rows["weight_decay"] > 0))


def _cumulative(run: pd.DataFrame) -> NDArray[np.float64]:
    """log of the share of W that pure decay leaves after 0, 1, ... completed epochs."""
    ordered = run.sort_values("epoch")
    first, last = ordered.iloc[0], ordered.iloc[-1]
    epochs, steps = int(last["epoch"]), int(last["step"]) // max(int(last["epoch"]), 1)
    milestones, factor = json.loads(first["lr_milestones"]), first["lr_factor"]
    kind = first.get("lr_schedule", "steps")  # of square_sgd alone
    schedule = [multiplier(e, epochs, milestones, factor, kind) for e in range(epochs)]
    rates = first["lr"] * np.array(schedule)
    return np.concatenate([[0], np.cumsum(steps * np.log1p(-rates * first["weight_decay"]))])


def claims(table: pd.DataFrame, figure: str, column: str) -> list[Claim]:
    """Judge the paper's reading of the curves, and the theorem's assumption, for each panel.

    Both at the last record before the last cut of the learning rate, after which every ratio is
    near 1 because the steps are small.
    """
    judged = []
    rows = ratios(table)
    last = _before_last_cut(rows[rows["weight_decay"] > 0])
    for value, runs in last.groupby(column):
        moved = float(np.exp(-runs["log_decay"].max())) - 1
        shown = regimes.condition(
            "decay alone would move the norm by more than is asked", moved,
            "share by which pure decay lowers a norm between the two records", at_least=0.05,
        )  # fmt: skip
        at, part = f"{style.WORDS[column]} {value:g}", f"{IDS[column]}-{value:g}"
        judged.append(
            judge(
                _largest(runs.assign(gap=(runs["ratio"] - 1).abs()), "gap", "|ratio - 1|"),
                figure=figure, kind="paper", at_most=0.05, regime=[shown],
                id=f"ratio-near-1-{part}",
                claim=f"before the last cut of the learning rate the ratio is within 0.05 of 1 in"
                f" every layer, {at}",
                note=LATE,
            )
        )  # fmt: skip
        judged.append(
            judge(
                _largest(runs.assign(gap=runs["of_decay"].abs()), "gap",
                         "|log ratio| per step over that of pure decay"),
                figure=figure, kind="control", at_most=0.5,
                id=f"norms-settled-{part}",
                claim="before the last cut of the learning rate every norm changes at under half"
                f" the rate of pure decay, {at}",
                note=f"the theorem's assumption: the norms have settled; {LATE}",
            )
        )  # fmt: skip
    return judged


def _before_last_cut(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run at its last record before its last milestone, or at its end."""
    cuts = [max(json.loads(m), default=0) - 1 for m in rows["lr_milestones"]]
    before = rows[(np.array(cuts) < 0) | (rows["epoch"] <= cuts)]
    return before[before["epoch"] == before.groupby("run")["epoch"].transform("max")]


def _largest(rows: pd.DataFrame, column: str, words: str) -> Statistic:
    """The largest over layers, for each seed; NaN if a layer has none."""
    by_seed = rows.groupby("seed")[column].agg(lambda v: v.max(skipna=False))
    return Statistic.of(f"largest {words} over the layers, before the last cut", by_seed)


def draw(table: pd.DataFrame, column: str, layers: Sequence[int]) -> Figure:
    """Draw a column per value of `column`: ratios above, in units of pure decay's below."""
    rows = ratios(table)
    values: list[Hashable] = sorted(rows[column].unique())
    fig, axes = plt.subplots(
        2, len(values), figsize=(style.PAGE, 4.0), sharex=True, sharey="row", layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for j, value in enumerate(values):
        part = rows[rows[column] == value]
        _panel(axes[0][j], axes[1][j], part, f"{style.WORDS[column]} {value:g}", layers)
        axes[0][j].set_title(f"{style.WORDS[column]} {value:g}")
        axes[1][j].set_xlabel("completed epochs")
    axes[0][0].set_ylabel("norm / norm one record before")
    axes[0][0].set_yscale("log")
    axes[0][0].yaxis.set_major_formatter("{x:g}")
    axes[0][0].yaxis.set_minor_formatter("{x:g}")
    axes[1][0].set_ylabel("change of log norm per step,\nin units of pure decay")
    axes[1][0].set_ylim(-0.5, 1.5)
    for ax in axes.flat:
        for milestone in json.loads(rows["lr_milestones"].iloc[0]) if len(rows) else ():
            ax.axvline(milestone - 1, color="#999999", linewidth=0.6, linestyle="-.",
                       label=f"rate × {rows['lr_factor'].iloc[0]:g}")  # fmt: skip
    style.legend(fig, axes[0][0], axes[1][0], loc="outside right center", ncols=1)
    return fig


def _panel(above: Axes, below: Axes, part: pd.DataFrame, panel: str, layers: Sequence[int]) -> None:
    decayed, control = part[part["weight_decay"] > 0], part[part["weight_decay"] == 0]
    for layer, rgba in zip(layers, style.shades(len(layers)), strict=True):
        rows, look = decayed[decayed["layer"] == f"layer{layer}"], (rgba, "")
        for ax, name in ((above, "ratio"), (below, "of_decay")):
            values = rows.assign(value=rows[name])
            style.band(ax, values, "epoch", f"layer {layer}", look, f"{panel}, {name}")
    if len(control):
        means = control.groupby(["run", "epoch"])["ratio"].mean().rename("value").reset_index()
        look = style.SERIES["control"]
        style.band(above, means, "epoch", "all, no decay", look, f"{panel}, ratio", linestyle="--")
    pure = decayed.drop_duplicates("epoch").assign(value=lambda r: np.exp(r["log_decay"]))
    for ax, rows in ((above, pure), (below, pure.assign(value=1.0))):
        ax.plot(rows["epoch"], rows["value"], color=style.BLACK, linestyle=":", label="pure decay")
    below.axhline(0, color=style.BLACK, linewidth=0.6, label="settled")
