"""Limits by splitting weight, cut-off and penalty, as a table.

In the setting of Dinh & Xin: the population gradient, weights on the unit sphere, 20 patches of
dimension 50, 10 non-zeros of the truth, transformed l1 with a = 1 (stand-ins). theta: angle of w to
the truth w*; gamma: angle of u to w; kept: non-zeros of u; true: non-zeros of u inside the support
of w*; f: the population loss, of w, of the sparse u, and of u rescaled to unit length. Values are
means over the seeds. Penalties are compared at equal cut-offs, not at equal penalty weights.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.worst import proved, worst
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_table"
COLUMNS = {
    "angle": ("theta", ".4f"), "split_angle": ("gamma", ".4f"), "split_norm": ("||u||", ".4f"),
    "nonzeros": ("kept", ".1f"), "true_positives": ("true", ".1f"), "loss": ("f(w)", ".1e"),
    "split_loss": ("f(u)", ".1e"), "rescaled_split_loss": ("f(u/||u||)", ".1e"),
}  # fmt: skip
KEYS = ["beta", "cutoff", "penalty"]


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over the seeds, a row per splitting weight, cut-off and penalty."""
    rows = tables.ends(table, *COLUMNS)
    rows["penalty"] = pd.Categorical(rows["penalty"], list(_runs.PENALISED), ordered=True)
    return rows.groupby(KEYS, observed=True)[list(COLUMNS)].mean().reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    """What is kept is true; rescaling never loses where a penalty shrinks."""
    rows = tables.ends(table, *COLUMNS)
    shrunk = rows[rows["penalty"] != "l0"]
    return [
        proved(
            rows.assign(value=rows["nonzeros"] - rows["true_positives"]), figure=FIGURE, at_most=0,
            id="kept-is-true", claim="every entry that is kept is one of the truth's",
            statistic="non-zeros of u outside the true support",
        ),
        worst(
            shrunk.assign(value=shrunk["rescaled_split_loss"] / shrunk["split_loss"]),
            figure=FIGURE, at_most=1, statistic="f(u/||u||) / f(u)",
            kind="ours", id="rescaling-lowers-loss",
            claim="after l1 and transformed l1, rescaling u to unit length lowers its loss",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the table, a rule between values of beta."""
    rows = means(table)
    height = 0.16 * (len(rows) + 2) + 0.1
    fig, ax = plt.subplots(figsize=(style.PAGE, height), layout="constrained")
    heads = ["beta", "cut-off", "penalty", *(head for head, _ in COLUMNS.values())]
    ax.set(xlim=(0, len(heads)), ylim=(len(rows) + 0.6, -1.2))
    ax.axis("off")
    for j, head in enumerate(heads):
        ax.text(j + 0.9, -0.4, head, ha="right", va="center", fontsize=7, fontweight="bold")
    ax.axhline(0.1, color=style.BLACK, linewidth=0.8)
    for i, (_, row) in enumerate(rows.iterrows()):
        _line(ax, i + 0.6, row)
        if i and row["beta"] != rows["beta"].iloc[i - 1]:
            ax.axhline(i + 0.1, color=style.BLACK, linewidth=0.4)
    return fig


def _line(ax: Axes, y: float, row: "pd.Series[Any]") -> None:
    penalty = str(row["penalty"])
    cells = [f"{row['beta']:g}", f"{row['cutoff']:g}", _runs.SHORT[penalty]]
    cells += [format(row[name], spec) for name, (_, spec) in COLUMNS.items()]
    for j, cell in enumerate(cells):
        colour = _runs.LOOKS[penalty][0] if j == 2 else style.BLACK
        ax.text(j + 0.9, y, cell, ha="right", va="center", fontsize=7, color=colour)
    for name in COLUMNS:
        style.note(ax, panel=name, series=penalty, x_name=f"beta={row['beta']:g}, cutoff",
                   x=row["cutoff"], mean=row[name])  # fmt: skip
