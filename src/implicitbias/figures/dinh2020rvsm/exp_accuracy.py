"""Loss of the sparse weight against its number of non-zeros: the cost of shrinkage.

In the setting of Dinh & Xin: the cut-off is swept at equal values for l1, l0 and transformed l1
(a = 0.1, 1 and 10, stand-ins). Each point is the mean over seeds at one cut-off: non-zeros of u
against the population loss of u itself (left) and of u rescaled to unit length (right). Pruned
truth: the true weight with its entries up to the cut-off removed, which no method can know; pruned
w: what magnitude pruning of plain gradient descent gives, the same where descent has converged.
Losses below 1e-8 (exact recovery) are drawn there; bars: smallest to largest seed.
All settings are stand-ins; the abstract names the trade-off, not its numbers.
"""

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import difference
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_accuracy"
NEEDS = ("nonzeros", "split_loss", "rescaled_split_loss", "oracle_nonzeros", "oracle_loss")
FLOOR = 1e-8  # exact recovery has a loss near 1e-25, which would flatten the rest
PANELS = {"split_loss": "population loss of u", "rescaled_split_loss": "loss of u / ||u||"}


def claims(table: pd.DataFrame) -> list[Claim]:
    """At equal cut-off l0 loses least and l1 most, transformed l1 between; as many are kept."""
    judged, table = [], _runs.with_method(table)
    order = _runs.methods(table)
    for better, worse in pairwise(order):
        rows = _runs.last(table, "split_loss")
        gap = difference(rows, "method", worse, better, by=["cutoff"])
        judged.append(
            judge(
                gap, figure=FIGURE, at_least=0,
                kind="paper", id=f"{_runs.PARTS[better]}-loses-less-than-{_runs.PARTS[worse]}",
                claim=f"at equal cut-off the sparse weight of {better} loses less than {worse}'s",
            )
        )  # fmt: skip
    rows = _runs.last(table, "nonzeros")
    judged.append(
        judge(
            difference(rows, "method", "l1", "l0", by=["cutoff"]), figure=FIGURE, at_least=-1,
            kind="control", id="l1-keeps-as-many-as-l0",
            claim="at equal cut-off l1 keeps at most one entry fewer than l0, on average",
        )
    )  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw loss against non-zeros, as learned and rescaled."""
    fig, axes = plt.subplots(
        1, 2, figsize=(style.PAGE, 3.3), sharex=True, sharey=True, layout="constrained"
    )
    table = _runs.with_method(table)
    for ax, (name, label) in zip(axes, PANELS.items(), strict=True):
        for method in _runs.methods(table):
            runs = tables.ends(table[table["method"] == method], "nonzeros", name)
            _runs.bars(ax, runs.groupby("cutoff"), "nonzeros", name, _runs.NAMES[method],
                       _runs.LOOKS[method], name, FLOOR)  # fmt: skip
        oracle = tables.ends(table[table["penalty"] == "l1"], "oracle_nonzeros", "oracle_loss")
        _runs.bars(ax, oracle.groupby("cutoff"), "oracle_nonzeros", "oracle_loss",
                   "pruned truth, pruned w", (style.BLACK, "D"), "oracle_loss", FLOOR,
                   linestyle="--")  # fmt: skip
        ax.set(yscale="log", xlabel="non-zeros of u", ylabel=label, ylim=(FLOOR / 3, None))
    style.legend(fig, axes[0], ncols=3)
    return fig
