"""Histograms of the margins over training, and rho, with weight decay.

Numbered as in the author manuscript. The run is that of figure 3 from initial norm 0.9 with lambda
0.001; our histograms show one seed. Left: the margins y_n f_n of the training examples, where f is
the network whose layers all have norm 1, from the first epochs at the back to the end in front.
Middle: rho, the norm of the last layer; the published curve is hollow where our protocol is the
paper's. Right: both curves in units of their final values, against the share of training, so that
different protocols can be compared.

Margins begin as two lobes around 0 and end as one narrow peak above 0. rho rises to a peak and
comes down to its end.
"""

from typing import Any

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
from .. import comparable, style
from . import _weight_norm as wn

PAPER: dict[str, Any] = {**wn.PAPER, "init_norm": 0.9, "weight_decay": 0.002}
FIGURE = "xu2023dynamics/fig08"
NEEDS = (
    "fro_norm", "rho", "margin_std", "train_accuracy", "test_accuracy", "margin_distribution",
)  # fmt: skip
RIDGES = 14


def theirs() -> pd.DataFrame:
    """Return the published rho of the right panel, epochs as x."""
    return wn.points("8", "right", "rho")


def logs(table: pd.DataFrame) -> pd.Series:
    """Return the RMS over the published epochs of ln (our rho / the published one), by seed."""
    points, found = theirs(), {}
    for seed, own in wn.curve(table, "top").groupby("seed"):
        own = own.sort_values("epoch")
        ours = np.interp(points["x"], own["epoch"], own["value"])
        found[seed] = float(np.sqrt(np.mean(np.log(ours / points["y"]) ** 2)))
    return pd.Series(found)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that margins narrow, that rho overshoots, and how far rho is from the published one."""
    top, learnt = wn.curve(table, "top"), regimes.learn(table, wn.LEARNT)
    spread = wn.curve(table, "margin_std")[["run", "epoch", "value"]]
    both = wn.curve(table, "rho").merge(spread, on=["run", "epoch"], suffixes=("_rho", ""))
    rows = both.assign(value=both["value"] / both["value_rho"])
    widest = rows[rows["epoch"] > 0].groupby("seed")["value"].max()
    end = wn.late(rows).set_index("seed")["value"]
    left = wn.plateau_end(table).set_index("run")["value"]
    after = top[top["epoch"] >= top["run"].map(left)]
    peak = after.groupby("seed")["value"].max() / wn.late(top).set_index("seed")["value"]
    runs = table.drop_duplicates("run")
    same = comparable(runs, PAPER)
    protocol = regimes.condition("the protocol is the paper's", float(same), "of its fields equal",
                                 at_least=1)  # fmt: skip
    return [
        judge(Statistic.of("std of the margins at the end / at its largest", end / widest,
                           log=True),
              figure=FIGURE, kind="paper", id="margins-narrow", at_most=0.5, regime=[learnt],
              reference="figure 8, left: about a tenth",
              claim="the margins of the training examples narrow"),
        judge(Statistic.of("largest rho after the plateau / at the end", peak, log=True),
              figure=FIGURE, kind="paper", id="rho-overshoots", at_least=1.1, regime=[learnt],
              reference="figure 8, right: 1.28", claim="rho overshoots its end"),
        judge(Statistic.of("RMS of ln (rho / published rho), published epochs", logs(table)),
              figure=FIGURE, kind="published", id="published-rho", at_most=0.1, regime=[protocol],
              reference="figure 8, right", claim="rho is the published one to a tenth"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the ridges, rho, and rho in units of its end."""
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(style.PAGE, 3.0), layout="constrained")
    _ridges(left, table)
    top = wn.curve(table, "top")
    style.band(middle, top, "epoch", "ours", (style.BLUE, ""), "rho")
    middle.set(xlabel="epoch", ylabel="rho")
    middle.set_ylim(bottom=0)
    if wn.same(table, PAPER):
        wn.theirs(middle, table, theirs(), "rho", PAPER)
    end = wn.late(top).set_index("run")["value"]
    share = top.assign(share=top["epoch"] / top["epochs"], value=top["value"] / top["run"].map(end))
    style.band(right, share, "share", "ours", (style.BLUE, ""), "rho over its end")
    points = theirs().iloc[::2]
    style.points(right, list(points["x"] / 1000), list(points["y"] / points["y"].iloc[-1]),
                 wn.label(table, PAPER), "rho over its end")  # fmt: skip
    right.set(xlabel="share of training", ylabel="rho / rho at the end")
    style.legend(fig, right)
    return fig


def _ridges(ax: Axes, table: pd.DataFrame) -> None:
    """Draw densities of margins, one seed, the first epochs at the back and light."""
    rows = table[(table["metric"] == "margin_distribution") & (table["epoch"] > 0)]
    rows = rows[rows["seed"] == rows["seed"].min()].sort_values("epoch")
    rho = wn.curve(table, "rho").set_index(["run", "epoch"])["value"]
    every = rows["epoch"].to_numpy()
    if not len(every):
        return
    wanted = np.geomspace(every[0], every[-1], RIDGES)
    chosen = sorted({int(every[np.abs(np.log(every / w)).argmin()]) for w in wanted})
    for i, epoch in enumerate(chosen):
        row = rows[rows["epoch"] == epoch].iloc[0]
        edges, heights = density(np.asarray(row["values"], float) / rho[row["run"], epoch])
        place = -float(i)
        colour = plt.get_cmap("Blues")(0.35 + 0.6 * i / max(1, len(chosen) - 1))
        top = place + 2.2 * heights / heights.max()
        ax.fill_between(edges, place, top, color=colour, linewidth=0, zorder=2 + i)
        ax.plot(edges, top, color=style.BLACK, linewidth=0.4, zorder=2 + i)
        style.notes(ax, edges, heights, panel="margins", series=f"epoch {epoch}",
                    x_name="margin")  # fmt: skip
    ax.set_yticks([-float(i) for i in range(len(chosen))][::3], [f"{e}" for e in chosen[::3]])
    ax.set(xlabel="margin y f", ylabel="epoch")
    ax.axvline(0, color=style.BLACK, linewidth=0.6, zorder=1)


def density(
    quantiles: NDArray[np.float64], places: int = 120
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places and heights of a kernel density, of unit area, from quantiles at equal steps of
    their level. The kernel is normal, a quarter of the standard deviation wide.
    """
    width = 0.25 * quantiles.std() or 1e-12
    x = np.linspace(quantiles.min() - 3 * width, quantiles.max() + 3 * width, places)
    kernels = np.exp(-0.5 * ((x[:, None] - quantiles) / width) ** 2)
    return x, kernels.mean(axis=1) / (width * np.sqrt(2 * np.pi))
