"""Maps of the final average rank over pairs of hyper-parameters (ResNet-18).

Filled contours, linear between the runs (dots), of the average rank over the 17 measured
convolutions: over learning rate and weight decay at batch sizes (a) 8 and (b) 16; over batch size
and (c) weight decay at learning rate 0.5 and (d) learning rate at weight decay 6e-3. The paper's
claim: the rank falls with smaller batches, larger learning rates and more weight decay, and
without decay the batch size does not matter.

The paper draws it at tolerance 1e-3; 0.05, that of figures 4 and 13, is ours. Colour is the mean
over seeds. Both rows have one colour scale each, from 0 on, the paper's panels one of their own.
Activation, and what is scaled, as in figure 2. A run without a rank is a hollow dot in a gap.

At scale `small` the upper left corners of (c) and (d), smallest batches, most decay, have
collapsed to chance and yet have full rank, and so has, at tolerance 1e-3, nearly everything else.
Why, in figures 2 and 3. Batch size 128 has 32 steps there, too few to lower any rank.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ...analysis.claims import Claim
from .. import comparable, style
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, rank, tolerances
from . import _convnets

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.01, "batch_size": [4, 8, 16, 32, 64, 128],
    "lr": [0.001, 0.1, 0.2, 0.5, 0.7, 1, 2],
    "weight_decay": [0, 1e-4, 3e-4, 5e-4, 2e-3, 4e-3, 6e-3],
}  # fmt: skip
FIGURE = "galanti2025rank/fig01"
AS_PUBLISHED, SCALED = "rank_fro_1e-3", "rank_fro_5e-2"
WEAK, WEAK_SCALED = 1e-3, 0.05  # decays below are those of (a) and (b), above those of (c) and (d)
AXES = {"a": ("lr", "weight_decay"), "b": ("lr", "weight_decay"),
        "c": ("batch_size", "weight_decay"), "d": ("batch_size", "lr")}  # fmt: skip


def maps(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs of each panel, of those that are there; (a) and (b) have the weak decays."""
    decay, size = table["weight_decay"], table["batch_size"]
    bound = WEAK if comparable(table.drop_duplicates("run"), PAPER) else WEAK_SCALED
    low, strongest = (decay > 0) & (decay < bound), decay.max()
    sizes = sorted(table.loc[low, "batch_size"].unique())
    small, large = (sizes[0], sizes[-1]) if len(sizes) > 1 else (*sizes, None, None)[:2]
    between = (decay > bound) & (decay < strongest)  # (c) alone has these
    rates = table.loc[between if between.any() else decay == 0, "lr"]
    fixed = rates.iloc[0] if len(rates) else None
    return {
        "a": table[low & (size == small)],
        "b": table[low & (size == large)],
        "c": table[~low & (table["lr"] == fixed)],
        "d": table[(decay == strongest) & (decay > bound)],
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
    labels = tolerances(table)
    fig, axes = plt.subplots(
        len(labels), 4, figsize=(style.PAGE, 0.2 + 2 * len(labels)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, (metric, at) in zip(axes, labels.items(), strict=True):
        top = float(np.nanmax([rank(table, metric)["value"].max(), 1]))
        levels = np.linspace(0, top, 21)
        colours = ScalarMappable(BoundaryNorm(levels, 256), "viridis")
        for ax, (panel, part) in zip(row, maps(table).items(), strict=True):
            contours(ax, part, metric, panel, levels)
        ticks = MaxNLocator(6)
        fig.colorbar(colours, ax=list(row), label=f"average rank, {at}", aspect=30, ticks=ticks)
    return fig


def contours(
    ax: Axes, part: pd.DataFrame, metric: str, panel: str, levels: NDArray[np.float64]
) -> None:
    """Draw one map: a mean over seeds with a missing one is missing."""
    x, y = AXES[panel]
    ax.set(xlabel=style.WORDS[x], ylabel=style.WORDS[y], title=f"({panel})")
    ax.grid(False)
    if part.empty:
        return
    rows = rank(part, metric)
    rows = rows.assign(value=rows["value"].astype(float))
    mean = rows.groupby([y, x])["value"].agg(lambda v: v.mean(skipna=False)).reset_index()
    grid = mean.pivot(index=y, columns=x, values="value")
    if min(grid.shape) > 1:
        ax.contourf(
            grid.columns, grid.index, np.ma.masked_invalid(grid.to_numpy()), levels=levels,
            cmap="viridis",
        )  # fmt: skip
    for u, v, value in zip(mean[x], mean[y], mean["value"], strict=True):
        ax.plot(u, v, "o", color="white" if math.isnan(value) else "black",
                markeredgecolor="black", markersize=3, markeredgewidth=0.5,
                clip_on=False, zorder=3)  # fmt: skip
        style.note(ax, panel=f"{panel}, {metric}", series=f"{y}={v:g}", x_name=x, x=u, mean=value)
    fixed = "lr" if panel == "c" else "weight_decay" if panel == "d" else "batch_size"
    ax.set_yticks(list(grid.index), [f"{v:g}" for v in grid.index])
    ax.set_title(f"({panel}) {style.WORDS[fixed]} {part[fixed].iloc[0]:g}")
    if x == "batch_size":
        ax.set_xscale("log")
        ax.minorticks_off()
    ax.set_xticks(list(grid.columns), [f"{u:g}" for u in grid.columns], rotation=45)
