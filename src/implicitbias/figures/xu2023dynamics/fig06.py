"""rho, errors, their gap and rho / sqrt N against the number N of training examples, six layers.

Numbered as in the author manuscript. The six-layer network is trained from initial norm 0.1 with
lambda 0.001. In this figure rho is the product of the norms of all layers, so the frozen gains
count. The paper prints rho and the errors as a table, and draws the gap as blue bars and rho / sqrt
N as red triangles; hollow points are its numbers. Values are means over the last tenth of training.

rho hardly depends on N. rho / sqrt N, the paper's bound up to constants, therefore falls as the gap
does. The bound is far above 1, so it says nothing about the error itself, and a constant of its
theorem would make it even larger. The published errors differ from those of the paper's figures 3
and 5 at the same N, which suggests other data. A network may fall back to the plateau as it leaves
it, and stay there at chance. Such a network is drawn as a grey cross, and its seed is left out of
the claims.
"""

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge as judged
from ...analysis.statistics import Statistic
from . import _examples
from . import _weight_norm as wn

PAPER: dict[str, Any] = {
    **wn.PAPER, "init_norm": 0.1, "weight_decay": 0.002,
    "n_train": [500, 1000, 2000, 3000, 4000, 5000, 7500, 9000, 10000],
}  # fmt: skip
FIGURE = "xu2023dynamics/fig06"
CHANGED = (
    "networks at chance are left out, and seeds 4 and 5 were added, since the runs of scale small"
    " were seen; until then one network at chance made the claim not tested"
)
NEEDS = ("rho", "train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that rho is flat in N, that the gap falls, and that rho / sqrt N follows it."""
    learnt, left_out = regimes.learnt(table, _examples.LEARNT)
    runs = _examples.runs_of(learnt)
    sizes = sorted(table["n_train"].unique())
    counts = runs.groupby("seed")["N"].transform("nunique")
    runs = runs[counts == len(sizes)]  # every seed has the same N
    regime = [regimes.several(runs, "N", "numbers of examples at which every network learns")]
    note = "; ".join(filter(None, [left_out, CHANGED]))
    judge = partial(judged, figure=FIGURE, kind="paper", regime=regime, note=note)
    return [
        judge(_examples.variation(runs, sizes[min(1, len(sizes) - 1)]),
              id="rho-flat", at_most=0.1,
              reference="figure 6, table: 0.019 over N >= 1000",
              claim="rho varies by less than a tenth over all N but the least"),
        judge(Statistic.of("slope of ln gap on ln N", _examples.of_logs(runs, "gap")),
              id="gap-falls", at_most=-0.4,
              reference="figure 6 b: -0.83", claim="the gap of the errors falls with N"),
        judge(Statistic.of("Pearson's r of ln gap and ln (rho / sqrt N)",
                           _examples.of_logs(runs, "gap", "bound", slope=False)),
              id="gap-follows-bound", at_least=0.8,
              reference="figure 6 b, c: 0.98", claim="the gap follows rho / sqrt N over N"),
        judge(Statistic.of("least rho / sqrt N over N", runs.groupby("seed")["bound"].min()),
              id="bound-vacuous", at_least=1.0,
              reference="section 3.5; figure 6 c: 5.4",
              claim="rho / sqrt N says nothing on the error at any N"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's table and its two panels."""
    return _examples.draw(table, "6", PAPER)
