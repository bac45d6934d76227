"""Where weight normalisation does not help: large starts, small ratios, deep and fast networks.

In the setting of Chou, Rauhut & Ward, by flow (stand-in instances: 40 unknowns, 15 measurements, 3
ones). With 20 measurements, our first choice, 31% of the instances have a single non-negative
solution (Wendel; Donoho & Tanner 2010), at which every flow ends, so that nothing can be compared;
with 15 measurements 1.4% have one. Left: excess of the l1 norm over its least value Q, at depth 2,
for an initialisation of 0.5 per weight (larger than the limit) and of 0.01, against c.
Normalisation gains nothing from the large initialisation, and from the tiny one it is worse than
plain flow (dashed) when c is small. Right: time until the relative residual is 1e-8 at depth 4, a
line per instance. This time grows by orders of magnitude up to c = 2. With larger ratios most flows
do not reach the residual before the horizon (hollow points, drawn at the horizon), while some
instances reach it early, before the slow phase.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...train.sparse.sensing import single_solution_probability
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_negative"
NEEDS = ("excess", "converged", "time", "residual")
METRICS = ("excess", "converged", "time", "residual")
STARTS = ((style.SKY, "o"), (style.VERMILION, "s"))  # looks of the tiny and of the large start
LOST = "not arrived before the horizon"


def _excess(rows: pd.DataFrame, tiny: bool, c: float) -> pd.Series:
    """Return the excess by seed at depth 2; the tiny start is the smaller one."""
    starts = rows.loc[rows["depth"] == 2, "init_norm"]
    at = rows["init_norm"] == (starts.min() if tiny else starts.max())
    part = rows[at & (rows["depth"] == 2) & (rows["c"] == c) & (rows["converged"] == 1)]
    excess: pd.Series = part.set_index("seed")["excess"]
    return excess


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that a too large start gains nothing, a tiny one loses, and a deep network is slow."""
    rows = _runs.ends(table, *METRICS)
    gain = _excess(rows, False, 10.0) / _excess(rows, False, 0.0)
    loss = _excess(rows, True, 0.5) / _excess(rows, True, 0.0)
    deep = rows[rows["depth"] > 2]
    time = deep.pivot(index="seed", columns="c", values="time")
    slower = time[time.columns.max()] / time[0.0]
    n, m, k = rows.iloc[0][["dimension", "measurements", "sparsity"]].astype(int)
    single = single_solution_probability(n, m, k)
    return [
        judge(Statistic.of("excess at c = 10 / plain's, large start", gain, log=True),
              figure=FIGURE,
              at_least=0.9, kind="ours", id="no-gain-large-start",
              claim="normalisation gains nothing when the start exceeds the limit",
              note=f"share of instances with one non-negative solution only: {single:.1%}"),
        judge(Statistic.of("excess at c = 0.5 / plain's, tiny start", loss, log=True),
              figure=FIGURE,
              at_least=2.0, kind="ours", id="worse-tiny-start",
              claim="a small ratio with a tiny start at least doubles the excess"),
        judge(Statistic.of("time at the largest c / plain's, depth 4", slower, log=True),
              figure=FIGURE,
              at_least=100.0, kind="ours", id="slow-when-deep",
              claim="deeper than 2, a large ratio is a hundred times slower",
              note="flows that did not arrive count with the horizon"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw excess against the ratio; time to arrive at depth 4."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    rows = _runs.ends(table, *METRICS)
    flat = rows[(rows["depth"] == 2) & (rows["converged"] == 1)]
    flat = flat.assign(value=flat["excess"].clip(lower=1e-9))
    for look, (start, part) in zip(STARTS, flat.groupby("init_norm"), strict=False):
        label = f"start {float(str(start)) / 40**0.5:.2g} per weight"
        style.band(left, part[part["c"] > 0], "c", label, look, "excess", geometric=True)
        plain = float(np.exp(np.log(part.loc[part["c"] == 0, "value"]).mean()))
        left.axhline(plain, color=look[0], linestyle="--", linewidth=0.8, label="the same, plain")
        style.note(left, panel="excess", series=f"plain, {label}", mean=plain)
    left.set(xscale="log", yscale="log", xlabel="rate ratio c", ylabel="(||z||_1 - Q) / Q")
    style.ticks(left, sorted(flat.loc[flat["c"] > 0, "c"].unique()))
    deep = rows[rows["depth"] > 2].sort_values("c")
    for seed, part in deep.groupby("seed"):
        right.plot(part["c"], part["time"], color=style.BLACK, marker="o", alpha=0.6, linewidth=0.8,
                   label=_once(right, "one instance"))  # fmt: skip
        lost = part[part["converged"] == 0]
        if len(lost):
            right.plot(lost["c"], lost["time"], color=style.BLACK, marker="o", linestyle="none",
                       markerfacecolor="white", zorder=4, label=_once(right, LOST))  # fmt: skip
        style.notes(
            right, part["c"], part["time"], panel="time", series=f"seed {seed}", x_name="c", n=1
        )
    right.set(yscale="log", xlabel="rate ratio c (0: plain)",
              ylabel="time to residual 1e-8, depth 4")  # fmt: skip
    right.set_xticks(sorted(deep["c"].unique()))
    for ax in (left, right):
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return fig


def _once(ax: Axes, label: str) -> str:
    """Return the label where no line has it yet: a legend names each kind of line once."""
    return "_" if label in ax.get_legend_handles_labels()[1] else label
