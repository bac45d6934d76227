"""rho, errors, their gap and rho / sqrt N against the number N of training examples, six layers.

Numbered as in the author manuscript. The six-layer network from initial norm 0.1 with lambda 0.001;
here rho is the product of the norms of all layers, so the frozen gains count. The paper prints rho
and the errors as a table, the gap as blue bars, rho / sqrt N as red triangles; hollow points are
its numbers. Values are means over the last tenth of training.

What to see: rho hardly depends on N, so rho / sqrt N, its bound up to constants, falls as the gap
does. The bound is far above 1: it says nothing on the error itself, and a constant of its theorem
would make it larger still. The published errors are not those of the paper's figures 3 and 5 at the
same N: other data, it seems.
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
    **wn.PAPER, "init_norm": 0.1, "weight_decay": 0.002,
    "n_train": [500, 1000, 2000, 3000, 4000, 5000, 7500, 9000, 10000],
}  # fmt: skip
FIGURE = "xu2023dynamics/fig06"
NEEDS = ("rho", "train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that rho is flat in N, that the gap falls, and that rho / sqrt N follows it."""
    runs, learnt = _examples.runs_of(table), [regimes.learn(table, 0.8)]
    sizes = sorted(runs["N"].unique())
    return [
        judge(_examples.variation(runs, sizes[min(1, len(sizes) - 1)]),
              figure=FIGURE, kind="paper", id="rho-flat", at_most=0.1, regime=learnt,
              reference="figure 6, table: 0.019 over N >= 1000",
              claim="rho varies by less than a tenth over all N but the least"),
        judge(Statistic.of("slope of ln gap on ln N", _examples.of_logs(runs, "gap")),
              figure=FIGURE, kind="paper", id="gap-falls", at_most=-0.4, regime=learnt,
              reference="figure 6 b: -0.83", claim="the gap of the errors falls with N"),
        judge(Statistic.of("Pearson's r of ln gap and ln (rho / sqrt N)",
                           _examples.of_logs(runs, "gap", "bound", slope=False)),
              figure=FIGURE, kind="paper", id="gap-follows-bound", at_least=0.8, regime=learnt,
              reference="figure 6 b, c: 0.98", claim="the gap follows rho / sqrt N over N"),
        judge(Statistic.of("least rho / sqrt N over N", runs.groupby("seed")["bound"].min()),
              figure=FIGURE, kind="paper", id="bound-vacuous", at_least=1.0, regime=learnt,
              reference="section 3.5; figure 6 c: 5.4",
              claim="rho / sqrt N says nothing on the error at any N"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's table and its two panels."""
    return _examples.draw(table, "6", PAPER)
