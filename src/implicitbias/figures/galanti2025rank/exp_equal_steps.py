"""Rank against batch size, at equal numbers of epochs and at equal numbers of steps (MLP-BN).

Left, as in the paper's figures, every network sees the data equally often, so a network with a
smaller batch makes more steps and its weights shrink by more decay in total. Right, every network
makes as many steps as the network of batch size 16 on the left, and the learning rate is cut at
equal shares of the steps. Above: the average rank with weight decay and (dashed grey) without;
below: the accuracies.

The paper's claim is that a smaller batch lowers the rank. Its figures vary the batch size only at
equal epochs. Its theorem is about the batch size alone: the bound B log(2/eps) / (2 mu lambda) does
not depend on the number of steps once the norms have settled. This control is ours.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from .. import style
from .._learnt import at_chance, band, drawn
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, rank
from . import _mlp

PAPER = {**_mlp.PAPER, "lr": 0.1, "batch_size": [8, 16, 32, 64], "weight_decay": [0, 2e-4]}
FIGURE = "galanti2025rank/exp_equal_steps"
NEEDS = ("train_accuracy", "test_accuracy")
REFERENCE = 16  # the batch size whose run is in both halves
HALVES = {"epochs": "equal epochs", "steps": "equal steps"}


def halves(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs with as many epochs as the reference has, and those with as many steps.

    Without the reference nothing says which runs are which, and both are empty.
    """
    both = table[table["batch_size"] == REFERENCE]
    if both.empty:
        return dict.fromkeys(HALVES, both)
    epochs, steps = both["epochs"].iloc[0], both["step"].max()
    ends = table.groupby("run")["step"].transform("max")
    return {
        "epochs": table[table["epochs"] == epochs],
        "steps": table[(ends > 0.9 * steps) & (ends < 1.1 * steps)],
    }


def claims(table: pd.DataFrame) -> list[Claim]:
    """A smaller batch lowers the rank at equal epochs, at equal steps, and not without decay."""
    metric, found = judged(table, _mlp.AS_PUBLISHED), []
    for half, rows in halves(table).items():
        of = f", at {HALVES[half]}", f"-equal-{half}"
        found += [
            falls(rows, FIGURE, "batch_size", (), metric, of),
            flat_without_decay(rows, FIGURE, "batch_size", (), metric, of),
        ]
    return found


def draw(table: pd.DataFrame) -> Figure:
    """Draw ranks above and accuracies below, a column for each kind of equality."""
    fig, lost = plt.figure(layout="constrained"), at_chance(table)
    labels = drawn(fig, table, lost)
    fig.set_size_inches(style.PAGE, 2.2 + 1.8 * len(labels))
    axes = fig.subplots(len(labels) + 1, 2, sharex=True, sharey="row", squeeze=False)
    for j, (half, rows) in enumerate(halves(table).items()):
        steps = rows.groupby("batch_size")["step"].max()
        epochs = rows.groupby("batch_size")["epochs"].max()
        words = f"{epochs.min():g} epochs" if half == "epochs" else f"{steps.median():,.0f} steps"
        told = f": {words}" if len(rows) else f": no run at batch size {REFERENCE}"
        axes[0][j].set_title(HALVES[half] + told)
        for i, metric in enumerate(labels):
            _ranks(axes[i][j], rows, metric, HALVES[half] + f", {labels[metric]}" * (i > 0), lost)
        for name in ("train_accuracy", "test_accuracy"):
            part = rank(rows[rows["weight_decay"] > 0], name, "network")
            band(axes[-1][j], part, "batch_size", name.replace("_", " "), style.SERIES[name],
                 f"{HALVES[half]}, accuracy", lost, crosses=name == "train_accuracy")  # fmt: skip
        axes[-1][j].set_xlabel("batch size")
        axes[-1][j].set_xscale("log")
        style.ticks(axes[-1][j], sorted(table["batch_size"].unique()))
    for row, at in zip(axes, labels.values(), strict=False):
        row[0].set(ylabel=f"average rank,\n{at}", ylim=(0, None))
    axes[-1][0].set(ylabel="accuracy", ylim=(0, 1.05))
    style.legend(fig, axes[0][0], axes[-1][0])
    return fig


def _ranks(ax: Axes, rows: pd.DataFrame, metric: str, panel: str, lost: frozenset[str]) -> None:
    for decay in sorted(rows["weight_decay"].unique()):
        part = rank(rows[rows["weight_decay"] == decay], metric)
        look, line = (style.SERIES["average"], "-") if decay else (style.SERIES["control"], "--")
        label = f"weight decay {decay:g}" if decay else "no decay"
        band(ax, part, "batch_size", label, look, panel, lost, crosses=True, linestyle=line)
