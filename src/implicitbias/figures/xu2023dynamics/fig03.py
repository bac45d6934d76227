"""rho, training loss and test error against epochs, from two initial norms, with and without decay.

Numbered as in the author manuscript. The network has six layers, weight-normalised with frozen
gains; rho is the norm of the free last layer, and lambda the weight of rho^2 in the loss. The upper
panels are drawn as in the paper: rho on the left axis, training loss (mean squared error) and test
error on the right axis. The lower panels show what these axes hide: rho alone, with the published
curves as hollow points at the same share of training. Where our protocol differs from the paper's,
the published curves have the right axis (grey).

Training begins with a plateau on which the network gives the same answer for every image (loss 1/4,
test error 1/2) and rho falls. Then rho grows. With decay it passes a peak and comes back down.
Without decay it continues to grow, to a larger end. The published ends are 2.43 and 2.43 with
decay, 5.54 and 6.30 without. The documentation lists our readings of what the paper does not say
(strides, gains, biases of the head, the convention of lambda).
"""

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge as judged
from ...analysis.statistics import Statistic
from .. import style
from . import _weight_norm as wn

PAPER: dict[str, Any] = {**wn.PAPER, "init_norm": [0.9, 1.3], "weight_decay": [0.0, 0.002]}
FIGURE = "xu2023dynamics/fig03"
NEEDS = ("fro_norm", "train_loss", "train_accuracy", "test_accuracy")
SERIES = {
    "top": ("rho", (style.BLUE, "")), "train_loss": ("training loss", (style.GREEN, "")),
    "test_error": ("test error", (style.VERMILION, "")),
}  # fmt: skip
THEIRS = {"top": "rho", "train_loss": "train loss", "test_error": "test error"}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: rho at its end; its peak after the plateau over that; its least value
    over its start; the test error.
    """
    rows = wn.curve(wn.with_lambda(table), "top")
    end = wn.late(rows).set_index("run")["value"]
    left = rows["run"].map(wn.plateau_end(table).set_index("run")["value"])
    after = rows[rows["epoch"] >= left].groupby("run")["value"]
    groups = rows.groupby("run")["value"]
    found = rows.drop_duplicates("run").set_index("run")
    error = wn.late(wn.curve(table, "test_error")).set_index("run")["value"]
    return found.assign(
        end=end, over=after.max() / end, dip=groups.min() / found["init_norm"], error=error
    )


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the dip, the overshoot with decay, the two ends, and what the ends depend on."""
    table, left = wn.whole_seeds(table)
    judge = partial(judged, figure=FIGURE, note=left)
    runs = summary(table)
    with_decay, without = runs[runs["lam"] > 0], runs[runs["lam"] == 0]
    learnt = regimes.learn(table, wn.LEARNT)

    def mean(rows: pd.DataFrame, column: str) -> pd.Series:
        found: pd.Series = np.exp(np.log(rows[column]).groupby(rows["seed"]).mean())
        return found

    def dependence(rows: pd.DataFrame) -> pd.Series:
        logs = rows.pivot(index="seed", columns="init_norm", values="end").apply(np.log)
        found: pd.Series = logs.max(axis=1) - logs.min(axis=1)
        return found

    gap = dependence(with_decay) - dependence(without)
    errors = [rows.groupby("seed")["error"].mean() for rows in (with_decay, without)]
    return [
        judge(Statistic.of("largest rho after the plateau / at the end, with decay",
                           mean(with_decay, "over"), log=True),
              kind="paper", id="overshoots-with-decay", at_least=1.1,
              regime=[learnt], reference="figure 3, left axis: 1.28 and 1.33",
              claim="with weight decay rho overshoots its end"),
        judge(Statistic.of("largest rho after the plateau / at the end, without decay",
                           mean(without, "over"), log=True),
              kind="control", id="no-overshoot-without-decay", at_most=1.05,
              regime=[learnt], reference="figure 3, left axis: 1.00",
              claim="without weight decay rho ends at its largest value"),
        judge(Statistic.of("rho at the end, without / with decay",
                           mean(without, "end") / mean(with_decay, "end"), log=True),
              kind="paper", id="decay-lowers-rho", at_least=1.5, regime=[learnt],
              reference="figure 3, left axis: 2.3 and 2.6",
              claim="weight decay ends at a smaller rho"),
        judge(Statistic.of("least rho / initial rho, largest of the four settings",
                           runs.groupby("seed")["dip"].max(), log=True),
              kind="paper", id="dips-first", at_most=0.95, regime=[learnt],
              reference="figure 3, left axis: 0.59 to 0.78",
              claim="in every setting rho dips before it grows"),
        judge(Statistic.of("|ln ratio of the ends of both starts|, with minus without decay", gap),
              kind="paper", id="start-matters-less-with-decay", at_most=0.0,
              regime=[learnt], reference="section 3.3; figure 3: 0.00 against 0.13",
              claim="with weight decay rho's end depends less on its start",
              note="; ".join(filter(None, [left, "figure 5 of the paper has as much spread over"
                                           " starts with as without decay"]))),
        judge(Statistic.of("test error at the end, with minus without decay",
                           errors[0] - errors[1]),
              kind="paper", id="decay-gains-no-accuracy", at_least=-0.005,
              regime=[learnt], reference="figure 3, right axis: 0.121 against 0.109",
              claim="weight decay does not lower the test error"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's two by two panels, and below rho by itself."""
    rows = wn.with_lambda(table)
    lams = sorted(rows["lam"].unique(), reverse=True)[:2]
    starts = sorted(rows["init_norm"].unique())[:2]
    fig, axes = plt.subplots(
        3, 2, figsize=(style.PAGE, 6.6), layout="constrained", squeeze=False, sharex=True
    )
    for i, lam in enumerate(lams):
        for j, start in enumerate(starts):
            part = rows[(rows["lam"] == lam) & (rows["init_norm"] == start)]
            _panel(axes[i][j], part, f"lambda = {lam:g}, s = {start:g}", j == 1)
    for ax, lam in zip(axes[2], lams, strict=False):
        _zoom(ax, rows[rows["lam"] == lam], starts, f"rho, lambda = {lam:g}")
        ax.set_xlabel("epoch")
    axes[2][0].set_ylabel("rho")
    style.legend(fig, ncols=3)
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, panel: str, right_most: bool) -> None:
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    for name, (words, look) in SERIES.items():
        on = ax if name == "top" else right
        style.band(on, wn.curve(rows, name), "epoch", words, look, panel)
    ax.set(ylim=(0, 80), title=panel)
    right.set(ylim=(0, 0.8))
    right.grid(False)
    if right_most:
        right.set_ylabel("loss, error")
    else:
        ax.set_ylabel("rho")


def _zoom(ax: Axes, rows: pd.DataFrame, starts: list[float], panel: str) -> None:
    lam = "0" if rows["lam"].max() == 0 else "1e-3"
    for start in starts:
        colour = wn.start_colour(start)
        part = wn.curve(rows[rows["init_norm"] == start], "top")
        style.band(ax, part, "epoch", f"s = {start:g}", (colour, ""), panel)
    ax.set_ylim(bottom=0)
    ax.set_title(panel)
    each = [wn.points("3", f"init={start:g} lambda={lam}", "rho") for start in (0.9, 1.3)]
    wn.theirs_beside(ax, rows, each, panel, PAPER)
