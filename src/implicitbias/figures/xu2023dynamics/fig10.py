"""Densities of the training margins at the end, over initial norms, with and without decay.

Numbered as in the author manuscript. Networks are as in figure 3. The upper panels show the margins
y_n f_n of the training examples, where f is the network whose layers all have norm 1, with all
seeds of an initial norm s together. Dashed lines are our means. Hollow diamonds, drawn where our
protocol is the paper's, are the published means, 2.6e-3 with decay and 1.1e-3 to 1.25e-3 without.
The lower panels show the same margins over their own mean, so that both widths fit on one axis.

Without decay margins are smaller and nearly all equal, because a network that fits its targets
exactly has y_n f_n = 1 / rho for every example. With decay margins are larger and less equal. In
the paper the standard deviations over examples differ by a factor of about a hundred.
"""

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge as judged
from ...analysis.statistics import Statistic
from .. import style
from . import _weight_norm as wn
from .fig08 import density

PAPER: dict[str, Any] = {**wn.PAPER, "init_norm": [0.8, 0.9, 1.0, 1.2, 1.3, 1.5]}
FIGURE = "xu2023dynamics/fig10"
NEEDS = ("rho", "margin_mean", "margin_std", "train_accuracy", "margin_distribution")


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: mean margin over rho, and the standard deviation over the mean."""
    runs = wn.ends(wn.with_lambda(table), "rho", "margin_mean", "margin_std")
    return runs.assign(margin=runs["margin_mean"] / runs["rho"],
                       spread=runs["margin_std"] / runs["margin_mean"])  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that decay makes margins larger and less equal, and that nets without it fit."""
    table, left = wn.whole_seeds(table, regimes.FIT)
    judge = partial(judged, figure=FIGURE, note=left)
    runs, fitted = runs_of(table), regimes.fit(table)
    logs = runs[["margin", "spread"]].apply(np.log)
    means = logs.groupby([runs["lam"] > 0, runs["seed"]]).mean().apply(np.exp)
    ratio = means.loc[True] / means.loc[False]
    miss = (runs["margin_mean"] - 1).abs()[runs["lam"] == 0]
    return [
        judge(Statistic.of("mean margin with / without decay", ratio["margin"], log=True),
              kind="paper", id="margins-larger-with-decay", at_least=1.5,
              regime=[fitted], reference="figure 10: 2.1 to 2.3",
              claim="margins are larger with weight decay"),
        judge(Statistic.of("std over mean of the margins, with / without decay", ratio["spread"],
                           log=True),
              kind="paper", id="margins-less-equal-with-decay", at_least=1.5,
              regime=[fitted], reference="figure 10: 40 to 150",
              claim="margins are less equal with weight decay"),
        judge(Statistic.of("|mean of y g - 1| without decay", miss.groupby(runs["seed"]).mean()),
              kind="control", id="fits-exactly-without-decay", at_most=0.02,
              regime=[fitted], reference="figures 5 and 10: 1 by construction of the gain",
              claim="without decay the network comes to its targets"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the densities of margins above, and of margins over their mean below."""
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.6), layout="constrained")
    rows = wn.with_lambda(table)
    last = rows[rows["epoch"] == rows["epochs"]]
    rho = wn.curve(last, "rho").set_index("run")["value"]
    margins = last[last["metric"] == "margin_distribution"]
    for j, decays in enumerate((True, False)):
        part = margins[(margins["lam"] > 0) == decays]
        lam = part["lam"].max() if len(part) else 0.0
        panel = f"lambda = {lam:g}"
        for start, own in part.groupby("init_norm"):
            _densities(axes[0][j], axes[1][j], own, rho, float(str(start)), panel)
        if wn.same(table, PAPER):
            _published(axes[0][j], "1e-3" if decays else "0", panel)
        axes[0][j].set(title=panel, xlabel="margin y f")
        axes[0][j].xaxis.set_major_locator(ticker.MaxNLocator(5))
        axes[1][j].set(xlabel="margin / its mean")
    axes[1][1].set_xlim(axes[1][0].get_xlim())
    for ax in axes[:, 0]:
        ax.set_ylabel("density")
    for ax in axes.flat:
        ax.set_ylim(bottom=0)
    wn.start_legend(fig, margins["init_norm"])
    return fig


def _densities(
    above: Axes, below: Axes, own: pd.DataFrame, rho: pd.Series, start: float, panel: str
) -> None:
    colour = wn.start_colour(start)
    each = [
        np.asarray(v, float) / rho[run] for run, v in zip(own["run"], own["values"], strict=True)
    ]
    pooled = np.sort(np.concatenate(each))
    for ax, values, name in (
        (above, pooled, panel),
        (below, pooled / pooled.mean(), f"{panel}, relative"),
    ):
        x, y = density(values)
        ax.plot(x, y, color=colour)
        style.notes(ax, x, y, panel=name, series=f"s = {start:g}", x_name="margin", n=len(each))
    above.axvline(pooled.mean(), color=colour, linestyle="--", linewidth=0.8)


def _published(ax: Axes, lam: str, panel: str) -> None:
    rows = wn.points("10", f"lambda={lam}", "mean margin")
    level = 0.05 * ax.get_ylim()[1]
    style.points(ax, list(rows["y"]), [level] * len(rows), "published mean", panel)
