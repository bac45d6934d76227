"""Rank of the layers under the square loss, against weight decay, learning rate and batch size.

The paper's claim: SGD with weight decay has a bias towards low rank. It has no figure of it; the
three directions (lower for smaller batches, more decay, larger rates; nothing
without decay) are those of galanti2025rank. Stand-ins: a perceptron of three hidden layers of 64
without biases, decay on every layer, no momentum, two digits, 30 epochs for every batch size, so
small batches take more steps. Average over the hidden matrices. Both norms, each with its
tolerance: singular values above 0.03 ||W||_F, and above 0.001 ||W||_2. Learning rates are compared
at the largest decay. The grid was refined after a first one had most runs at full rank or diverged.

With batches of 4 and decay 0.128 the hidden matrices end at rank 2 at tolerance 0.03. At 0.001 the
rank is nearly full: what is left of the initialisation is small, but not yet 0.001 of ||W||_2.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim

# TODO ['relative_change']
from ...analysis.tables import final
from .. import style
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, split, tolerances

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "xu2023dynamics/exp_low_rank"
JUDGED = "rank_fro_3e-2"
NEEDS = ("train_accuracy",)
COLUMNS = ("weight_decay", "lr", "batch_size")
NORMS = {"rank_fro": "||W||_F", "rank_spec": "||W||_2"}


def ranks(table: pd.DataFrame) -> dict[str, str]:
    """Return what each rank of the table is counted at: `0.03 of ||W||_F`."""
    parts = {metric: split(metric) for metric in tolerances(table)}
    return {metric: f"{at:g} of {NORMS[norm]}" for metric, (norm, at) in parts.items()}


def ends(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the final average over the hidden layers of a rank, or the network's accuracy."""
    layer = "network" if metric == "train_accuracy" else "average"
    rows = final(table)
    return rows[(rows["metric"] == metric) & (rows["layer"] == layer)]


def against(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return the runs of a panel, at the learning rate of the whole grid or the largest decay."""
    fixed = "weight_decay" if x == "lr" else "lr"
    kept: pd.DataFrame = rows[rows[fixed] == rows[fixed].max()]
    return kept


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether the rank falls with decay, rate and smaller batches; and the control."""
    metric = judged(table, JUDGED)
    return [
        falls(against(table, "weight_decay"), FIGURE, "weight_decay", ["batch_size"], metric),
        falls(against(table, "lr"), FIGURE, "lr", ["batch_size"], metric),
        falls(against(table, "batch_size"), FIGURE, "batch_size", ["weight_decay"], metric),
        flat_without_decay(against(table, "batch_size"), FIGURE, "batch_size", (), metric),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw ranks and training accuracy in rows; against decay, rate and batch size in columns."""
    labels = {metric: f"rank, {at}" for metric, at in ranks(table).items()}
    labels["train_accuracy"] = "training accuracy"
    fig, axes = plt.subplots(
        len(labels), 3, figsize=(style.PAGE, 1.4 * (1 + len(labels))), sharex="col", sharey="row",
        layout="constrained",
    )  # fmt: skip
    for j, x in enumerate(COLUMNS):
        by = "weight_decay" if x == "batch_size" else "batch_size"
        runs = against(table, x)
        values = sorted(runs[x].unique())
        places = {v: v or values[1] / 3 for v in values}  # 0 has no place on a logarithmic axis
        for i, metric in enumerate(labels):
            for k, (value, rows) in enumerate(ends(runs, metric).groupby(by)):
                look = style.layer_look(k + 3 * (by == "weight_decay"))
                label = f"{style.WORDS[by]} {float(str(value)):g}"
                panel = f"{metric} against {x}"
                style.band(axes[i][j], rows, x, label, look, panel, places)  # fmt: skip
        axes[-1][j].set(xscale="log", xlabel=style.WORDS[x])
        axes[-1][j].set_xticks([*places.values()], [f"{v:g}" for v in values], rotation=45)
        axes[-1][j].minorticks_off()
    for ax, words in zip(axes[:, 0], labels.values(), strict=True):
        ax.set_ylabel(words)
        ax.set_ylim(bottom=0)
    axes[-1][0].set_ylim(0, 1.05)
    axes[-2][0].legend(loc="lower left")
    axes[-2][2].legend(loc="lower right")
    return fig
