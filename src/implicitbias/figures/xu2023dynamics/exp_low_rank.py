"""Rank of the layers under the square loss, against weight decay, learning rate and batch size.

The paper claims that SGD with weight decay has a bias towards low rank, and has no figure of it.
The three directions (lower rank for smaller batches, more decay and larger learning rates; no low
rank without decay) are those of galanti2025rank. The setting is a stand-in: a perceptron of three
hidden layers of 64 without biases, decay on every layer, no momentum, two digits, and 30 epochs for
every batch size, so small batches take more steps. Ranks are averages over the hidden matrices, for
both norms, each with its tolerance: singular values above 0.03 ||W||_F, and above 0.001 ||W||_2.
Learning rates are compared at the largest decay. The grid was refined after most runs of a first
grid had full rank or diverged. Lighter lines have smaller values.

With batches of 4 and decay 0.128 the hidden matrices end at rank 2 at tolerance 0.03. At 0.001 the
rank is nearly full: what is left of the initialisation is small, but not yet below 0.001 of
|W||_2. The last row shows the test error minus the training error. The paper says that low rank
should improve generalisation, and does not evaluate this. The claim judges it over the runs that
fit, by the rank correlation of rank and gap over decays, learning rates and batch sizes.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from .. import style
from .._rank_claims import falls, flat_without_decay
from .._ranks import judged, split, tolerances

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "xu2023dynamics/exp_low_rank"
JUDGED = "rank_fro_3e-2"
NEEDS = ("train_accuracy", "test_accuracy")
COLUMNS = ("weight_decay", "lr", "batch_size")
SEEN = "threshold chosen after the means of rank and gap over these runs had been seen"
MARKERS = "ovDPX"
NORMS = {"rank_fro": "||W||_F", "rank_spec": "||W||_2"}


def ranks(table: pd.DataFrame) -> dict[str, str]:
    """Return what each rank of the table is counted at, such as `0.03 of ||W||_F`."""
    parts = {metric: split(metric) for metric in tolerances(table)}
    return {metric: f"{at:g} of {NORMS[norm]}" for metric, (norm, at) in parts.items()}


def ends(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the final value of a metric, by run.

    A rank is the average over the hidden layers; other metrics are the network's. `gap` is the test
    error minus the training error.
    """
    rows = final(table)
    if metric == "gap":
        train, test = (ends(table, f"{part}_accuracy") for part in ("train", "test"))
        return train.assign(
            value=train["value"] - train["run"].map(test.set_index("run")["value"]).astype(float)
        )
    layer = "network" if metric.endswith("accuracy") else "average"
    return rows[(rows["metric"] == metric) & (rows["layer"] == layer)]


def correlations(table: pd.DataFrame, metric: str) -> pd.Series:
    """Return Spearman's correlation of rank and gap over settings, by seed; NaN for constants."""
    gap = ends(table, "gap").set_index("run")["value"]
    runs = ends(table, metric)
    runs = runs.assign(gap=runs["run"].map(gap))[["seed", "value", "gap"]]
    return pd.Series({
        seed: own["value"].rank().corr(own["gap"].rank()) for seed, own in runs.groupby("seed")
    }, dtype=float)  # fmt: skip


def against(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return the runs of a panel, at the whole grid's learning rate or at the largest decay."""
    fixed = "weight_decay" if x == "lr" else "lr"
    kept: pd.DataFrame = rows[rows[fixed] == rows[fixed].max()]
    return kept


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether rank falls with decay, learning rate and smaller batches; control; gap."""
    metric = judged(table, JUDGED)
    fits, left_out = regimes.learnt(table, regimes.FIT)
    ranked = ends(fits, metric)
    return [
        falls(against(table, "weight_decay"), FIGURE, "weight_decay", ["batch_size"], metric),
        falls(against(table, "lr"), FIGURE, "lr", ["batch_size"], metric),
        falls(against(table, "batch_size"), FIGURE, "batch_size", ["weight_decay"], metric),
        flat_without_decay(against(table, "batch_size"), FIGURE, "batch_size", (), metric),
        judge(Statistic.of("rank correlation of rank and gap over settings",
                           correlations(fits, metric)),
              figure=FIGURE, kind="paper", id="gap-follows-rank", at_least=0.2,
              regime=[regimes.runs(fits, "some networks fit"),
                      regimes.below_full(ranked, float(ranked["value"].max()), 0.5)],
              reference="abstract; theorem 7", note="; ".join(filter(None, [left_out, SEEN])),
              claim="of networks that fit, those of lower rank have a smaller gap of the errors"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw ranks and the gap of the errors in rows; against decay, rate and batch in columns."""
    labels = {metric: f"rank, {at}" for metric, at in ranks(table).items()}
    labels["gap"] = "test - training error"
    fig, axes = plt.subplots(
        len(labels), 3, figsize=(style.PAGE, 1.4 * (1 + len(labels))), sharex="col", sharey="row",
        layout="constrained",
    )  # fmt: skip
    for j, x in enumerate(COLUMNS):
        by = "weight_decay" if x == "batch_size" else "batch_size"
        runs = against(table, x)
        values = sorted(runs[x].unique())
        places = {v: v or values[1] / 3 for v in values}  # 0 has no place on a logarithmic axis
        lines = sorted(runs[by].unique())
        looks = dict(zip(lines, zip(style.shades(len(lines)), MARKERS, strict=False), strict=False))
        for i, metric in enumerate(labels):
            for value, rows in ends(runs, metric).groupby(by):
                label = f"{style.WORDS[by]} {float(str(value)):g}"
                panel = f"{metric} against {x}"
                style.band(axes[i][j], rows, x, label, looks[value], panel, places)
        axes[-1][j].set(xscale="log", xlabel=style.WORDS[x])
        axes[-1][j].set_xticks([*places.values()], [f"{v:g}" for v in values], rotation=45)
        axes[-1][j].minorticks_off()
    for ax, words in zip(axes[:, 0], labels.values(), strict=True):
        ax.set_ylabel(words)
        ax.set_ylim(bottom=0)
    axes[-2][0].legend(loc="lower left")
    axes[-2][2].legend(loc="lower right")
    fitted = regimes.accuracies(table)
    if len(fitted):
        style.remark(fig, f"Training accuracy {fitted.min():.3g} to {fitted.max():.3g}")
    return fig
