"""The ratios to the loop as a picture: a panel per network, a line per pack size."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from .. import style


def plot(rows: pd.DataFrame, stem: Path) -> None:
    """`stem`.svg, .png, .pdf and .csv from the summary's rows."""
    rows = rows[rows["processes"] == 1]
    models = list(dict.fromkeys(rows["model"]))
    fig, axes = plt.subplots(
        1, len(models), figsize=(style.PAGE, 2.4), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, model in zip(axes[0], models, strict=True):
        here = rows[rows["model"] == model].rename(columns={"per_core_second_ratio": "value"})
        lines = [("vmap, best K", here[here["contender"] == "vmap"])]
        packs = here[here["contender"] == "ours"]
        lines += [(f"ours, K = {k}", part) for k, part in packs.groupby("members")]
        for i, (label, part) in enumerate(lines):
            best = part.groupby("batch_size", as_index=False)["value"].max()
            style.band(ax, best, "batch_size", label, style.layer_look(i), model)
        ax.axhline(1, color="#555555", linewidth=0.8)
        ax.set_xscale("log")
        sizes = sorted(here["batch_size"].unique())
        ax.set_xticks(sizes, [str(s) for s in sizes])
        ax.minorticks_off()
        ax.set_title(model)
        ax.set_xlabel("batch size")
    axes[0][0].set_ylabel("samples per core-second\nover the loop's")
    axes[0][0].set_ylim(bottom=0)
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    style.save(fig, stem)
