"""Share of the untrained rank kept by networks of several widths and depths (MLP-BN).

The networks of figure 7 at batch size 32 and its largest decay at which they learn: with ten hidden
layers and other widths on the left, and with other depths at one width on the right. Black: with
weight decay; dashed grey: without; below: accuracies. Width and depth are changed one at a time.

The paper's abstract says that the bias exists in networks of any width or depth; each of its
figures shows one network.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic, complete
from .. import style
from .._learnt import at_chance, band, drawn
from .._rank_claims import EFFECT, regime
from .._ranks import judged, named, rank
from . import _mlp

PAPER = {**_mlp.PAPER, "width": [50, 100, 200], "depth": [2, 5, 10], "batch_size": 32, "lr": 0.1,
         "weight_decay": [0, 8e-4]}  # fmt: skip
FIGURE = "galanti2025rank/exp_shapes"
NEEDS = ("train_accuracy", "test_accuracy")
AXES = {"width": "width [units]", "depth": "hidden layers"}


def kept(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the final average rank over the untrained one, by run."""
    rows = table[(table["metric"] == metric) & (table["layer"] == "average")]
    start = rows[rows["epoch"] == 0].set_index("run")["value"]
    last = rank(table, metric)
    return last.assign(value=last["value"] / last["run"].map(start))


def ratios(table: pd.DataFrame, metric: str) -> Statistic:
    """Return, by seed, the largest over shapes of the share kept with decay over that without."""
    rows, missing = complete(kept(table, metric), ["width", "depth", "weight_decay"])
    wide = rows.assign(decayed=rows["weight_decay"] > 0).pivot_table(
        index=["seed", "width", "depth"], columns="decayed", values="value"
    )
    sentence = "largest over shapes of the rank with decay / without"
    if wide.shape[1] < 2:
        return Statistic(sentence, {}, "no runs with decay and without")
    largest = (wide[True] / wide[False]).groupby("seed").max()
    return Statistic.of(sentence, largest, missing, log=True)


def claims(table: pd.DataFrame) -> list[Claim]:
    """In every shape weight decay lowers the rank."""
    learnt, left = regimes.learnt(table)
    metric = judged(table, _mlp.AS_PUBLISHED)
    return [
        judge(
            ratios(learnt, metric), figure=FIGURE, id="any-width-and-depth", kind="paper",
            at_most=1 - EFFECT, regime=regime(learnt, metric), note=left,
            claim="in every width and depth decay lowers the rank by over a tenth,"
            f" {named(metric)}",
        )
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw shares above and accuracies below, a column for width and one for depth."""
    fig, lost = plt.figure(layout="constrained"), at_chance(table)
    labels = drawn(fig, table, lost)
    fig.set_size_inches(style.PAGE, 2.2 + 1.8 * len(labels))
    axes = fig.subplots(len(labels) + 1, 2, sharex="col", sharey="row", squeeze=False)
    common = {name: table[name].mode().max() for name in AXES}
    for j, (name, words) in enumerate(AXES.items()):
        other = next(n for n in AXES if n != name)
        rows = table[table[other] == common[other]]
        axes[0][j].set_title(f"{AXES[other]} {common[other]:g}")
        for i, (metric, at) in enumerate(labels.items()):
            _shares(axes[i][j], rows, metric, name, f"{name}, rank" + f", {at}" * (i > 0), lost)
        for metric_name in ("train_accuracy", "test_accuracy"):
            part = rank(rows[rows["weight_decay"] > 0], metric_name, "network")
            label, look = metric_name.replace("_", " "), style.SERIES[metric_name]
            band(axes[-1][j], part, name, label, look, f"{name}, accuracy", lost)
        axes[-1][j].set_xlabel(words)
        axes[-1][j].set_xscale("log")
        style.ticks(axes[-1][j], sorted(rows[name].unique()))
    for row, at in zip(axes, labels.values(), strict=False):
        row[0].set(ylabel=f"final / untrained\naverage rank, {at}", ylim=(0, 1.1))
    axes[-1][0].set(ylabel="accuracy", ylim=(0, 1.05))
    style.legend(fig, axes[0][0], axes[-1][0])
    return fig


def _shares(
    ax: Axes, rows: pd.DataFrame, metric: str, x: str, panel: str, lost: frozenset[str]
) -> None:
    for decay in sorted(rows["weight_decay"].unique()):
        part = kept(rows[rows["weight_decay"] == decay], metric)
        look, line = (style.SERIES["average"], "-") if decay else (style.SERIES["control"], "--")
        label = f"weight decay {decay:g}" if decay else "no decay"
        band(ax, part, x, label, look, panel, lost, crosses=True, linestyle=line)
