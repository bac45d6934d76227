"""What figures 10 and 11 share: the average rank of the ViT during training, a curve per value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import agreement, published, regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic, complete
from ...analysis.tables import final
from .. import comparable, style
from .._learnt import AT_CHANCE, GREY, at_chance, band, drawn
from .._rank_claims import regime
from .._ranks import judged, named, rank
from . import _published

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "model": "vit", "patch": 4, "dim": 512, "depth": 6, "heads": 8,
    "dropout": 0.1, "epochs": 200, "momentum": 0.0,
}  # fmt: skip
# A random (1536, 512) has rank 314 here, which is where the published curves begin.
AS_PUBLISHED, SCALED = "rank_fro_3.7e-2", "rank_fro_7e-2"
LABEL_SHIFT = 10  # the paper labels a record by the epoch after it was taken: 10 is untrained
LEARNT = 0.5  # training accuracy from which on a ViT has learnt


def judged_metric(table: pd.DataFrame) -> str:
    """Return the rank metric at which the sentences are judged."""
    at_protocol = len(table) > 0 and comparable(table.drop_duplicates("run"), PAPER)
    return judged(table, AS_PUBLISHED, SCALED, at_protocol)


def phases(table: pd.DataFrame, figure: str, by: Sequence[str]) -> list[Claim]:
    """Judge the paper's reading of the curves: the rank falls without a rise, then it is stable.

    Of networks that learn; what a curve without any fall does says nothing of phases.
    """
    table, left = regimes.learnt(table, least=LEARNT)
    metric = judged_metric(table)
    at, seen = named(metric), regime(table, metric)
    rows = table[(table["metric"] == metric) & (table["layer"] == "average")]
    return [
        judge(
            _largest(rows, by, _rise, "rise above the least rank before"),
            figure=figure, kind="paper", id="never-rises", at_most=0.05, regime=seen, note=left,
            claim=f"the average rank never rises again, {at}",
        ),
        judge(
            _largest(rows, by, _late, "range of the rank in the last quarter of the epochs"),
            figure=figure, kind="paper", id="stable-at-the-end", at_most=0.05, regime=seen,
            note=left, claim=f"in the end the average rank is stable, {at}",
        ),
    ]  # fmt: skip


def _rise(curve: pd.Series) -> float:
    return float((curve - curve.cummin()).max(skipna=False))


def _late(curve: pd.Series) -> float:
    late = curve[curve.index >= 0.75 * curve.index.max()]
    return float(late.max(skipna=False) - late.min(skipna=False))


def _largest(rows: pd.DataFrame, by: Sequence[str], of: Any, words: str) -> Statistic:
    """`of` each curve, in units of the untrained rank: the largest, for each seed."""
    ends, missing = complete(final(rows), by)
    rows = rows[rows["run"].isin(ends["run"])]
    found: dict[int, float] = {}
    for seed, own in rows.groupby("seed"):
        curves = [c.set_index("epoch")["value"].sort_index() for _, c in own.groupby(list(by))]
        found[int(str(seed))] = float(np.max([of(c) / c.iloc[0] for c in curves]))
    sentence = f"largest {words}, in units of the untrained rank, over the curves"
    return Statistic(sentence, found, missing)


def fidelity(table: pd.DataFrame, figure: str, panel: str, curve: str) -> list[Claim]:
    """Judge the last published points against ours, where the protocol is the paper's; else []."""
    theirs = _published.reported(table, PAPER, figure)
    if theirs is None:
        return []
    last = theirs[theirs["x"] == theirs["x"].max()]
    epoch = int(last["x"].iloc[0]) - LABEL_SHIFT
    points = last[["panel", "series"]].assign(**{
        panel: last["panel"].str.partition("=")[2].astype(float),
        curve: last["series"].str.partition("=")[2].astype(float),
        "x": last["series"].str.partition("=")[2].astype(float), "value": last["y"],
    })  # fmt: skip
    ours = rank(table[table["epoch"] == epoch], AS_PUBLISHED).astype({panel: float, curve: float})
    found = agreement.beside(ours, points, [panel, curve], absolute=3.0, reading=published.READING)
    return [
        agreement.agreement(
            found, len(points), figure=f"galanti2025rank/fig{figure}", id="published-average-rank",
            reference=f"figure {figure} as published, after {epoch} epochs",
            claim="the average rank is the published one at nine points of ten",
            note="which matrices and tolerance the paper has is not known: 0.037 gives its start",
        )
    ]  # fmt: skip


