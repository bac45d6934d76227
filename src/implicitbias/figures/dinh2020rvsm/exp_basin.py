"""The basin of attraction: final angle against beta, for starts nearly opposite to the truth.

In the setting of Dinh & Xin. Left: starts at angle pi - delta from the true weight, l1 at cut-off
0.1 (stand-ins). The horizontal axis is beta over delta sin(delta) / (k pi), the value at which the
loss's pull at the start balances the largest drag of the penalty; the paper's theorem is recalled,
not read, to need beta below it. Runs at a ratio of one must reach the neighbourhood of the truth
(angle below a tenth); far above it most starts still do. Right: one truth, twenty random starts on
the sphere, beta 0.004, cut-off 0.05: final angle against the iterations it took; a start that ended
elsewhere would stand apart.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import worst
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_basin"
NEEDS = ("angle", "beta_limit", "start_angle_used")
NEAR = 0.1  # radians


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: final angle as `value`, beta over its limit as `ratio`, delta."""
    ends = tables.ends(table[table["start_angle"].notna()], "angle", "beta_limit")
    delta = (3.141592653589793 - ends["start_angle"]).round(6)
    return ends.assign(
        value=ends["angle"], delta=delta, ratio=(ends["beta"] / ends["beta_limit"]).round(3)
    )


def starts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per random start; `value`: how far its final angle is from its penalty's
    smallest.
    """
    ends = tables.ends(table[table["start_seed"].notna()], "angle", "iterations_used")
    return ends.assign(value=ends["angle"] - ends.groupby("penalty")["angle"].transform("min"))


def claims(table: pd.DataFrame) -> list[Claim]:
    """Up to a ratio of one every start arrives; at ten most do too; random ones end together."""
    ends = rows(table)
    inside, beyond = ends[ends["ratio"] <= 1.001], ends[ends["ratio"].between(1.01, 11)]
    arrived = (beyond["value"] < NEAR).groupby(beyond["seed"]).mean()
    return [
        worst(
            inside, figure=FIGURE, at_most=NEAR, statistic="final angle, radians",
            kind="paper", id="arrives-within-limit",
            claim="with beta up to delta sin(delta) / (k pi) every start reaches the truth",
        ),
        judge(
            Statistic.of(f"share of starts that end within {NEAR} rad", arrived),
            figure=FIGURE, at_least=0.5,
            kind="ours", id="most-arrive-beyond-limit",
            claim="the condition is not necessary: up to ten times beyond it most starts arrive",
        ),
        worst(
            starts(table), figure=FIGURE, at_most=1e-9, unit="start_seed",
            kind="paper", id="random-starts-agree",
            claim="random starts on the sphere end at the same angle",
            statistic="final angle - the smallest of the same penalty, radians",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw final angle against the ratio, a line per delta; and of random starts."""
    fig, (ax, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    ends = rows(table)
    for i, (delta, part) in enumerate(ends.groupby("delta")):
        style.band(ax, part, "ratio", f"delta = {delta:g}", style.layer_look(i), "basin")
    ax.axvline(1, color=style.BLACK, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="beta k pi / (delta sin delta)",
           ylabel="final angle to the truth, rad")  # fmt: skip
    ax.legend(loc="upper left", ncols=2)
    ax.set_ylim(top=40)
    ended = starts(table)
    for penalty in _runs.PENALISED:
        part = ended[ended["penalty"] == penalty]
        style.dots(right, part["iterations_used"], part["angle"], _runs.NAMES[penalty],
                   _runs.LOOKS[penalty], panel="starts", series=penalty,
                   x_name="iterations")  # fmt: skip
    right.set(xlabel="iterations until w stands still", ylabel="final angle to the truth, rad")
    right.set_ylim(bottom=0)
    right.legend()
    return fig
