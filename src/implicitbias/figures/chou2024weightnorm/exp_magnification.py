"""The magnification factor: predicted and measured, and the excess of the l1 norm with its bound.

In the setting of Chou, Rauhut & Ward: weight-normalised flow ends where plain flow from x(0) / rho
ends, rho = (r_0 / r_end) exp(c (r_end^2 - r_0^2) / 2). Left: measured log10 rho against the value
that is known beforehand, at r_end = Q^(1/L), where Q is the least l1 norm. This value is a lower
bound where Q^(1/L) >= 1 / sqrt(c). Right: excess (||z||_1 - Q) / Q against its bound. The identity
and the bound are derived for this model; that rho is the paper's factor is an inference. All
instances are stand-ins. Only flows that interpolate (relative residual at the solver's stop) are
judged and drawn on the right. The slowest flows need a time of 5e10 to reach a residual of 1e-8. At
time 1e8 their residual is 1e-6, and z is 2e-4 away from the z of plain flow, because the identity
is about limits.
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
FIGURE = "chou2024weightnorm/exp_magnification"
NEEDS = (
    "log10_magnification", "log10_magnification_bound", "excess", "excess_bound",
    "excess_over_bound", "magnification_gap", "converged",
)  # fmt: skip
METRICS = (
    "log10_magnification", "log10_magnification_bound", "excess", "excess_bound",
    "excess_over_bound", "magnification_gap", "converged",
)  # fmt: skip
FLOOR = 1e-9
MARKERS = {2: "o", 3: "^"}  # by depth; colours are those of the ratio


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the excess between 0 and its bound, the identity, and rho against its lower bound."""
    rows = _runs.ends(table, *METRICS)
    done = rows[rows["converged"] == 1]
    lost = f"{len(rows) - len(done)} of {len(rows)} flows did not reach the residual: left out"
    bounded = done[done["excess_bound"].notna()]
    compared = done[done["magnification_gap"].notna()]
    known = done[done["log10_magnification_bound"].notna()]
    below = known["log10_magnification_bound"] - known["log10_magnification"]
    return [
        proved(
            bounded.assign(value=bounded["excess_over_bound"]), figure=FIGURE, at_most=1, note=lost,
            id="excess-below-bound",
            claim="the excess of the l1 norm never exceeds its bound", statistic="excess / bound",
        ),
        proved(
            done.assign(value=-done["excess"]), figure=FIGURE, at_most=1e-6, note=lost,
            id="no-limit-below-pursuit",
            claim="no interpolating limit has a smaller l1 norm than basis pursuit",
            statistic="(Q - ||z||_1) / Q, where the residual is 1e-8",
        ),
        proved(
            compared.assign(value=compared["magnification_gap"]), figure=FIGURE, at_most=1e-5,
            id="ends-where-plain-does",
            claim="normalised flow ends where plain flow from x(0) / rho does",
            statistic="||z - z_plain|| / ||z||", note=lost,
        ),
        proved(
            known.assign(value=below), figure=FIGURE, at_most=1e-6, note=lost,
            id="magnification-above-bound",
            claim="rho is at least its lower bound at r_end = Q^(1/L)",
            statistic="log10 of the bound - log10 rho",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw magnification and excess, each against its bound."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), layout="constrained")
    rows = _runs.ends(table, *METRICS)
    pairs = (
        (left, "log10_magnification_bound", "log10_magnification", rows),
        (right, "excess_bound", "excess", rows[rows["converged"] == 1]),
    )
    for ax, x, y, chosen in pairs:
        for (depth, c), part in chosen.groupby(["depth", "c"]):
            look = (_runs.LOOKS[float(str(c))][0], MARKERS[int(str(depth))])
            values = part[y].clip(lower=FLOOR) if y == "excess" else part[y]
            label = f"depth {depth:g}, {_runs.name(float(str(c)))}"
            ax.plot(part[x], values, color=look[0], marker=look[1], linestyle="none", alpha=0.7,
                    label=label)  # fmt: skip
            for at, value in zip(part[x], part[y], strict=True):
                style.note(ax, panel=y, series=label, x_name=x, x=at, mean=value, n=1)
        span = chosen[x].dropna()
        if len(span):
            ends = [span.min(), span.max()]
            ax.plot(ends, ends, color=style.BLACK, linewidth=0.8, linestyle="--", label="equal")
    left.set(xlabel="log10 rho at Q^(1/L)", ylabel="log10 rho, measured")
    right.set(xscale="log", yscale="log", xlabel="bound on the excess",
              ylabel="(||z||_1 - Q) / Q, at least 1e-9")  # fmt: skip
    style.legend(fig, left, ncols=3)
    return fig
