"""Steps until the measurements are fitted to 1e-4, against the scale of the start, by rate ratio.

In the setting of Chou, Rauhut & Ward: steps of descent until the relative residual is 1e-4, plain
and weight-normalised, of the runs of depth 2 in `exp_init_scale` (stand-ins). Left: non-negative
truth; right: signed truth. All methods take steps of the same eta, whatever the ratio. Dotted: the
budget of 40,000 steps. A run that does not reach this residual counts with the budget, which
understates its steps; hollow points: some seeds do not reach it. The claims are about the initial
norm 1, which both signs have; two runs that both miss the residual are not compared.
Initialisations beyond the limit's norm of 2.2 fit quickly, but far from the truth
(`exp_init_scale`).
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_speed"
STEPS = "steps_to_1e-4"
NEEDS = ("steps_to_1e-4",)
LATE = "some seeds have not arrived"
START = 1.0  # norm of the start that is judged
JUDGED = (5.0, 10.0)  # rate ratios with a claim; the others are in the note
SIGNS = {False: ("non-negative truth", ""), True: ("signed truth", "-signed")}


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Return plain's steps over those of each ratio c, a row per seed and a column per c.

    rows: of one sign, at one start. Above 1 normalisation is faster.
    """
    steps = rows.pivot(index="seed", columns="c", values=STEPS)
    budget = rows.pivot(index="seed", columns="c", values="iterations")
    held = steps.fillna(budget)
    found = {}
    for c in (float(str(c)) for c in steps.columns):
        if c > 0:
            neither = steps[c].isna() & steps[0.0].isna()
            found[c] = (held[0.0] / held[c]).mask(neither)
    return pd.DataFrame(found)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge that normalised descent fits the measurements in fewer steps than plain descent."""
    judged = []
    rows = _runs.ends(table, STEPS)
    for signed, (truths, part) in SIGNS.items():
        chosen = rows[(rows["signed"] == signed) & (rows["init_norm"] == START)]
        gain = gains(chosen)
        never = chosen[chosen[STEPS].isna()].groupby("c")["seed"].nunique()
        note = "; ".join([
            "plain's steps over those of normalisation: "
            + ", ".join(f"c = {c:g} {_geometric(gain[c])}" for c in gain),
            *(f"{n} of {chosen['seed'].nunique()} seeds of {_runs.name(float(str(c)))} have not"
              " arrived" for c, n in never.items()),
            "the threshold was chosen when part of the outcome at c = 10 was known",
        ])  # fmt: skip
        judged += [
            judge(
                Statistic.of(f"plain's steps / those of c = {c:g}, {truths}", gain[c], log=True),
                figure=FIGURE, kind="paper", id=f"faster-c-{c:g}{part}", at_least=1.0,
                claim=f"{truths}: with c = {c:g} the measurements are fitted in fewer steps",
                note=note,
            )
            for c in JUDGED if c in gain
        ]  # fmt: skip
    return judged


def _geometric(ratios: pd.Series) -> str:
    seen = np.log(ratios.dropna().to_numpy(dtype=float))
    return f"{np.exp(seen.mean()):.2g}" if len(seen) else "none"


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per sign, a line per ratio, and the budget."""
    rows = _runs.ends(table, STEPS)
    rows = rows.assign(value=rows[STEPS].fillna(rows["iterations"]))
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), sharey=True, layout="constrained")
    budget = float(rows["iterations"].max())
    for ax, (signed, (truths, _)) in zip(axes, SIGNS.items(), strict=True):
        part = rows[rows["signed"] == signed]
        for c in sorted(part["c"].unique()):
            own, look = part[part["c"] == c], _runs.LOOKS[c]
            style.band(ax, own, "init_norm", _runs.name(c), look, truths, geometric=True)
            late = own[own["init_norm"].isin(own.loc[own[STEPS].isna(), "init_norm"])]
            mean = style.geometric_means(ax, late.groupby("init_norm")["value"])
            ax.plot(mean.index, mean, color=look[0], marker=look[1], linestyle="none",
                    markerfacecolor="white", zorder=4, label=LATE)  # fmt: skip
        ax.axhline(budget, color=style.BLACK, linestyle=":", linewidth=0.8, label="budget")
        ax.set(xscale="log", yscale="log", xlabel="norm of the start", title=truths)
        style.ticks(ax, sorted(part["init_norm"].unique()))
    axes[0].set_ylabel("steps to a relative residual of 1e-4")
    style.legend(fig, ncols=4)
    return fig
