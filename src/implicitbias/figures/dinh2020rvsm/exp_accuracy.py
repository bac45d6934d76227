"""Loss of the sparse weight against its number of non-zeros: the cost of shrinkage.

In the setting of Dinh & Xin: the cut-off is swept at equal values for l1, l0 and transformed l1 (a
= 0.1, 1 and 10, stand-ins). Each point is the mean over seeds at one cut-off: non-zeros of u
against the population loss of u itself (left) and of u rescaled to unit length (right). Pruned
truth: the true weight with its entries up to the cut-off removed, which no method can know. Pruned
w: magnitude pruning of plain gradient descent, which gives the pruned truth where descent has
converged. Losses below 1e-8 (exact recovery) are drawn at 1e-8. Means are arithmetic, because they
estimate the expected loss; bars reach from the smallest to the largest seed. The claims compare at
equal cut-off, and at equal numbers of non-zeros. All settings are stand-ins; the abstract mentions
the trade-off without numbers.
"""

import math
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic, difference
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
    judged += _at_equal_sparsity(table)
    rows = _runs.last(table, "nonzeros")
    judged.append(
        judge(
            difference(rows, "method", "l1", "l0", by=["cutoff"]), figure=FIGURE, at_least=-1,
            kind="control", id="l1-keeps-as-many-as-l0",
            claim="at equal cut-off l1 keeps at most one entry fewer than l0, on average",
        )
    )  # fmt: skip
    return judged


def best(table: pd.DataFrame, loss: str) -> pd.DataFrame:
    """Return the least loss over cut-offs; a row per seed and number of entries kept, a column per
    method. Only where entries of the truth are lost: from one to one less than it has.
    """
    rows = tables.ends(table, "nonzeros", loss)
    rows = rows[(rows["nonzeros"] >= 1) & (rows["nonzeros"] < rows["sparsity"])]
    found: pd.DataFrame = rows.groupby(["seed", "nonzeros", "method"])[loss].min().unstack("method")
    return found


def ratios(table: pd.DataFrame, loss: str, worse: str, better: str) -> pd.Series:
    """Return the geometric mean, over numbers of entries that both keep, of worse's loss / better's
    by seed.
    """
    wide = best(table, loss)
    logs = (wide[worse] / wide[better]).dropna().map(math.log)
    return logs.groupby("seed").mean().map(math.exp)


def _at_equal_sparsity(table: pd.DataFrame) -> list[Claim]:
    """At equally many entries, each method at its best cut-off, l0 loses least and l1 most."""
    judged = []
    for better, worse in (("l0", "tl1"), ("tl1", "l1")):
        if not {better, worse} <= {*table["method"]}:
            continue
        rescaled = ratios(table, "rescaled_split_loss", worse, better)
        after = float(np.exp(np.log(rescaled).mean()))
        judged.append(
            judge(
                Statistic.of(f"loss of u, {worse} / {better}, at equal numbers of non-zeros",
                             ratios(table, "split_loss", worse, better), log=True),
                figure=FIGURE, at_least=1.0,
                kind="paper", id=f"{better}-loses-less-than-{worse}-at-equal-sparsity",
                claim=f"with as many entries kept the sparse weight of {better} loses less than"
                f" {worse}'s",
                note=f"geometric mean over numbers of entries below the truth's, each method at its"
                f" best cut-off; after rescaling u to unit length the ratio is {after:.3g};"
                " the order was known for one truth",
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
