"""The basin of attraction: final angle against beta, for starts nearly opposite to the truth.

In the setting of Dinh & Xin. Left: starts at angle pi - delta from the true weight, l1 at cut-off
0.1 (stand-ins). The horizontal axis is beta over delta sin(delta) / (k pi), the value at which the
pull of the loss at the initialisation balances the largest drag of the penalty. As we recall the
paper's theorem, which we have not read, it needs beta below this value. Runs at a ratio of one must
reach the neighbourhood of the truth (angle below a tenth); far above one, most initialisations
still do. Right: one truth, twenty random starts on the sphere, beta 0.004, cut-off 0.05: final
angle against the number of iterations; an initialisation that ended elsewhere would be an outlier.
Not drawn: a hundred further truths, each from one random initialisation; the claim "with high
probability" counts how many of them end at the new thresholding of the truth.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.shares import share
from ...analysis.statistics import Statistic
from ...analysis.worst import worst
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_basin"
NEEDS = ("angle", "beta_limit", "start_angle_used", "residual_threshold")
NEAR = 0.1  # radians
AT_LIMIT = 1e-10  # miss of the closed form up to which a run has reached its limit
PROBABLE = 0.95  # what "with high probability" is taken to be; the paper's number is not known


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: final angle as `value`, beta over its limit as `ratio`, delta."""
    ends = tables.ends(table[table["start_angle"].notna()], "angle", "beta_limit")
    delta = (3.141592653589793 - ends["start_angle"]).round(6)
    return ends.assign(
        value=ends["angle"], delta=delta, ratio=(ends["beta"] / ends["beta_limit"]).round(3)
    )


def starts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per random start; `value`: its final angle less the smallest of its penalty and
    truth.
    """
    ends = tables.ends(table[table["start_seed"].notna()], "angle", "iterations_used")
    least = ends.groupby(["penalty", "seed"])["angle"].transform("min")
    return ends.assign(value=ends["angle"] - least)


def reached(table: pd.DataFrame) -> pd.Series:
    """Return, by truth, whether every penalty ended near it at a new thresholding of it.

    Of the truths that are started once, from the sphere at random.
    """
    drawn = table["start_angle"].isna() & table["start_seed"].isna()
    ends = tables.ends(table[drawn], "angle", "residual_threshold")
    done = (ends["angle"] < NEAR) & (ends["residual_threshold"] <= AT_LIMIT)
    found: pd.Series = done.groupby(ends["seed"]).all()
    return found


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
        share(
            reached(table), figure=FIGURE, at_least=PROBABLE, unit="truth",
            kind="paper", id="with-high-probability",
            claim="from a random start on the sphere w reaches a new thresholding of the truth with"
            f" probability at least {PROBABLE:g}",
            statistic=f"truths that l1, l0 and transformed l1 all reach, within {NEAR} rad",
            note="share fixed before these truths were drawn",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw final angle against the ratio, a line per delta; and of random starts."""
    fig, (ax, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    ends = rows(table)
    deltas = ends.groupby("delta")
    looks = zip(style.shades(len(deltas)), "v^so", strict=False)
    for look, (delta, part) in zip(looks, deltas, strict=False):
        style.band(ax, part, "ratio", f"delta = {delta:g}", look, "basin", geometric=True)
    ax.axvline(1, color=style.BLACK, linewidth=0.8, linestyle=":", label="the condition")
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
