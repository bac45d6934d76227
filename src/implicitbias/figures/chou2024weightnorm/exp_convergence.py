"""Reconstruction error and residual against iteration, with and without weight normalisation.

In the setting of Chou, Rauhut & Ward: recovery of a sparse non-negative vector by gradient descent
on a diagonal linear network of depth 2, plain and weight-normalised at several ratios c = eta_u /
eta_r, all from one initialisation. Plain descent fits the measurements and keeps an error that its
initialisation determines; with a larger c the error falls further. Instances and rates are
stand-ins (200 unknowns, 60 Gaussian measurements, 5 ones, initial norm 0.5, eta 0.01, projected
steps).
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_convergence"
NEEDS = ("reconstruction_error", "residual")
FROM = 10  # iterations: until then both are 1
PANELS = {"reconstruction_error": "||z - x*|| / ||x*||", "residual": "||A z - y|| / ||y||"}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Normalisation ends at a lower error than plain descent at the same budget."""
    judged, rows = [], _runs.ends(table, "reconstruction_error", "residual")
    plain = rows[rows["c"] == 0].set_index("seed")["reconstruction_error"]
    for c, part in rows[rows["c"] > 0].groupby("c"):
        ratio = plain / part.set_index("seed")["reconstruction_error"]
        judged.append(
            judge(
                Statistic.of(f"plain's final error / that of c = {c:g}", ratio, log=True),
                      figure=FIGURE,
                at_least=2.0, regime=[_runs.fits(rows)], kind="paper", id=f"error-halved-c-{c:g}",
                claim=f"normalisation with c = {c:g} at least halves the error",
            )
        )  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw error and residual over iterations."""
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    whole = _runs.with_ratio(table)
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        chosen = whole[whole["metric"] == metric]
        for c, rows in chosen.groupby("c"):
            wide = rows.pivot_table(index="epoch", columns="seed", values="value").ffill()
            held = wide.reset_index().melt(id_vars="epoch", value_name="value")
            look = (_runs.LOOKS[float(str(c))][0], "")
            late = held[held["epoch"] >= FROM]
            style.band(ax, late, "epoch", _runs.name(float(str(c))), look, metric, geometric=True)
        ax.set(xscale="log", yscale="log", xlabel="iteration", ylabel=label)
    style.legend(fig, axes[0])
    return fig
