"""Splitting a convolutional network in training: accuracy against zeros, beside pruning.

This is the use for which the method of Dinh & Xin was made; network, data and settings are
stand-ins (two strided convolutions, a hidden layer and a head on 5,000 images of MNIST, SGD without
momentum). The weights of all layers are split, and the biases are not. Test accuracy of the network
at u against the share of zeros of u (left) and of convolution channels whose filter is zero
(right); a point per cut-off, mean over seeds. Magnitude pruning removes the smallest weights of the
unpenalised network of the same seed, all layers together: at once at the end, or at epoch 4 of 6
with fine-tuning for the rest, so that all networks train for equally many epochs. Settings and
claims were fixed before the first run. The fine-tuned share 0.98 was added after it, so that no
network is compared with a smaller share. All networks train for few epochs, so their errors are far
from the best known.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_pruning"
NEEDS = (
    "test_accuracy", "split_test_accuracy", "split_zero_weights", "split_zero_channels",
    "pruned_test_accuracy", "pruned_zero_channels",
)  # fmt: skip
ENDS = ("test_accuracy", "split_test_accuracy", "split_zero_weights", "split_zero_channels")
PRUNED = ("pruned_test_accuracy", "pruned_zero_channels")
DENSE, SPARSE = 0.5, 0.98  # shares of zeros between which methods are compared


def pruned(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per seed and share: accuracy and zero channels of the pruned unpenalised
    network.
    """
    rows = table[table["metric"].isin(PRUNED)]
    share = rows["layer"].str.removeprefix("share").astype(float)
    keys = ["seed", "share"]
    return rows.assign(share=share).pivot(index=keys, columns="metric", values="value")


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run; `at_once`: accuracy after pruning at once to its share of zeros."""
    ends = tables.ends(table, *ENDS)
    curves = pruned(table)["pruned_test_accuracy"]
    at_once = [
        float(np.interp(share, curves[seed].index, curves[seed]))
        for seed, share in zip(ends["seed"], ends["split_zero_weights"], strict=True)
    ]
    return ends.assign(at_once=at_once)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge splitting against pruning at equal zeros, and penalties at equal cut-offs."""
    ends = rows(table)
    split = ends[ends["penalty"] != "none"]
    tuned = ends[ends["prune_share"].notna()]
    judged = [_cheap(ends)]
    for penalty in _runs.of_penalties(split):
        part = split[split["penalty"] == penalty]
        part = part[part["split_zero_weights"].between(DENSE, SPARSE)]
        name = _runs.NAMES[penalty]
        after = [
            float(np.interp(r["split_zero_weights"], t["split_zero_weights"], t["test_accuracy"]))
            for _, r in part.iterrows()
            for t in [tuned[tuned["seed"] == r["seed"]].sort_values("split_zero_weights")]
        ]
        for other, at, values in (
            ("at once", "once", part["at_once"]), ("with fine-tuning", "fine-tuned", after)
        ):  # fmt: skip
            gap = (part["split_test_accuracy"] - values).groupby(part["seed"]).mean()
            judged.append(
                judge(
                    Statistic.of(f"accuracy at u - of pruning {other} at equal zeros", gap),
                    figure=FIGURE, at_least=0,
                    kind="ours", id=f"{penalty}-against-pruning-{at}",
                    claim=f"{name}: as accurate as magnitude pruning {other}, at equal zeros",
                    note=f"{len(part)} runs with a share of zeros in [{DENSE}, {SPARSE}]",
                )
            )  # fmt: skip
    wide = split.pivot(index=["seed", "cutoff"], columns="penalty", values="split_test_accuracy")
    for worse, better in (("l1", "tl1"), ("tl1", "l0")):
        gap = (wide[better] - wide[worse]).groupby("seed").mean()
        judged.append(
            judge(
                Statistic.of(f"accuracy at u, {better} - {worse}, mean over cut-offs", gap),
                figure=FIGURE, at_least=0,
                kind="paper", id=f"{better}-against-{worse}",
                claim=f"at equal cut-off {better} is at least as accurate at u as {worse}",
            )
        )  # fmt: skip
    return judged


def _cheap(ends: pd.DataFrame) -> Claim:
    """Judge the largest share of zeros of l0 that costs at most two points of accuracy."""
    plain = ends[(ends["penalty"] == "none") & ends["prune_share"].isna()]
    limit = ends["seed"].map(plain.set_index("seed")["test_accuracy"]) - 0.02
    kept = (ends["penalty"] == "l0") & (ends["split_test_accuracy"] >= limit)
    share = ends["split_zero_weights"].where(kept, 0.0).groupby(ends["seed"]).max()
    return judge(
        Statistic.of("largest share of zeros of l0 within 0.02 of the unpenalised accuracy", share),
        figure=FIGURE, at_least=0.8,
        kind="ours", id="l0-zeros-for-two-points",
        claim="l0 splitting sets four fifths of the weights to zero for at most two points",
    )  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy against zero weights and against zero channels."""
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), sharey=True, layout="constrained")
    ends, curves = rows(table), pruned(table).groupby("share").mean()
    tuned = ends[ends["prune_share"].notna()]
    sides = (("split_zero_weights", curves.index), ("split_zero_channels",
             curves["pruned_zero_channels"]))  # fmt: skip
    for ax, (x, at) in zip(axes, sides, strict=True):
        for penalty in _runs.PENALISED:
            part = ends[ends["penalty"] == penalty].groupby("cutoff")
            _runs.bars(ax, part, x, "split_test_accuracy", _runs.NAMES[penalty],
                       _runs.LOOKS[penalty], x)  # fmt: skip
        ax.plot(at, curves["pruned_test_accuracy"], color=style.BLACK, linestyle="--",
                label="pruned at once")  # fmt: skip
        style.notes(ax, at, curves["pruned_test_accuracy"], panel=x, series="pruned at once",
                    x_name=x, n=int(table["seed"].nunique()))  # fmt: skip
        _runs.bars(ax, tuned.groupby("prune_share"), x, "test_accuracy", "pruned, fine-tuned",
                   (style.BLACK, "D"), x)  # fmt: skip
    axes[0].set(xlabel="share of zero weights", ylabel="test accuracy")
    axes[1].set(xlabel="share of zero channels")
    style.legend(fig, axes[0])
    return fig