def draw(table: pd.DataFrame, figure: str, panel: str, symbol: str, curve: str) -> Figure:
    """Draw a column per value of `panel`: ranks by epoch, and below them the final accuracy."""
    fig, lost = plt.figure(layout="constrained"), at_chance(table, LEARNT)
    theirs = _published.reported(table, PAPER, figure)
    labels = drawn(fig, table, lost, always=() if theirs is None else [AS_PUBLISHED])
    values, rows = sorted(table[panel].unique()), [*labels.items()]
    fig.set_size_inches(style.PAGE, 0.6 + 1.9 * len(rows) + 1.3)
    axes = fig.subplots(
        len(rows) + 1, len(values), sharey="row", squeeze=False,
        height_ratios=[1.9] * len(rows) + [1.3],
    )  # fmt: skip
    for j, value in enumerate(values):
        runs, name = table[table[panel] == value], f"{symbol}={value:g}"
        points = None if theirs is None else theirs[theirs["panel"] == name]
        axes[0][j].set_title(f"{style.WORDS[panel]} {value:g}")
        for i, (metric, _) in enumerate(rows):
            ranks = runs[runs["layer"] == "average"]
            _curves(axes[i][j], ranks, metric, curve, f"{name}, {metric}", lost)
            if points is not None and metric == AS_PUBLISHED:
                epochs = list(points["x"] - LABEL_SHIFT)
                style.points(axes[i][j], epochs, list(points["y"]), "published", name)
            axes[i][j].set_xlabel("completed epochs")
        _accuracy(axes[-1][j], runs, curve, f"{name}, accuracy", lost)
    for i, (_, at) in enumerate(rows):
        axes[i][0].set_ylabel(f"average rank,\n{at}")
        axes[i][0].set_ylim(0, 1.05 * axes[i][0].get_ylim()[1])
    axes[-1][0].set(ylabel="final training\naccuracy", ylim=(0, 1.05))
    style.legend(fig, axes[0][0], ncols=8, title=style.WORDS[curve])
    return fig


def _curves(
    ax: Axes, runs: pd.DataFrame, metric: str, curve: str, panel: str, lost: frozenset[str]
) -> None:
    """One line per value, from light to dark as it grows; grey and thin where no seed learnt."""
    values = sorted(runs[curve].unique())
    for value, rgba in zip(values, style.shades(len(values)), strict=True):
        rows = runs[(runs["metric"] == metric) & (runs[curve] == value)]
        control = curve == "weight_decay" and value == 0
        look, line = (style.SERIES["control"], "--") if control else ((rgba, ""), "-")
        style.band(ax, rows[~rows["run"].isin(lost)], "epoch", f"{value:g}", look, panel,
                   linestyle=line)  # fmt: skip
        apart = rows[rows["run"].isin(lost)]
        if len(apart):
            style.band(ax, apart, "epoch", AT_CHANCE, (GREY, ""), panel, linestyle="-",
                       linewidth=0.8)  # fmt: skip


def _accuracy(ax: Axes, runs: pd.DataFrame, curve: str, panel: str, lost: frozenset[str]) -> None:
    """Where a network does not learn, its rank says nothing."""
    rows = rank(runs, "train_accuracy", "network")
    values = sorted(rows[curve].unique())
    rows = rows.assign(at=rows[curve].map({v: i for i, v in enumerate(values)}))
    band(ax, rows, "at", "train accuracy", style.SERIES["train_accuracy"], panel, lost,
         crosses=True)  # fmt: skip
    ax.set_xticks(range(len(values)), [f"{v:g}" for v in values])
    ax.set_xlabel(style.WORDS[curve])
