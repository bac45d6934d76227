"""Relaxed variable splitting at work: angle, Lagrangian, loss and non-zeros against iteration.

In the setting of Dinh & Xin: one hidden layer of ReLU units on patches that do not overlap,
Gaussian input, a sparse true weight; population gradient, weights kept on the unit sphere. Each
panel compares l1, l0 and transformed l1 at equal cut-off, and plain gradient descent, for which the
Lagrangian is the loss. The paper's sizes, rates, cut-offs and figure numbers are not known to us;
ours (20 patches of dimension 50, 10 true non-zeros, beta 0.004, cut-off 0.05, step 1, transformed
l1 with a = 1) are stand-ins. u is thresholded from the new w, and the non-zeros of u are counted.
Values below 1e-16 are drawn at 1e-16.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.worst import proved
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_trajectories"
NEEDS = ("angle", "lagrangian", "loss", "nonzeros", "off_support", "lagrangian_rise")
PANELS = {
    "angle": "angle between w and truth, rad", "lagrangian": "Lagrangian",
    "loss": "population loss of w", "nonzeros": "non-zeros of u",
}  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """The Lagrangian never rises; non-zeros end within the true support."""
    penalised = table[table["penalty"] != "none"]
    return [
        proved(
            _runs.last(table, "lagrangian_rise"), figure=FIGURE, at_most=1e-14,
            id="lagrangian-never-rises",
            claim="the Lagrangian never increases, beyond rounding",
            statistic="largest increase in one iteration",
        ),
        proved(
            _runs.last(penalised, "off_support"), figure=FIGURE, at_most=0,
            id="support-inside-truth",
            claim="u ends exactly sparse, inside the support of the true weight",
            statistic="non-zeros of u outside the true support",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw four panels over iterations."""
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.2), sharex=True, layout="constrained")
    for ax, (name, label) in zip(axes.flat, PANELS.items(), strict=True):
        _runs.trajectories(ax, table, name, floor=1e-16)
        ax.set_ylabel(label)
        if name != "nonzeros":
            ax.set_yscale("log")
    for ax in axes[1]:
        ax.set_xlabel("iteration")
    axes[1][1].axhline(table["sparsity"].iloc[0], color=style.BLACK, linestyle=":", linewidth=0.8,
                       label="non-zeros of the truth")  # fmt: skip
    style.legend(fig)
    return fig
