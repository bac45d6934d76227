"""Final average rank over pairs of hyper-parameters, as maps (ResNet-18).

A cell is one setting. Its number and colour are the average rank over the 17 measured convolutions,
as the mean over seeds: over learning rate and weight decay at two batch sizes (a, b), over batch
size and weight decay at one learning rate (c), and over batch size and learning rate at one weight
decay (d). The paper's panels have batch sizes 8 and 16, learning rate 0.5 and weight decay 6e-3.
Hatched: for some seed the network ended at chance or diverged, and the mean is over the other
seeds. The paper's claim: the rank falls with smaller batches, larger learning rates and more weight
decay, and without decay the batch size does not matter.

The paper interpolates between its runs, and draws collapsed networks like the others, with rank 0.
Our colour scales begin at 0 in all rows; each panel of the paper has its own scale. Its tolerance
is 1e-3.

At scale `small` the maps are cuts through the grid of figures 2 to 5 and 12: batch sizes to 32,
three rates, three decays, at tolerance 0.07. At this tolerance the untrained network has 99.6% of
its full rank, so any missing rank was lost in training; at 0.1 it would have 89%.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from ...analysis.claims import Claim
from .. import comparable, style
from .._learnt import at_chance, drawn
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, rank
from . import _convnets

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.01, "batch_size": [4, 8, 16, 32, 64, 128],
    "lr": [0.001, 0.1, 0.2, 0.5, 0.7, 1, 2],
    "weight_decay": [0, 1e-4, 3e-4, 5e-4, 2e-3, 4e-3, 6e-3],
}  # fmt: skip
FIGURE = "galanti2025rank/fig01"
AS_PUBLISHED, SCALED = "rank_fro_1e-3", "rank_fro_7e-2"
# The rate of (c) and the decay of (d): the paper's, and those in our own grid.
FIXED, FIXED_SCALED = (0.5, 6e-3), (0.2, 0.02)
WEAK = 1e-3  # the paper's decays in (a) and (b) are below, those in (c) and (d) above
AXES = {"a": ("lr", "weight_decay"), "b": ("lr", "weight_decay"),
        "c": ("batch_size", "weight_decay"), "d": ("batch_size", "lr")}  # fmt: skip


def maps(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs of each panel, of those that are there.

    (a) and (b) are at the two batch sizes with the most pairs of rate and decay.
    """
    decay, size = table["weight_decay"], table["batch_size"]
    scaled = not comparable(table.drop_duplicates("run"), PAPER)
    rate, strong = FIXED_SCALED if scaled else FIXED
    low = (decay > 0) & (scaled | (decay < WEAK))
    pairs = table[low].drop_duplicates(["batch_size", "lr", "weight_decay"])["batch_size"]
    small, large = sorted([*pairs.value_counts().sort_index().nlargest(2).index, None, None][:2],
                          key=lambda b: (b is None, b))  # fmt: skip
    return {
        "a": table[low & (size == small)],
        "b": table[low & (size == large)],
        "c": table[(table["lr"] == rate) & ((decay == 0) | (decay > WEAK))],
        "d": table[decay == strong],
    }


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls along every axis of every map, and not with the batch without decay."""
    of = maps(table)
    metric = judged(table, AS_PUBLISHED, SCALED, comparable(table.drop_duplicates("run"), PAPER))
    rates = pd.concat([of["a"], of["b"]])
    cases = (
        (rates, "lr", ["batch_size", "weight_decay"], "a, b"),
        (rates, "weight_decay", ["batch_size", "lr"], "a, b"),
        (of["c"], "weight_decay", ["batch_size"], "c"),
        (of["c"], "batch_size", ["weight_decay"], "c"),
        (of["d"], "batch_size", ["lr"], "d"),
        (of["d"], "lr", ["batch_size"], "d"),
    )
    found = [
        falls(runs, FIGURE, x, by, metric, (f" ({panel})", f"-{panel.replace(', ', '')}"))
        for runs, x, by, panel in cases
    ]
    control = flat_without_decay(of["c"], FIGURE, "batch_size", (), metric, (" (c)", "-c"))
    return [*found, control]


def draw(table: pd.DataFrame) -> Figure:
    """Draw a row per tolerance, a column per pair of hyper-parameters."""
    fig, lost = plt.figure(layout="constrained"), at_chance(table)
    labels = drawn(fig, table, lost)
    fig.set_size_inches(style.PAGE, 0.3 + 2.1 * len(labels))
    axes = fig.subplots(len(labels), 4, squeeze=False)
    for row, (metric, at) in zip(axes, labels.items(), strict=True):
        top = float(np.nanmax([rank(table, metric)["value"].max(), 1]))
        for ax, (panel, part) in zip(row, maps(table).items(), strict=True):
            cells(ax, part, metric, panel, top, lost)
        colours = ScalarMappable(Normalize(0, top), "viridis")
        fig.colorbar(colours, ax=list(row), label=f"average rank, {at}", aspect=30,
                     ticks=MaxNLocator(6))  # fmt: skip
    hatched = Patch(
        facecolor="white", edgecolor="#777777", hatch="////", label="a seed at chance, or diverged"
    )
    fig.legend(handles=[hatched], loc="outside upper center")
    return fig


def cells(
    ax: Axes, part: pd.DataFrame, metric: str, panel: str, top: float, lost: frozenset[str]
) -> None:
    """Draw a cell per pair, with its mean over the seeds that learnt; hatched where one did not."""
    x, y = AXES[panel]
    ax.set(xlabel=style.WORDS[x], ylabel=style.WORDS[y], title=f"({panel})")
    ax.grid(False)
    if part.empty:
        ax.set(xticks=[], yticks=[])
        return
    xs, ys = sorted(part[x].unique()), sorted(part[y].unique())
    for (v, u), runs in rank(part, metric).groupby([y, x]):
        apart = runs["run"].isin(lost)
        mean = float(runs["value"].where(~apart).mean())
        at, known = (xs.index(u) - 0.5, ys.index(v) - 0.5), not math.isnan(mean)
        face = plt.get_cmap("viridis")(mean / top) if known else "white"
        ax.add_patch(Rectangle(at, 1, 1, facecolor=face, edgecolor="#777777",
                               linewidth=0, hatch="////" if apart.any() else None))  # fmt: skip
        if known:
            dark = mean < 0.6 * top
            ax.text(xs.index(u), ys.index(v), f"{mean:.0f}", ha="center", va="center", fontsize=6,
                    color="white" if dark else "black")  # fmt: skip
        style.note(ax, panel=f"{panel}, {metric}", series=f"{y}={v:g}", x_name=x, x=u, mean=mean,
                   n=int((~apart).sum()))  # fmt: skip
    ax.set(xlim=(-0.5, len(xs) - 0.5), ylim=(-0.5, len(ys) - 0.5))
    ax.set_xticks(range(len(xs)), [f"{u:g}" for u in xs], rotation=45)
    ax.set_yticks(range(len(ys)), [f"{v:g}" for v in ys])
    fixed = "lr" if panel == "c" else "weight_decay" if panel == "d" else "batch_size"
    ax.set_title(f"({panel}) {style.WORDS[fixed]} {part[fixed].iloc[0]:g}")
