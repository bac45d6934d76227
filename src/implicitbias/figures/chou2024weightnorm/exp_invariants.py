"""Constants of motion: the projected invariant stays, with weight normalisation and without.

In the setting of Chou, Rauhut & Ward. With w = u exp(c r^2 / 2), the projections of log w (depth 2)
or of w^(2-L) (deeper) on the kernel of A are constant along the flow; without normalisation the
same holds of x. Lines: four components of the projection in one instance, against time. The drift
judged is the largest change of any component, relative to the norm of the unprojected vector.
Instances are stand-ins (40 unknowns, 20 measurements, 3 non-zeros); adaptive solver, rtol 1e-12.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.tables import final
from ...analysis.worst import proved
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_invariants"
NEEDS = ("time", "invariant", "invariant_drift", "unit_drift")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether the invariants are constant to 1e-6 and the direction keeps its length."""
    last = final(table)
    return [
        proved(
            last[last["metric"] == "invariant_drift"], figure=FIGURE, at_most=1e-6,
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
    """Draw a panel per depth; a colour per ratio."""
    whole = _runs.with_ratio(table[table["seed"] == table["seed"].min()])
    depths = sorted(whole["depth"].unique())
    fig, axes = plt.subplots(
        1, len(depths), figsize=(style.PAGE, 2.9), squeeze=False, layout="constrained"
    )
    for ax, depth in zip(axes[0], depths, strict=True):
        part = whole[whole["depth"] == depth]
        for c, run in part.groupby("c"):
            _lines(ax, run, float(str(c)), f"depth {depth}")
        ax.set(title=f"depth {depth}", xlabel="time (eta_u = 1)")
        ax.set_xscale("symlog", linthresh=1e-2)
        ax.set_xlim(left=0)
    axes[0][0].set_ylabel("components of the projected invariant")
    style.legend(fig, axes[0][0])
    return fig


def _lines(ax: Any, run: pd.DataFrame, c: float, panel: str) -> None:
    time = run[run["metric"] == "time"].set_index("epoch")["value"]
    values = run[run["metric"] == "invariant"]
    for i, (layer, part) in enumerate(values.groupby("layer")):
        rows = part.set_index("epoch")["value"].reindex(time.index)
        ax.plot(time, rows, color=_runs.LOOKS[c][0], label=_runs.name(c) if i == 0 else "_")
        series = f"{_runs.name(c)}, {layer}"
        style.notes(ax, time, rows, panel=panel, series=series, x_name="time", n=1)
