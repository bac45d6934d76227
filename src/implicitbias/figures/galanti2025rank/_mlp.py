"""What figures 7, 8 and 9 share: the MLP-BN-10-100 runs, their claims and their panels."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from .. import style
from .._learnt import at_chance, band, drawn
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, rank, split
from . import _published

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "depth": 10, "width": 100, "epochs": 500, "momentum": 0.0,
}  # fmt: skip
LAYERS = ("layer1", "layer3", "layer5")  # of 0 ... 9, as the paper counts
# The caption says 1e-3; the plotted plateaus (80-83.5) are those of a random network at 0.03.
AS_PUBLISHED = "rank_fro_3e-2"


def decay_claims(table: pd.DataFrame, figure: str) -> list[Claim]:
    """Judge whether the average rank falls with weight decay at each batch size; without decay B
    changes little.
    """
    metric = judged(table, AS_PUBLISHED)
    return [
        falls(table, figure, "weight_decay", ["batch_size"], metric),
        flat_without_decay(table, figure, "batch_size", (), metric),
    ]


def fidelity_claims(table: pd.DataFrame, figure: str, column: str, x: str) -> list[Claim]:
    """Judge ours against every published point, where the protocol is the paper's; [] where it is
    not.
    """
    theirs = _published.reported(table, PAPER, figure)
    if theirs is None:
        return []
    rows = table[table["epoch"] == _published.LAST_EPOCH]
    at = f"at tolerance {split(AS_PUBLISHED)[1]:g}"
    average = {"average": rank(rows, AS_PUBLISHED)}
    layers = {layer: rank(rows, AS_PUBLISHED, layer) for layer in LAYERS}
    return _published.judged(
        figure,
        rows,
        [
            _published.Compared("average-rank", f"average rank {at}", average),
            _published.Compared("layer-ranks", f"the rank of layers 1, 3 and 5 {at}", layers),
            *_published.accuracies(rows),
        ],
        lambda series: _published.numbered(theirs[theirs["series"] == series], column, x),
        [column, x],
    )


def panels(table: pd.DataFrame, figure: str, column: str, symbol: str, x: str) -> Figure:
    """Draw a column per value of `column` (the paper's `symbol`); ranks above, accuracies below."""
    values, heading = sorted(table[column].unique()), style.WORDS[column]
    fig, lost = plt.figure(layout="constrained"), at_chance(table)
    labels = drawn(fig, table, lost)
    fig.set_size_inches(style.PAGE, 2.2 + 1.6 * len(labels))
    axes = fig.subplots(len(labels) + 1, len(values), sharex=True, sharey="row", squeeze=False)
    theirs = _published.reported(table, PAPER, figure)
    for j, value in enumerate(values):
        here, panel = table[table[column] == value], f"{symbol}={value:g}"
        points = None if theirs is None else theirs[theirs["panel"] == panel]
        for ax, (metric, at) in zip(axes[:, j], labels.items(), strict=False):
            _ranks(ax, here, metric, x, f"{panel}, {at}", lost)
            if metric == AS_PUBLISHED:
                _published.draw(ax, points, ["average"], f"{panel}, {at}")
        _accuracies(axes[-1][j], here, x, f"{panel}, accuracy", lost)
        _published.draw(axes[-1][j], points, _published.SERIES.values(), f"{panel}, accuracy")
        if x == "weight_decay":
            for ax in axes[:, j]:
                _decay_axis(ax, here)
        axes[0][j].set_title(f"{heading} {value:g}")
        axes[-1][j].set_xlabel(style.WORDS[x])
    for ax, at in zip(axes[:, 0], labels.values(), strict=False):
        ax.set_ylabel(f"rank, {at}")
        ax.set_ylim(0, None)
    axes[-1][0].set_ylabel("accuracy")
    axes[-1][0].set_ylim(0, 1.05)
    style.legend(fig, *axes.flat, ncols=5)
    return fig


def _ranks(
    ax: Axes, runs: pd.DataFrame, metric: str, x: str, panel: str, lost: frozenset[str]
) -> None:
    for i, layer in enumerate(LAYERS):
        rows, label = rank(runs, metric, layer), f"layer {layer.removeprefix('layer')}"
        band(ax, rows, x, label, style.layer_look(i), panel, lost, places=_places(runs, x))
    band(ax, rank(runs, metric), x, "average", style.SERIES["average"], panel, lost, crosses=True,
         places=_places(runs, x))  # fmt: skip


def _accuracies(ax: Axes, runs: pd.DataFrame, x: str, panel: str, lost: frozenset[str]) -> None:
    for metric in _published.SERIES:
        rows, look = rank(runs, metric, "network"), style.SERIES[metric]
        band(ax, rows, x, metric.replace("_", " "), look, panel, lost,
             crosses=metric == "train_accuracy", places=_places(runs, x))  # fmt: skip


def _places(runs: pd.DataFrame, x: str) -> dict[float, float]:
    """Weight decay 0 has no place on a logarithmic axis: it stands at a third of the smallest."""
    decays = runs.loc[runs["weight_decay"] > 0, "weight_decay"]
    return {0.0: float(decays.min()) / 3} if x == "weight_decay" and len(decays) else {}


def _decay_axis(ax: Axes, part: pd.DataFrame) -> None:
    """A logarithmic axis whose ticks are the values that were run, 0 at its own place."""
    values = sorted(part["weight_decay"].unique())
    smallest = next(v for v in values if v > 0)
    ax.set_xscale("log")
    ax.set_xticks(
        [v or smallest / 3 for v in values], [f"{v:g}" for v in values], rotation=45, ha="right"
    )
    ax.minorticks_off()
