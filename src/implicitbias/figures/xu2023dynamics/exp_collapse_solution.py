"""Theorem 5: the numbers of the collapsed network, with centred targets and weight decay.

Theorems 5 and 6 and lemma 7 describe a network that is stationary on single examples, or on
balanced batches. They say that its last layer is a simplex frame (neural collapse), and also how
large everything is, from two numbers: alpha, the outputs in units of the targets, and rho, the
head's norm. The panels show the relative distance from these values over epochs: `head` is the head
as a multiple of the centred class means, (42); `frame` the norms and angles of its rows, (43) to
(45); `means` the length of the class means; `decay` lambda rho^2 against alpha (1 - alpha) (C - 1)
/ C.

Constructed solutions meet these values exactly (tests/metrics/test_collapse_solution.py). Trained
networks meet them as far as they have collapsed, which NC1 over C measures. The paper has no such
figure. Our networks have decay on every layer and, unlike the theorem's, batch normalisation and
biases: without batch normalisation and biases, perceptrons of this size come no nearer than a
quarter to the frame.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _collapse
from ._dynamics import wide

PAPER: dict[str, Any] = {"momentum": 0.9}
FIGURE = "xu2023dynamics/exp_collapse_solution"
PARTS = {
    "collapse_duality": ("head", style.BLUE, "o"), "collapse_frame": ("frame", style.GREEN, "P"),
    "collapse_size": ("means", style.ORANGE, "D"), "decay": ("decay", style.VERMILION, "s"),
}  # fmt: skip
NEEDS = (
    "collapse_duality", "collapse_frame", "collapse_size", "collapse_scale", "fro_norm",
    "decay_lambda", "target_square", "nc1", "nc4", "train_accuracy", "train_loss",
)  # fmt: skip
COLLAPSED = 0.01  # NC1 / C from which on a network counts as collapsed


def residuals(table: pd.DataFrame, last: bool = True) -> pd.DataFrame:
    """Return a row per run and record: the relative distances of PARTS, and `nc1` over C."""
    rows = wide(table, last)
    head = table[(table["metric"] == "fro_norm") & (table["layer"] == "head")]
    norm = head.set_index(["run", "epoch"])["value"]
    rho = norm.loc[pd.MultiIndex.from_frame(rows[["run", "epoch"]])].to_numpy()
    alpha = rows["collapse_scale"]
    wanted = alpha * (1 - alpha) * rows["target_square"]  # which is (C - 1) / C
    classes = 1 / (1 - rows["target_square"])
    off = (rows["decay_lambda"] * rho**2 / wanted - 1).abs()
    return rows.assign(decay=off.where(wanted > 0), nc1=rows["nc1"] / classes)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge each distance where the networks have collapsed, and NC4."""
    rows = residuals(table)
    most = float(rows["nc1"].max(skipna=False)) if len(rows) else float("nan")
    regime = [
        *regimes.terminal(table, _collapse.SETTLED),
        regimes.condition("the networks have collapsed", most, "largest NC1 / C",
                          at_most=COLLAPSED),
    ]  # fmt: skip
    sentences = {
        "collapse_duality": ("head-from-means", "the head is the multiple of the class means"),
        "collapse_frame": ("head-is-the-frame", "the head is a simplex frame of norm rho"),
        "collapse_size": ("length-of-means", "the class means have the length of the theorem"),
        "decay": ("decay-fixes-rho", "lambda rho^2 is alpha (1 - alpha) (C - 1) / C"),
    }
    found = [
        judge(Statistic.of(f"relative distance: {PARTS[name][0]}",
                           rows.groupby("seed")[name].mean()),
              figure=FIGURE, kind="paper", id=key, at_most=0.1, regime=regime,
              reference="theorem 5", claim=f"{sentence}, to a tenth",
              note="the threshold was chosen after a trial of one seed")
        for name, (key, sentence) in sentences.items()
    ]  # fmt: skip
    nearest = judge(
        Statistic.of("NC4", rows.groupby("seed")["nc4"].mean()), figure=FIGURE, kind="paper",
        id="nearest-mean", at_most=0.01, regime=regimes.terminal(table)[:1], reference="NC4",
        claim="the network decides for the nearest class mean",
    )  # fmt: skip
    return [*found, nearest]


def draw(table: pd.DataFrame) -> Figure:
    """Draw the distances over epochs, and against NC1."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(style.PAGE, 2.8), layout="constrained", sharey=True
    )
    rows = residuals(table, last=False)
    rows = rows[rows["epoch"] > 0]
    for name, (label, colour, marker) in PARTS.items():
        part = rows.assign(value=rows[name])
        style.band(left, part, "epoch", label, (colour, marker), "epochs")
        style.dots(right, part["nc1"], part["value"], f"_{label}", (colour, marker),
                   panel="NC1", series=label, x_name="nc1")  # fmt: skip
    left.set(yscale="log", xlabel="epoch", ylabel="relative distance")
    right.set(xscale="log", xlabel="NC1 / C")
    right.axvline(COLLAPSED, color=style.BLACK, linewidth=0.8, linestyle="--")
    if np.isfinite(rows["nc1"]).any():
        right.invert_xaxis()
    style.legend(fig, left)
    return fig
