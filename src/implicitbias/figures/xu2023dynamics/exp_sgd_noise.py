"""SGD's noise: how far the weights move, and how far single examples are from stationary.

The claim is that of the abstract: with weight decay and batches smaller than the training set SGD
noise never ends. The argument (its Lemma 8): a point that is stationary for every batch would need
f_n V_k = df_n/dV_k for every example n and layer k (weights at norm 1), which real data forbid. The
paper has no such figure. Layers but the last of norm 1, by projected steps: a perceptron, 3 x 64
without biases, on 64 images of two digits, SGD with batches of 8 against the full batch, at equal
numbers of updates. In the runs of exp_equilibrium even the full batch is far from rest at the end,
so that they cannot tell; these were chosen after that had been seen, by the gradient of the full
batch alone. Thresholds stayed.

Left: movement, ||W_e - W_{e-1}||_F over one epoch divided by its number of updates, mean over the
layers of norm 1. SGD's steps within an epoch partly cancel, so the division understates its noise:
it levels off while the full batch goes on falling, yet is not ten times as large within these runs.
Middle: ||f_n V_k - df_n/dV_k||_F, mean over the examples and the layers; right: divided by
||df_n/dV_k||_F, the sine of the angle between a layer and an example's gradient.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_sgd_noise"
SGD, PLAIN, FULL = "SGD, decay", "SGD, no decay", "full batch, decay"
LOOKS = {
    SGD: (style.BLUE, "o"), PLAIN: (style.SKY, "v"), FULL: (style.VERMILION, "s"),
    "full batch, no decay": (style.ORANGE, "D"),
}  # fmt: skip
WORDS = {
    "movement": "movement per update", "stationarity_residual": "||f V - df/dV||",
    "stationarity_sine": "the same / ||df/dV||",
}  # fmt: skip


def series(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a quantity averaged over the layers on the sphere, by run and record; `kind`."""
    rows = table[(table["metric"] == metric) & (table["epoch"] > 0)]
    rows = rows[rows["layer"].str.startswith("layer")]
    full = (rows["batch_size"] == rows["n_train"]).map({True: "full batch, ", False: "SGD, "})
    kind = full + (rows["weight_decay"] > 0).map({True: "decay", False: "no decay"})
    value = rows["value"]
    if metric == "movement":
        value = value * rows["epoch"] / rows["step"]
    keys = ["run", "seed", "kind", "step"]
    groups = rows.assign(kind=kind, value=value).groupby(keys)["value"]
    return groups.mean().reset_index()


def edge(rows: pd.DataFrame, kind: str, first: bool = False) -> pd.Series:
    """Return values at the last (first) record of the runs of one kind, by seed."""
    part = rows[rows["kind"] == kind]
    at = part.groupby("run")["step"].transform("min" if first else "max")
    values: pd.Series = part[part["step"] == at].set_index("seed")["value"]
    return values


def claims(table: pd.DataFrame) -> list[Claim]:
    """SGD with decay keeps moving, without decay or without noise it comes to rest."""
    moves, sines = series(table, "movement"), series(table, "stationarity_sine")
    last = {kind: edge(moves, kind) for kind in LOOKS}
    rest = last[FULL] / edge(moves, FULL, first=True)
    return [
        judge(Statistic.of("movement at the end of full batch / at its first record", rest,
                           log=True),
              figure=FIGURE, at_most=0.1, kind="control", id="full-batch-rests",
              claim="full-batch descent with decay comes to rest"),
        judge(Statistic.of("movement at the end, SGD / full batch",
                       last[SGD] / last[FULL], log=True),
              figure=FIGURE, at_least=10.0, kind="paper", id="sgd-keeps-moving",
              claim="SGD with decay keeps moving"),
        judge(Statistic.of("movement of SGD at the end, with / without decay",
                       last[SGD] / last[PLAIN], log=True),
              figure=FIGURE, at_least=10.0, kind="paper", id="movement-needs-decay",
              claim="SGD's movement needs decay"),
        judge(Statistic.of("sine between layer and gradient, SGD with decay, at the end",
                       edge(sines, SGD)),
              figure=FIGURE, at_least=0.1,
              kind="paper", id="no-common-stationary-point",
              claim="no common stationary point: single examples pull away from the weights"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw movement, residual and sine over updates."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.7), layout="constrained")
    for ax, (metric, words) in zip(axes, WORDS.items(), strict=True):
        rows = series(table, metric)
        for kind, look in LOOKS.items():
            style.band(ax, rows[rows["kind"] == kind], "step", kind, look, metric)
        ax.set(xlabel="update", ylabel=words)
    axes[0].set_yscale("log")
    axes[1].set_yscale("log")
    axes[2].set_ylim(0, 1)
    style.legend(fig, axes[0])
    return fig
