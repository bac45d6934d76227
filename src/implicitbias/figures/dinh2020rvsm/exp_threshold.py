"""The limit is a new thresholding of the true weight: w_i and u_i against w*_i, entry by entry.

In the setting of Dinh & Xin, for a dense true weight, beta 0.01 and cut-off 0.1 (stand-ins).
Crosses: entries of the iterated limit w; dots: entries of u. Lines: the closed form with the
constants B and C of each run. Under l1 entries of w* beyond (B + C) cut-off shrink; l0 keeps or
removes an entry without shrinkage; transformed l1 (a = 0.1, 1 and 10) lies between the two. Between
C cut-off and (B + C) cut-off both l0 branches are limits, and the path decides between them. It
also decides for transformed l1 with a = 0.1, which jumps as well; there the line follows u. Under
l0 a kept entry of u equals that of w.
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
FIGURE = "dinh2020rvsm/exp_threshold"
NEEDS = ("weight", "split", "truth", "new_threshold")
ENTRIES = ("weight", "split", "truth", "new_threshold")


def claims(table: pd.DataFrame) -> list[Claim]:
    """The closed form gives the limit's entries."""
    rows = _entries(table)
    return [
        proved(
            rows.assign(value=(rows["weight"] - rows["new_threshold"]).abs()), figure=FIGURE,
            id="closed-form",
            claim="the limit w is the closed-form thresholding of the true weight, entry by entry",
            statistic="|w_i - closed form of w*_i|", at_most=1e-10,
        )
    ]  # fmt: skip


def _entries(table: pd.DataFrame) -> pd.DataFrame:
    """A row per run and entry; columns w, u, w* and the closed form."""
    rows = _runs.with_method(table[table["metric"].isin(ENTRIES)])
    keys = ["run", "seed", "method", "cutoff", "layer"]
    return rows.pivot(index=keys, columns="metric", values="value").reset_index()


def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per penalty, of the smallest seed."""
    rows = _entries(table)
    rows = rows[rows["seed"] == rows["seed"].min()].sort_values("truth")
    methods = _runs.methods(rows)
    fig, axes = plt.subplots(1, len(methods), figsize=(style.PAGE, 2.4), sharex=True, sharey=True,
                             squeeze=False, layout="constrained")  # fmt: skip
    for ax, method in zip(axes[0], methods, strict=True):
        part, (colour, _) = rows[rows["method"] == method], _runs.LOOKS[method]
        x = part["truth"].abs()
        order = x.argsort()
        ax.plot(x.iloc[order], part["new_threshold"].abs().iloc[order], color=style.BLACK,
                linewidth=0.8, label="w, closed form")  # fmt: skip
        ax.plot(x, part["weight"].abs(), color=colour, marker="x", linestyle="none", label="w")
        ax.plot(x, part["split"].abs(), color=colour, marker=".", linestyle="none", label="u")
        ax.axhline(part["cutoff"].iloc[0], color=style.BLACK, linestyle=":", linewidth=0.8,
                   label="cut-off")  # fmt: skip
        for _, cells in part.iterrows():
            for name in ("weight", "split", "new_threshold"):
                style.note(ax, panel=method, series=name, x_name="truth", x=cells["truth"],
                           mean=cells[name], n=1)  # fmt: skip
        ax.set(title=_runs.NAMES[method].replace(", ", ",\n"), xlabel="|w*_i|")
    axes[0][0].set_ylabel("|w_i|, |u_i|")
    style.legend(fig, axes[0][0])
    return fig
