"""Training margins over time and at the end, for each initial scale, with and without decay.

In the setting of Xu et al. (2023), as stand-ins in exp_rho; what their figure shows is recalled:
with decay margins are larger and more equal. Left and middle: quantiles 0.05 to 0.95 of y_n g_n
over epochs (smallest initial scale), with and without decay; below, their histograms from the 0.01
to the 0.99 quantile, bins of 5% of the examples, edges averaged over seeds. Right: the sorted
margins at the end, normalised, y_n f_n = y_n g_n / rho, for each initial scale (mean over seeds).
Spread is the standard deviation over the examples divided by the mean: it does not depend on rho.
Larger they are with decay; more equal they are not here, within 960 updates.
The thresholds were written after a trial run's spreads had been seen.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...metrics import with_parameter
from .. import style
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_margins"
NEEDS = (
    "rho", "margin_mean", "margin_std", "margin_quantile_5e-2", "margin_quantile_2.5e-1",
    "margin_quantile_5e-1", "margin_quantile_7.5e-1", "margin_quantile_9.5e-1",
)  # fmt: skip
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = (0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99)  # of the histograms


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether margins are larger and more equal with decay."""
    rows = _dynamics.wide(table)
    rows = rows.assign(f=rows["margin_mean"] / rows["rho"],
                       spread=rows["margin_std"] / rows["margin_mean"])  # fmt: skip
    means = rows.groupby([rows["weight_decay"] > 0, "seed"])[["f", "spread"]].mean()
    ratio = means.loc[True] / means.loc[False]
    return [
        judge(Statistic.of("mean normalised margin with / without decay", ratio["f"]),
              figure=FIGURE, at_least=1.5, kind="paper", id="margins-larger",
              claim="margins are larger with weight decay"),
        judge(Statistic.of("relative spread of margins with / without decay",
                                 ratio["spread"]),
              figure=FIGURE, at_most=1.0, kind="paper", id="margins-more-equal",
              claim="margins are more equal with weight decay"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw quantiles over time; sorted margins at the end."""
    fig, grid = plt.subplots(2, 3, figsize=(style.PAGE, 5.2), layout="constrained")
    names = {with_parameter("margin_quantile", level): level for level in LEVELS}
    axes = grid[0]
    decays = sorted(table["weight_decay"].unique(), reverse=True)
    smallest = table[table["init_norm"] == table["init_norm"].min()]
    for j, decay in enumerate([decays[0], decays[-1]]):
        part = smallest[smallest["weight_decay"] == decay]
        for i, (name, level) in enumerate(names.items()):
            label = f"{level:g}"
            style.band(axes[j], part[part["metric"] == name], "epoch", label, style.layer_look(i),
                       f"decay {decay:g}")  # fmt: skip
        axes[j].set(xlabel="epoch", ylabel="y g", title=f"weight decay {decay:g}")
        _histograms(grid[1][j], part, f"histograms, decay {decay:g}")
    style.legend(fig, axes[0], loc="outside upper left", title="quantile of y g over the examples")
    last = smallest[smallest["epoch"] == smallest["epoch"].max()]
    for i, (decay, part) in enumerate(last.groupby("weight_decay")):
        x, y = _density(part)
        label = f"decay {float(str(decay)):g}"
        grid[1][2].stairs(y, x, color=style.layer_look(i)[0], label=label)
    grid[1][2].set(xlabel="y g", ylabel="density at the end")
    grid[1][2].margins(y=0.4)  # room for the legend
    grid[1][2].set_ylim(bottom=0)
    grid[1][2].legend(loc="upper left")
    rows = _dynamics.wide(table)
    starts = sorted(rows["init_norm"].unique())
    for key, part in rows.groupby(["init_norm", "weight_decay"]):
        start, decay = float(str(key[0])), float(str(key[1]))
        i = starts.index(start)
        sorted_margins = (part[list(names)].div(part["rho"], axis=0)).mean()
        line, label = "-" if decay > 0 else "--", f"{start:g}"
        axes[2].plot(list(names.values()), sorted_margins, linestyle=line,
                     color=style.layer_look(i)[0], label=label if decay > 0 else None)  # fmt: skip
        series = f"start {start:g}, decay {decay:g}"
        style.notes(axes[2], names.values(), sorted_margins, panel="end", series=series,
                    x_name="quantile", n=len(part))  # fmt: skip
    axes[2].set(xlabel="share of examples", ylabel="y f", title="end (dashed: no decay)")
    axes[2].legend(title="initial norm")
    return fig


def _density(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and heights of a histogram with bins of known shares: between quantiles, mean seed."""
    every = {with_parameter("margin_quantile", level): level for level in BINS}
    means = rows[rows["metric"].isin(list(every))].groupby("metric")["value"].mean()
    edges = np.array([means[name] for name in every])
    return edges, np.diff(BINS) / np.maximum(np.diff(edges), 1e-6)


def _histograms(ax: Axes, rows: pd.DataFrame, name: str) -> None:
    """One above the other, the first epoch at the bottom, each scaled to its largest bin."""
    epochs = sorted(rows["epoch"].unique())
    for i, epoch in enumerate(epochs):
        edges, heights = _density(rows[rows["epoch"] == epoch])
        ax.stairs(i + 1.6 * heights / heights.max(), edges, baseline=i, fill=True, alpha=0.75,
                  color=style.BLUE, zorder=2 + len(epochs) - i)  # fmt: skip
        series = f"epoch {epoch}"
        style.notes(ax, edges[:-1], heights, panel=name, series=series, x_name="from")
    ax.set_yticks(range(0, len(epochs), 2), [f"{e}" for e in epochs[::2]])
    ax.set(xlabel="y g", ylabel="epoch, histogram above")
