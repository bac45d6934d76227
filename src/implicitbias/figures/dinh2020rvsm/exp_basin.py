"""The basin of attraction: final angle against beta, for starts nearly opposite to the truth.

In the setting of Dinh & Xin: starts at angle pi - delta from the true weight, l1 at cut-off 0.1
(stand-ins). The horizontal axis is beta over delta sin(delta) / (k pi), the value at which the
loss's pull at the start balances the largest drag of the penalty; the paper's theorem is recalled,
not read, to need beta below it. Runs at a ratio of one must reach the neighbourhood of the truth
(angle below a tenth); far above it most starts still do.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ... import style
from ...claim import Claim, Statistic, judge
from .._worst import worst
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_basin"
NEEDS = ("angle", "beta_limit", "start_angle_used")
NEAR = 0.1  # radians


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """A row per run: final angle as `value`, beta over its limit as `ratio`, delta."""
    found = _runs.ends(table, "angle", "beta_limit", "start_angle_used")
    delta = (3.141592653589793 - found["start_angle"]).round(6)
    return found.assign(
        value=found["angle"], delta=delta, ratio=(found["beta"] / found["beta_limit"]).round(3)
    )


def claims(table: pd.DataFrame) -> list[Claim]:
    """Sufficient: at a ratio up to one every start arrives; not necessary: at ten most do too."""
    found = rows(table)
    inside, beyond = found[found["ratio"] <= 1.001], found[found["ratio"].between(1.01, 11)]
    arrived = (beyond["value"] < NEAR).groupby(beyond["seed"]).mean()
    return [
        worst(
            inside, figure=FIGURE, at_most=NEAR, statistic="final angle, radians",
            claim="with beta up to delta sin(delta) / (k pi) every start reaches the truth",
        ),
        judge(
            Statistic(
                f"share of starts that end within {NEAR} rad",
                {int(str(s)): float(v) for s, v in arrived.items()},
            ),
            figure=FIGURE, at_least=0.5,
            claim="the condition is not necessary: up to ten times beyond it most starts arrive",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """Final angle against the ratio, a line per delta."""
    fig, ax = plt.subplots(figsize=(style.COLUMN * 1.3, 2.9), layout="constrained")
    found = rows(table)
    for i, (delta, part) in enumerate(found.groupby("delta")):
        style.band(ax, part, "ratio", f"delta = {delta:g}", style.layer_look(i), "basin")
    ax.axvline(1, color=style.BLACK, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="beta k pi / (delta sin delta)",
           ylabel="final angle to the truth, rad")  # fmt: skip
    fig.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    return fig
