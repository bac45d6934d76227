"""Final error against the sparsity of the truth, beside basis pursuit.

In the setting of Chou, Rauhut & Ward: gradient descent on a diagonal linear network of depth 2,
plain and weight-normalised from one initialisation, and the minimiser of the l1 norm by linear
programming. Left: without noise; right: with Gaussian noise of 0.01 on each measurement. Sizes are
stand-ins. Descent has a fixed budget, so its error is not zero even where it recovers the truth.
Basis pursuit fits the measurements exactly, including the noise. Errors below 1e-8 are drawn at
1e-8.

For a truth with one non-zero entry there is nothing to gain at c = 2: with Q = 1 and r_0 = 0.5 the
magnification (r_0 / Q^(1/2)) exp(c (Q - r_0^2) / 2) is 1.06. From three entries on, the error is at
most 0.15 times that of plain descent. The claim is about all sparsities.
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
FIGURE = "chou2024weightnorm/exp_sparsity"
NEEDS = ("reconstruction_error", "bp_error")
FLOOR = 1e-8


def claims(table: pd.DataFrame) -> list[Claim]:
    """Where basis pursuit recovers, normalisation is nearer to it than plain descent."""
    rows = _runs.ends(table, "reconstruction_error", "bp_error")
    rows = rows[(rows["bp_error"] < 1e-6) & (rows["noise"] == 0)]
    plain = rows[rows["c"] == 0].set_index(["seed", "sparsity"])["reconstruction_error"]
    judged = []
    for c, part in rows[rows["c"] > 0].groupby("c"):
        ratio = part.set_index(["seed", "sparsity"])["reconstruction_error"] / plain
        largest = ratio.groupby("seed").max()
        judged.append(
            judge(
                Statistic.of(
                    f"largest ratio over sparsities of the error at c = {c:g} to plain's", largest,
                    log=True,
                ),
                figure=FIGURE, at_most=0.5,
                kind="paper", id=f"half-plain-error-c-{c:g}",
                claim=f"where basis pursuit recovers, c = {c:g} has at most half plain's error",
            )
        )  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per noise level."""
    rows = _runs.ends(table, "reconstruction_error", "bp_error")
    levels = sorted(rows["noise"].unique())
    fig, axes = plt.subplots(
        1, len(levels), figsize=(style.PAGE, 2.9), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, noise in zip(axes[0], levels, strict=True):
        part, panel = rows[rows["noise"] == noise], f"noise {noise:g}"
        for c in sorted(part["c"].unique()):
            chosen = part[part["c"] == c].rename(columns={"reconstruction_error": "value"})
            style.band(ax, chosen, "sparsity", _runs.name(c), _runs.LOOKS[c], panel,
                       geometric=True)  # fmt: skip
        once = part[part["c"] == 0].assign(value=lambda t: t["bp_error"].clip(lower=FLOOR))
        style.band(ax, once, "sparsity", "basis pursuit", _runs.PURSUIT, panel, geometric=True,
                   linestyle="--")  # fmt: skip
        ax.set(yscale="log", xlabel="non-zeros of the truth", title=panel)
        style.ticks(ax, sorted(part["sparsity"].unique()))
    axes[0][0].set_ylabel("||z - x*|| / ||x*||")
    style.legend(fig, axes[0][0])
    return fig
