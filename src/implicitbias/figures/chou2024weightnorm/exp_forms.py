"""What a discretisation does: step size, projection, and one polar pair or two.

In the setting of Chou, Rauhut & Ward, whose exact step and number of polar pairs are not known to
us. Left (40 unknowns, 15 measurements, 3 ones, initial norm 1): difference between the
reconstruction errors of descent and of the gradient flow, both at the first state with relative
residual below 0.001, against the step. Projected steps return u to the unit sphere; Salimans-Kingma
steps move a free v, whose norm then grows. Right (20 measurements, signed truth): final error with
one polar pair for x = (x_+, x_-) or one pair for each of x_+ and x_-, against c; dashed: plain
descent. Two pairs end with a larger error, and at large c they do not fit within the budget. The
reason is that each pair's norm^2 grows only to the l1 norm of its own half, so the two pairs share
the exponent of the magnification, c (r_end^2 - r_0^2) / 2. All sizes are stand-ins. The other
figures of this paper have one pair and projected steps.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import worst
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_forms"
FORMS = {"projected": ("projected", "-"), "salimans_kingma": ("Salimans-Kingma", ":")}
FORM_PARTS = {"projected": "projected", "salimans_kingma": "salimans-kingma"}  # of ids


def deviations(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per non-negative descent: `value`: |error / the flow's - 1| at one residual."""
    rows = _runs.ends(table, "reconstruction_error", "residual")
    rows = rows[~rows["signed"]]
    flow = rows[rows["form"] == "flow"].set_index(["seed", "c"])["reconstruction_error"]
    steps = rows[rows["form"] != "flow"]
    exact = flow.loc[pd.MultiIndex.from_frame(steps[["seed", "c"]])].to_numpy()
    arrived = steps["residual"] <= steps["stop"]
    return steps.assign(value=(steps["reconstruction_error"] / exact - 1).abs().where(arrived))


def claims(table: pd.DataFrame) -> list[Claim]:
    """Small steps end where the flow does; two pairs end about where one does."""
    deviating = deviations(table)
    small = deviating[deviating["eta"] == deviating["eta"].min()]
    rows = _runs.ends(table, "reconstruction_error", "residual")
    pairs = rows[rows["signed"] & (rows["c"] > 0)]
    wide = pairs.pivot(index=["seed", "c"], columns="polar_pairs", values="reconstruction_error")
    ratio = (wide[2] / wide[1]).groupby("seed").median()
    result = [
        worst(
            small[small["form"] == form], figure=FIGURE, at_most=0.05,
            kind="control", id=f"small-step-{FORM_PARTS[form]}",
            claim=f"{label}: at the smallest step the error is the flow's within a twentieth",
            statistic="|error / the flow's - 1| at equal residual",
        )
        for form, (label, _) in FORMS.items()
    ]  # fmt: skip
    statistic = Statistic.of("error with two pairs / with one, median over c", ratio, log=True)
    return [
        *result,
        judge(statistic, figure=FIGURE, at_most=2,
              kind="ours", id="two-pairs-at-most-twice",
              claim="two polar pairs end with at most twice the error of one"),
        judge(statistic, figure=FIGURE, at_least=0.5,
              kind="ours", id="two-pairs-at-least-half",
              claim="two polar pairs end with at least half the error of one"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw deviation from the flow against the step; error against the ratio by number of pairs."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), layout="constrained")
    deviating = deviations(table)
    for (c, form), part in deviating.groupby(["c", "form"]):
        label, line = FORMS[str(form)]
        ratio = float(str(c))
        style.band(left, part, "eta", f"{label}, c = {ratio:g}", _runs.LOOKS[ratio], "forms",
                   geometric=True, linestyle=line)  # fmt: skip
    left.set(
        xscale="log", yscale="log", xlabel="step eta", ylabel="|error / error of the flow - 1|"
    )
    steps = sorted(deviating["eta"].unique())
    style.ticks(left, steps)
    left.legend()
    rows = _runs.ends(table, "reconstruction_error", "residual")
    signed = rows[rows["signed"]].assign(value=lambda t: t["reconstruction_error"])
    for pairs, look in ((1, (style.BLUE, "o")), (2, (style.VERMILION, "s"))):
        part = signed[(signed["polar_pairs"] == pairs) & (signed["c"] > 0)]
        label = "one pair" if pairs == 1 else "a pair per sign"
        style.band(right, part, "c", label, look, "pairs", geometric=True)
    plain = float(np.exp(np.log(signed.loc[signed["c"] == 0, "value"]).mean()))
    right.axhline(plain, color=style.BLACK, linestyle="--", linewidth=0.8, label="plain")
    style.note(right, panel="pairs", series="plain", mean=plain)
    right.set(
        xscale="log", yscale="log", xlabel="rate ratio c", ylabel="||z - x*|| / ||x*||, signed"
    )
    ratios = sorted(signed.loc[signed["c"] > 0, "c"].unique())
    style.ticks(right, ratios)
    right.legend()
    return fig
