"""The bench as pictures: ratios to the loop, and whether the cost is linear."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from implicitbias.figures import style

COLUMNS = 3


def ratios(rows: pd.DataFrame, stem: Path) -> None:
    """A panel per network: samples per core-second over the loop's, a line per pack size."""
    rows = rows[rows["processes"] == 1].rename(columns={"per_core_second_ratio": "value"})
    models = list(dict.fromkeys(rows["model"]))
    lines = -(-len(models) // COLUMNS)
    fig, axes = plt.subplots(
        lines, min(COLUMNS, len(models)), figsize=(style.PAGE, 0.6 + 2.2 * lines), sharex=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax in axes.flat[len(models) :]:
        ax.set_axis_off()
    for ax, model in zip(axes.flat, models, strict=False):
        _panel(ax, rows[rows["model"] == model], model)
    sizes = sorted(rows["batch_size"].unique())
    axes[0][0].set_xscale("log")  # of all panels
    axes[0][0].set_xticks(sizes, [str(size) for size in sizes])
    axes[0][0].minorticks_off()
    for line in axes:
        line[0].set_ylabel("samples per core-second\nover the loop's")
    for ax in axes[-1]:
        ax.set_xlabel("batch size")
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    style.save(fig, stem)


def _panel(ax: Axes, here: pd.DataFrame, model: str) -> None:
    packs = here[here["contender"] == "ours"]
    lines = [(f"ours, K = {k}", part) for k, part in packs.groupby("members")]
    low = here[here["contender"] == "ours, bfloat16"]
    vmap = here[here["contender"] == "vmap"]
    lines += [("bfloat16, best K", low), ("vmap, best K", vmap)]
    for i, (label, part) in enumerate(lines):
        best = part.groupby("batch_size")[["value"]].max().reset_index()
        style.band(ax, best, "batch_size", label, style.layer_look(i), model)
    ax.axhline(1, color="#555555", linewidth=0.8)
    ax.set_ylim(0, 1.1 * np.nanmax([1.0, *here["value"]]))
    ax.set_title(model)


def scaling(rows: pd.DataFrame, stem: Path) -> None:
    """CPU time against steps and against members, with the slope in the logarithms (1: linear)."""
    kinds = {"steps": "steps of a pack of 4", "members": "members, per 1,000 samples of each"}
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.8), layout="constrained")
    for ax, (kind, label) in zip(axes, kinds.items(), strict=True):
        part = rows[rows["kind"] == kind]
        for i, (model, points) in enumerate(part.groupby("model", sort=False)):
            slope = fitted_slope(points)
            look = style.layer_look(i)
            style.band(ax, points, "x", f"{model}: slope {slope:.2f}", look, kind)
        ax.set(xscale="log", yscale="log", xlabel=label, ylabel="CPU seconds")
        at = sorted(part["x"].unique())
        ax.set_xticks(at, [str(x) for x in at])
        ax.xaxis.minorticks_off()
        ax.legend()
    style.save(fig, stem)


def fitted_slope(points: pd.DataFrame) -> float:
    """The exponent p of value ~ x^p over the upper half of x: what is left of fixed costs fades."""
    means = points.groupby("x")["value"].mean()
    upper = means.iloc[len(means) // 2 :]
    return float(np.polyfit(np.log(upper.index.to_numpy(float)), np.log(upper.to_numpy()), 1)[0])
