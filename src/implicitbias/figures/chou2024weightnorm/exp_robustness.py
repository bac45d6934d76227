"""Excess of the l1 norm at the limit against the scale of the start, plain and normalised.

In the setting of Chou, Rauhut & Ward, at depth 2, non-negative truth (stand-ins: 40 unknowns, 15
measurements, 3 ones, so that the limit's norm is about 1.7). Left: excess of the l1 norm over its
least value Q against the norm of the initialisation. Plain flow needs a small initialisation; with
a ratio of 5, normalised flow has a smaller excess from norm 1. Right: this excess against the
initial norm that plain flow would need, ||x(0)|| / rho: all ratios lie on one curve. Hence d
log(start / rho) / d log start = c r_0^2 up to the change of the limit: a large ratio lowers the
level at every initialisation, but weakens the dependence on the initialisation only below 1 /
sqrt(c). Flows run until the relative residual is 1e-8, so the values are limits; `exp_init_scale`
has the errors of descent at the end of a budget.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_robustness"
NEEDS = ("excess", "converged", "log10_magnification")
METRICS = ("excess", "converged", "log10_magnification")
SMALL, LARGE = 0.1, 1.0  # norms of the starts that are compared
RESOLVED = 1e-7  # least excess that the solver's residual of 1e-8 leaves visible


def excesses(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the excess by seed (rows), ratio c and start (columns)."""
    return rows.pivot(index="seed", columns=["c", "init_norm"], values="excess")


def exponents(rows: pd.DataFrame) -> pd.DataFrame:
    """Return d log excess / d log start by least squares over the starts; a row per seed, columns
    c. A seed with an excess that is not positive has none.
    """
    wide = excesses(rows)
    found = {}
    for c in sorted(rows["c"].unique()):
        own = wide[c]
        at = np.log(own.columns.to_numpy(dtype=float))
        at = at - at.mean()
        logs = np.log(own.where(own > 0).to_numpy(dtype=float))
        found[float(c)] = pd.Series(logs @ at / (at @ at), index=own.index)
    return pd.DataFrame(found)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the level of the excess from a large start, and its dependence on the start."""
    rows = _runs.ends(table, *METRICS)
    slopes, wide = exponents(rows), excesses(rows)
    ratios = [float(str(c)) for c in slopes]
    listed = ", ".join(f"{_runs.name(c)} {slopes[c].mean():.2g}" for c in ratios)
    note = f"mean exponents: {listed}; thresholds and regime were fixed before these flows were run"
    judged = [
        judge(
            Statistic.of("d log excess / d log start of plain flow", slopes[0.0]),
            figure=FIGURE, kind="paper", id="plain-needs-small-start", at_least=0.5,
            claim="without normalisation the excess grows with the start, by an exponent of a half"
            " or more",
            regime=_regime(rows[rows["c"] == 0]), note=note,
        )
    ]  # fmt: skip
    for c in (c for c in ratios if c > 0):
        pair = rows[rows["c"].isin((0.0, c))]
        judged += [
            judge(
                Statistic.of(f"excess at c = {c:g} from norm {LARGE:g} / plain's from {SMALL:g}",
                             wide[c, LARGE] / wide[0.0, SMALL], log=True),
                figure=FIGURE, kind="paper", id=f"large-start-as-good-c-{c:g}", at_most=1.0,
                claim=f"with c = {c:g} a start of norm {LARGE:g} ends no further from the least l1"
                f" norm than plain flow from norm {SMALL:g}",
                regime=_regime(pair), note=note,
            ),
            judge(
                Statistic.of(f"exponent at c = {c:g} - half of plain's",
                             slopes[c] - slopes[0.0] / 2),
                figure=FIGURE, kind="ours", id=f"less-dependent-c-{c:g}", at_most=0.0,
                claim=f"with c = {c:g} the excess depends on the start at most half as strongly as"
                " plain's, by exponent",
                regime=_regime(pair), note=f"c r_0^2 at r_0 = {LARGE:g}: {c:g}; {note}",
            ),
        ]  # fmt: skip
    return judged


def _regime(rows: pd.DataFrame) -> list[Condition]:
    """Every flow has arrived, and the solver's residual does not hide the excess."""
    return [
        regimes.condition("every compared flow has arrived", float(rows["converged"].mean()),
                          "share that has", at_least=1.0),
        regimes.condition("the excess is resolved", float(rows["excess"].min(skipna=False)),
                          "least excess", at_least=RESOLVED),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the excess against the start, and against the start that plain flow would need."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(style.PAGE, 2.9), sharey=True, layout="constrained"
    )
    rows = _runs.ends(table, *METRICS)
    rows = rows[rows["converged"] == 1]
    rows = rows.assign(needed=rows["init_norm"] / 10 ** rows["log10_magnification"])
    for c in sorted(rows["c"].unique()):
        part, name, look = rows[rows["c"] == c], _runs.name(c), _runs.LOOKS[c]
        seen = part.assign(value=part["excess"].clip(lower=RESOLVED))
        style.band(left, seen, "init_norm", name, look, "start", geometric=True)
        style.dots(right, part["needed"], part["excess"], name, look, RESOLVED, panel="needed",
                   series=name, x_name="start over rho")  # fmt: skip
    left.set(xscale="log", yscale="log", xlabel="norm of the start", ylabel="(||z||_1 - Q) / Q")
    style.ticks(left, sorted(rows["init_norm"].unique()))
    right.set(xscale="log", xlabel="start that plain flow needs, ||x(0)|| / rho")
    style.legend(fig, left)
    return fig
