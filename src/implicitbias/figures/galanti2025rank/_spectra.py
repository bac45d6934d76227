"""Final singular values of each layer at every batch size (figures 18 and 19)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge, trend
from ...analysis.statistics import Statistic, complete, line_ratio
from ...analysis.tables import final
from .. import style
from ._rank_claims import FITTING


def spectra(table: pd.DataFrame, layers: Sequence[int]) -> pd.DataFrame:
    """Return the final rows of the layers that are drawn; `values`: s_i / ||W||_F, descending."""
    rows = final(table)
    rows = rows[rows["metric"] == "singular_values"]
    return rows[rows["layer"].isin([f"layer{i}" for i in layers])]


def claims(table: pd.DataFrame, figure: str, layers: Sequence[int]) -> list[Claim]:
    """With the batch the large values fall, the small ones grow; where they cross stays.

    Of networks that fit: what holds of others would be no statement of the paper's.
    """
    table, left = regimes.learnt(table, regimes.FIT)
    rows = spectra(table, layers)
    rows = rows.assign(largest=[v[0] for v in rows["values"]],
                       median=[float(np.median(v)) for v in rows["values"]])  # fmt: skip
    decayed, plain = rows[rows["weight_decay"] > 0], rows[rows["weight_decay"] == 0]
    fits = [regimes.several(decayed, "batch_size", FITTING)]
    left = "; ".join(filter(None, [left, regimes.LATE]))
    return [
        trend(
            decayed, figure=figure, kind="paper", x="batch_size", direction="falls", by=["layer"],
            value="largest", id="largest-falls-with-batch", regime=fits, note=left,
            claim="the largest singular value falls as the batch grows",
        ),
        trend(
            decayed, figure=figure, kind="paper", x="batch_size", direction="rises", by=["layer"],
            value="median", id="median-grows-with-batch", regime=fits, note=left,
            claim="the median singular value grows with the batch",
        ),
        judge(
            crossing_spread(decayed), figure=figure, kind="paper", at_most=0.1,
            id="one-crossing", regime=fits, note=left,
            claim="the spectra cross at nearly one index, whatever the batch size",
        ),
        judge(
            line_ratio(plain, "batch_size", "largest", by=["layer"]), figure=figure, kind="control",
            at_least=0.9, id="largest-without-decay",
            regime=[regimes.several(plain, "batch_size", "networks without decay that fit")],
            note=left,
            claim="without weight decay a smaller batch raises the largest by under a tenth",
        ),
    ]  # fmt: skip


def crossing_spread(rows: pd.DataFrame) -> Statistic:
    """Return how far apart the indices are at which spectra cross that of the largest batch.

    A spectrum crosses after as many of its first values as are above those of the largest batch.
    For each layer the largest less the smallest of these counts, over the number of values; the
    mean over layers.
    """
    by_seed = {}
    whole = rows.assign(value=[float(np.sum(v)) for v in rows["values"]])
    kept, missing = complete(whole, ["layer", "batch_size"])
    for seed, part in kept.groupby("seed"):
        spreads = [_spread(layer) for _, layer in part.groupby("layer")]
        by_seed[int(str(seed))] = float(np.mean(spreads))
    return Statistic(
        "range over batch sizes of the index where a spectrum crosses that of the largest, over"
        " the number of singular values, mean over layers", by_seed, missing,
    )  # fmt: skip


def _spread(layer: pd.DataFrame) -> float:
    ordered = layer.sort_values("batch_size")["values"].to_list()
    last = ordered.pop()
    if not ordered or not all(np.isfinite(v).all() for v in (*ordered, last)):
        return float("nan")
    counts = [int(np.argmin(v > last)) if (v <= last).any() else len(v) for v in ordered]
    return (max(counts) - min(counts)) / len(last)


def draw(table: pd.DataFrame, layers: Sequence[int], columns: int) -> Figure:
    """Draw a panel per layer, a curve per batch size from light to dark; mean over seeds."""
    rows = spectra(table, layers)
    fig, axes = plt.subplots(
        -(-len(layers) // columns), columns, figsize=(style.PAGE, 5.2), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax, layer in zip(axes.flat, layers, strict=True):
        _panel(ax, rows[rows["layer"] == f"layer{layer}"], f"layer {layer}")
        ax.set_title(f"layer {layer}")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes[0][0].set_yscale("log")
    least = min((v[v > 0].min(initial=1) for v in rows["values"]), default=1)
    axes[0][0].set_ylim(10 ** np.floor(np.log10(least)), 1)
    axes[0][0].yaxis.set_minor_formatter(NullFormatter())
    for ax in axes[-1]:
        ax.set_xlabel("index")
    for row in axes:
        row[0].set_ylabel("singular value / norm")
    style.legend(fig, axes[0][0], ncols=4)
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, panel: str) -> None:
    decayed = rows[rows["weight_decay"] > 0]
    sizes = sorted(rows["batch_size"].unique())
    for size, rgba in zip(sizes, style.shades(len(sizes)), strict=True):
        of_size = decayed[decayed["batch_size"] == size]
        style.band(ax, _long(of_size), "index", f"B = {size}", (rgba, ""), panel)
    for size, line in ((sizes[0], "--"), (sizes[-1], ":")):
        control = rows[(rows["weight_decay"] == 0) & (rows["batch_size"] == size)]
        look = style.SERIES["control"]
        label = f"B = {size}, no decay"
        style.band(ax, _long(control), "index", label, look, panel, linestyle=line)


def _long(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per singular value, its index counted from 1."""
    many = rows[["run", "values"]].explode("values")
    index = many.groupby("run").cumcount() + 1
    return many.assign(index=index, value=many["values"].astype(float))
