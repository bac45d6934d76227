"""Drift of the projected invariants along the flow, with weight normalisation and without.

In the setting of Chou, Rauhut & Ward. With w = u exp(c r^2 / 2), the projections of log w (depth 2)
or of w^(2-L) (deeper) on the kernel of A are constant along the flow; without normalisation the
projections of x are constant. Lines: the largest change of any component so far, relative to the
norm of the unprojected vector, against time, for each instance. Dotted: the claimed bound. The
drift is the error of the solver (adaptive, rtol 1e-12); drifts below 1e-16 are drawn at 1e-16.
Instances are stand-ins (40 unknowns, 20 measurements, 3 non-zeros).
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.tables import final
from ...analysis.worst import proved
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_invariants"
NEEDS = ("time", "invariant_drift", "unit_drift")
CONSTANT = 1e-6  # drift up to which an invariant is constant
FLOOR = 1e-16  # a drift of 0 has no place on a logarithmic axis


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether the invariants are constant to 1e-6 and the direction keeps its length."""
    last = final(table)
    return [
        proved(
            last[last["metric"] == "invariant_drift"], figure=FIGURE, at_most=CONSTANT,
            id="invariants-constant",
            claim="the projected invariants are constant along the flow",
            statistic="largest drift relative to the invariant",
        ),
        proved(
            last[last["metric"] == "unit_drift"], figure=FIGURE, at_most=1e-6,
            id="direction-keeps-length",
            claim="the flow keeps ||u|| = 1", statistic="| ||u|| - 1 |",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the drift over time: a panel per depth, a colour per ratio, a line per instance."""
    whole = _runs.with_ratio(table)
    depths = sorted(whole["depth"].unique())
    fig, axes = plt.subplots(
        1, len(depths), figsize=(style.PAGE, 2.9), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, depth in zip(axes[0], depths, strict=True):
        part = whole[whole["depth"] == depth]
        for c, runs in part.groupby("c"):
            _lines(ax, runs, float(str(c)), f"depth {depth}")
        ax.axhline(CONSTANT, color=style.BLACK, linestyle=":", linewidth=0.8,
                   label=f"claimed: at most {CONSTANT:g}")  # fmt: skip
        ax.set(xscale="log", yscale="log", title=f"depth {depth}", xlabel="time (eta_u = 1)")
    axes[0][0].set_ylabel("largest drift of the invariant so far")
    style.legend(fig, axes[0][0])
    return fig


def _lines(ax: Axes, runs: pd.DataFrame, c: float, panel: str) -> None:
    keys = ["seed", "epoch"]
    rows = runs[runs["metric"].isin(("time", "invariant_drift"))]
    wide = rows.pivot(index=keys, columns="metric", values="value").reset_index()
    colour = _runs.LOOKS[c][0]
    for i, (seed, line) in enumerate(wide[wide["time"] > 0].groupby("seed")):
        drift = line["invariant_drift"].clip(lower=FLOOR)
        ax.plot(line["time"], drift, color=colour, linewidth=0.8, alpha=0.7,
                label=_runs.name(c) if i == 0 else "_")  # fmt: skip
        series = f"{_runs.name(c)}, seed {seed}"
        style.notes(ax, line["time"], line["invariant_drift"], panel=panel, series=series,
                    x_name="time", n=1)  # fmt: skip
