"""Weight decay against none, all else the same: average rank, and test accuracy (ResNet-18).

A dot is one setting of batch size, learning rate and weight decay, the mean over seeds, with the
range from smallest to largest seed. The horizontal axis is its total decay exponent, the sum of
learning rate x weight decay over steps; decay alone would multiply the initial weights by
exp(-exponent). Left: the final rank over the rank of the network without decay from the same seed.
Right: the difference of their test accuracies. Hollow: networks that do not fit the training set.

The paper's abstract says that weight decay is necessary for the bias to low rank, and its text that
low rank has a noticeable, yet marginal effect on generalisation; it shows a network without decay
beside one with decay only in figures 1 (c) and 11. The runs are those of figures 1 to 4.
"""

from __future__ import annotations

import math
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from .._learnt import at_chance, drawn
from .._rank_claims import regime, with_decay
from .._ranks import judged, named, rank
from . import _convnets

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.01, "batch_size": [4, 8, 16], "lr": [0.1, 0.5, 1, 2],
    "weight_decay": [5e-4],
}  # fmt: skip
FIGURE = "galanti2025rank/exp_decay"
NEEDS = ("train_accuracy", "test_accuracy")
AS_PUBLISHED, SCALED = "rank_fro_1e-3", "rank_fro_7e-2"
SETTING = ["batch_size", "lr", "seed"]  # what a run shares with its control
LOST = 0.1  # of the untrained rank: what networks without decay may lose at most
LOWEST = -0.15  # the lower end of the panel of test accuracies
MARGINAL = 0.02  # of test accuracy
FORGOTTEN = 1.0  # a total decay exponent at which decay alone leaves 37% of the initial weights


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the runs with decay; `plain` is the value of the run without, or NaN."""
    plain = rows[rows["weight_decay"] == 0].set_index(SETTING)["value"].rename("plain")
    decayed: pd.DataFrame = with_decay(rows).join(plain, on=SETTING)
    return decayed


def fitting(table: pd.DataFrame) -> set[str]:
    """Return the runs that fit their training set."""
    found = regimes.accuracies(table)
    return {str(run) for run in found.index[found >= regimes.FIT]}


def kept_without_decay(table: pd.DataFrame, metric: str) -> pd.Series:
    """Return, by seed, the least share of its untrained rank that a network without decay keeps."""
    rows = table[(table["weight_decay"] == 0) & (table["layer"] == "average")]
    rows = rows[rows["metric"] == metric]
    start = rows[rows["epoch"] == 0].set_index("run")["value"]
    last = rank(rows, metric)
    share = last["value"] / last["run"].map(start).astype(float)
    least: pd.Series = share.groupby(last["seed"]).min()
    return least


def claims(table: pd.DataFrame) -> list[Claim]:
    """Decay lowers the rank and nothing else does; its effect on test accuracy is small."""
    table, left = regimes.learnt(table)
    metric = judged(table, AS_PUBLISHED, SCALED)
    ranks, at = paired(rank(table, metric)), named(metric)
    ranks = ranks[ranks["run"].map(regimes.exponent(table)) >= FORGOTTEN]
    logs = pd.Series(np.log(ranks["value"] / ranks["plain"]), index=ranks.index)
    ratio = logs.groupby(ranks["seed"]).mean().map(math.exp)
    fit = fitting(table)
    tests = rank(table, "test_accuracy", "network")
    tests = paired(tests[tests["run"].isin(fit)]).dropna(subset=["plain"])
    gain = (tests["value"] - tests["plain"]).groupby(tests["seed"]).mean()
    seen = regime(table, metric)
    there = regimes.runs(tests, "networks that fit, with and without decay")
    return [
        judge(
            Statistic.of("least share of the untrained rank kept",
                         kept_without_decay(table, metric)),
            figure=FIGURE, id="decay-is-necessary", kind="paper", at_least=1 - LOST, regime=seen,
            claim=f"without weight decay no network loses a tenth of its untrained rank, {at}",
            note=left,
        ),
        judge(
            Statistic.of("rank with decay / without, mean over settings with a total decay exponent"
                         f" of at least {FORGOTTEN:g}", ratio, log=True),
            figure=FIGURE, id="decay-lowers-rank", kind="paper", at_most=1 - LOST, regime=seen,
            claim=f"weight decay, all else the same, lowers the rank by over a tenth, {at}",
            note=left,
        ),
        judge(
            Statistic.of("|mean over settings of test accuracy with decay - without|", gain.abs()),
            figure=FIGURE, id="marginal-effect-on-accuracy", kind="paper", at_most=MARGINAL,
            claim=f"among networks that fit, decay changes test accuracy by under {MARGINAL:g}",
            regime=[there, *seen],
        ),
        judge(
            Statistic.of("mean over settings of test accuracy with decay - without", gain),
            figure=FIGURE, id="noticeable-effect-on-accuracy", kind="paper", at_least=0.0,
            claim="among networks that fit, decay does not lower test accuracy",
            regime=[there, *seen],
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw both effects against the total decay exponent, a colour for each batch size."""
    fig, lost = plt.figure(figsize=(style.PAGE, 3.0), layout="constrained"), at_chance(table)
    labels = drawn(fig, table, lost)
    *lefts, right = fig.subplots(1, len(labels) + 1)
    table = table[~table["run"].isin(lost)]
    for ax, (metric, at) in zip(lefts, labels.items(), strict=True):
        ranks = paired(rank(table, metric))
        rows = ranks.assign(value=ranks["value"] / ranks["plain"])
        _dots(ax, rows, table, "rank" if ax is lefts[0] else f"rank, {at}")
        ax.axhline(1, color=style.BLACK, linewidth=0.6, label="no effect")
        ax.set(ylabel=f"average rank with decay /\nwithout, {at}", ylim=(0, 1.1))
    tests = paired(rank(table, "test_accuracy", "network"))
    gains = tests.assign(value=tests["value"] - tests["plain"])
    _dots(right, gains, table, "test accuracy")
    right.axhline(0, color=style.BLACK, linewidth=0.6)
    right.set(ylabel="test accuracy with decay −\nwithout")
    if lost:
        style.remark(fig, f"Networks at chance, left out: {len(lost)}")
    least = float(gains["value"].min())
    if least < LOWEST:
        right.set_ylim(bottom=LOWEST)
        style.remark(
            fig, f"Below the right panel lie networks that do not fit, down to {least:.2g}"
        )
    style.legend(fig, lefts[0])
    return fig


