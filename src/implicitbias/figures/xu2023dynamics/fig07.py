"""rho, errors, their gap and rho / sqrt N against the number N of training examples, three layers.

Numbered as in the author manuscript. The setting is that of figure 6 with the three-layer network,
whose 3x3 kernels do not overlap (20,448 weights), on 100 to 500 images and in batches of 32. Its
gain is a stand-in: each layer has the gain of a layer of the six-layer network.

So small a network does not fit its training set. Its training error rises with N, its test error
falls, and rho is about the same for all N. The paper calls its bound almost not vacuous: rho / sqrt
N goes below 1, but stays above 1 with the constants of its theorem.
"""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from . import _examples
from . import _weight_norm as wn

PAPER: dict[str, Any] = {
    **wn.PAPER, "model": "conv3", "batch_size": 32, "init_norm": 0.1, "weight_decay": 0.002,
    "n_train": [100, 200, 300, 400, 500],
}  # fmt: skip
FIGURE = "xu2023dynamics/fig07"
NEEDS = ("rho", "train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that rho is flat in N, the direction of the errors, and the size of rho / sqrt N."""
    runs, learnt = _examples.runs_of(table), [regimes.learn(table, 0.7)]

    def change(name: str) -> Statistic:
        wide = runs.pivot(index="seed", columns="N", values=name)
        words = f"{name.replace('_', ' ')} at the largest minus at the smallest N"
        return Statistic.of(words, wide.iloc[:, -1] - wide.iloc[:, 0])

    return [
        judge(_examples.variation(runs, 0), figure=FIGURE, kind="paper", id="rho-flat", at_most=0.1,
              regime=learnt, reference="figure 7, table: within 4%",
              claim="rho varies by less than a tenth over all N"),
        judge(change("train_error"), figure=FIGURE, kind="paper", id="train-error-rises",
              at_least=0.0, regime=learnt, reference="figure 7, table: 0.127 to 0.165",
              claim="the training error rises with N"),
        judge(change("test_error"), figure=FIGURE, kind="paper", id="test-error-falls",
              at_most=0.0, regime=learnt, reference="figure 7, table: 0.289 to 0.177",
              claim="the test error falls with N"),
        judge(Statistic.of("least rho / sqrt N over N", runs.groupby("seed")["bound"].min()),
              figure=FIGURE, kind="paper", id="bound-below-one", at_most=1.0, regime=learnt,
              reference="figure 7 c: 0.573", claim="rho / sqrt N goes below 1"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's table and its two panels."""
    return _examples.draw(table, "7", PAPER)
