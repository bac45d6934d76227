"""SGD's noise: how far the weights move, and how far single examples are from stationary.

The abstract claims that with weight decay and batches smaller than the training set SGD noise never
ends. The argument is lemma 8: a point that is stationary for every batch would need f_n V_k =
df_n/dV_k for every example n and layer k (weights at norm 1), which real data do not allow. The
paper has no such figure. Projected steps keep every layer except the last at norm 1. A perceptron,
3 x 64 without biases, is trained on 64 images of two digits, by SGD with batches of 8 and by
full-batch descent, at equal numbers of updates. In the runs of exp_equilibrium even full-batch
descent is far from rest at the end, so that they cannot decide the question; the data and the decay
here allow it to settle.

Left: how far the last update before each record moved a weight, ||W_t - W_{t-1}||_F, as a mean over
the layers of norm 1. Weight decay acts only on the last layer, so this movement is the gradient's
part. Middle: ||f_n V_k - df_n/dV_k||_F, as a mean over the examples and the layers. Right: this
residual divided by ||df_n/dV_k||_F, which is the sine of the angle between a layer and an example's
gradient. The claims judge means over the last fifth of training. Without decay the residual is
large, too: a network may rest at a small loss although no example by itself is stationary.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_sgd_noise"
CHOSEN = "decay chosen on seed 10, which is not judged; threshold as before that"
SGD, PLAIN, FULL = "SGD, decay", "SGD, no decay", "full batch, decay"
LOOKS = {
    SGD: (style.BLUE, "o"), PLAIN: (style.SKY, "v"), FULL: (style.VERMILION, "s"),
    "full batch, no decay": (style.ORANGE, "D"),
}  # fmt: skip
WORDS = {
    "step_movement": "movement of one update", "stationarity_residual": "residual ||f V − df/dV||",
    "stationarity_sine": "sine: residual / ||df/dV||",
}  # fmt: skip


def series(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a quantity averaged over the layers on the sphere, by run, record and `kind`."""
    rows = table[(table["metric"] == metric) & (table["epoch"] > 0)]
    rows = rows[rows["layer"].str.startswith("layer")]
    full = (rows["batch_size"] == rows["n_train"]).map({True: "full batch, ", False: "SGD, "})
    kind = full + (rows["weight_decay"] > 0).map({True: "decay", False: "no decay"})
    keys = ["run", "seed", "kind", "step"]
    groups = rows.assign(kind=kind).groupby(keys)["value"]
    return groups.mean().reset_index()


def end(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Return means over the last fifth of training of the runs of one kind, by seed.

    A single record says little, because steps differ from batch to batch.
    """
    part = rows[rows["kind"] == kind]
    last = part[part["step"] >= 0.8 * part.groupby("run")["step"].transform("max")]
    means: pd.Series = last.groupby("seed")["value"].mean()
    return means


def first(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Return values at the first record of the runs of one kind, by seed."""
    part = rows[rows["kind"] == kind]
    values: pd.Series = part.sort_values("step").groupby("seed")["value"].first()
    return values


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that SGD with decay keeps moving, and comes to rest without decay or without noise."""
    moves, sines = series(table, "step_movement"), series(table, "stationarity_sine")
    last = {kind: end(moves, kind) for kind in LOOKS}
    rest = last[FULL] / first(moves, FULL)
    fits, one = [regimes.fit(table)], "movement of one update at the end"
    return [
        judge(Statistic.of(f"{one} of full batch / at its first record", rest, log=True),
              figure=FIGURE, at_most=0.1, kind="control", id="full-batch-rests", regime=fits,
              claim="full-batch descent with decay comes to rest"),
        judge(Statistic.of(f"{one}, SGD / full batch", last[SGD] / last[FULL], log=True),
              figure=FIGURE, at_least=10.0, kind="paper", id="sgd-keeps-moving", regime=fits,
              claim="SGD with decay keeps moving", note=CHOSEN),
        judge(Statistic.of(f"{one} of SGD, with / without decay",
                           last[SGD] / last[PLAIN], log=True),
              figure=FIGURE, at_least=10.0, kind="paper", id="movement-needs-decay", regime=fits,
              claim="SGD's movement needs decay", note=CHOSEN),
        judge(Statistic.of("sine between layer and gradient, SGD with decay, at the end",
                       end(sines, SGD)),
              figure=FIGURE, at_least=0.1,
              kind="paper", id="no-common-stationary-point", regime=fits,
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