def _dots(ax: Axes, rows: pd.DataFrame, table: pd.DataFrame, panel: str) -> None:
    ax.set(xscale="log", xlabel="total decay exponent")
    exponents, fit = regimes.exponent(table), fitting(table)
    rows = rows.assign(x=rows["run"].map(exponents), fits=rows["run"].isin(fit))
    sizes = sorted(rows["batch_size"].unique())
    for size, shade, marker in zip(sizes, style.shades(len(sizes)), cycle("osD^v<"), strict=False):
        groups = rows[rows["batch_size"] == size].groupby(["lr", "weight_decay"])
        for _, runs in groups:
            low, mean, high = (getattr(runs["value"], f)() for f in ("min", "mean", "max"))
            x, full = runs["x"].mean(), bool(runs["fits"].all())
            ax.plot([x, x], [low, high], color=shade, linewidth=0.8)
            ax.plot(x, mean, marker, color=shade, markerfacecolor=shade if full else "white")
            style.note(ax, panel=panel, series=f"B = {size}" + ("" if full else ", does not fit"),
                       x_name="total decay exponent", x=x, mean=mean, low=low, high=high,
                       n=runs["value"].count())  # fmt: skip
        ax.plot([], [], marker, color=shade, linestyle="none", label=f"B = {size}")
    ax.plot([], [], "o", color="#777777", markerfacecolor="white", linestyle="none",
            label="does not fit")  # fmt: skip
