"""Test error of a convolutional and a dense network on a target of local functions, and scattered.

The paper says that convolutional networks have the advantage where the target is compositionally
sparse, and shows no such experiment. In our experiment the inputs are random binary images of 8x8
pixels whose class is the sign of a sum of a b + c d over 2x2 patches (left). The right panel has
the same images and classes with the pixels of every image permuted in one way. This target is as
sparse, but its functions depend on pixels that lie anywhere. The networks have four convolutional
or four dense matrices without biases, numbers of parameters that are equal to a hundredth, no
normalisation, and the square loss. Dashed: chance.

On the left, the convolutional network learns from a few hundred examples and the dense network
hardly learns. On the right, where patches mean nothing, the convolutional network has no advantage.
All networks fit their examples.
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
from . import _weight_norm as wn

PAPER: dict[str, Any] = {"momentum": 0.9}
FIGURE = "xu2023dynamics/exp_compositional"
NEEDS = ("train_accuracy", "test_accuracy")
CHOSEN = "threshold and runs chosen with seeds 100 and 101, which are not judged"
TARGETS = {"local_patches": "local functions", "scattered_patches": "the same, scattered"}
NETWORKS = {
    "conv4": ("convolutional", (style.BLUE, "o")), "mlp_relu": ("dense", (style.VERMILION, "s")),
}  # fmt: skip
ADVANTAGE, NONE = 0.1, 0.05  # of test errors


def error(table: pd.DataFrame, target: str, model: str) -> pd.Series:
    """Return the test error at the end, as a mean over the numbers of examples, by seed."""
    rows = wn.late(wn.curve(table, "test_error"))
    rows = rows[(rows["dataset"] == target) & (rows["model"] == model)]
    found: pd.Series = rows.groupby("seed")["value"].agg(lambda v: v.mean(skipna=False))
    return found


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the advantage on both targets, and that the dense network cannot tell them apart."""
    fits = [regimes.fit(table)]
    conv, dense = ([error(table, target, model) for target in TARGETS] for model in NETWORKS)
    words = "test error, mean over N"
    return [
        judge(Statistic.of(f"{words}, dense - convolutional, local target",
                           dense[0] - conv[0]),
              figure=FIGURE, kind="paper", id="conv-ahead-where-local", at_least=ADVANTAGE,
              regime=fits, reference="abstract", note=CHOSEN,
              claim="on a target of local functions a convolutional network errs less than a dense"
                    " one of as many parameters"),
        judge(Statistic.of(f"{words}, dense - convolutional, scattered target",
                           dense[1] - conv[1]),
              figure=FIGURE, kind="control", id="conv-not-ahead-where-scattered", at_most=NONE,
              regime=fits, note=CHOSEN,
              claim="it has no advantage where the functions are not local"),
        judge(Statistic.of(f"|{words} of the dense network, local - scattered target|",
                           (dense[0] - dense[1]).abs()),
              figure=FIGURE, kind="control", id="targets-alike-for-dense", at_most=NONE,
              regime=fits, note=CHOSEN,
              claim="both targets are as hard for the dense network"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the test errors against the number of examples, a panel for each target."""
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.6), layout="constrained", sharey=True)
    rows = wn.late(wn.curve(table, "test_error"))
    for ax, (target, title) in zip(axes, TARGETS.items(), strict=True):
        for model, (words, look) in NETWORKS.items():
            part = rows[(rows["dataset"] == target) & (rows["model"] == model)]
            style.band(ax, part, "n_train", words, look, title)
        ax.axhline(0.5, color=style.BLACK, linewidth=0.8, linestyle="--", label="chance")
        ax.set(xscale="log", xlabel="training examples N", title=title, ylim=(0, 0.6))
        style.ticks(ax, sorted(rows["n_train"].unique()))
    axes[0].set_ylabel("test error")
    style.legend(fig, axes[0])
    return fig
