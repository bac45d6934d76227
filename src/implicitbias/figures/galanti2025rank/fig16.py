"""Share of the untrained rank that convolutions and linear layers of one network lose.

The share of the untrained rank that is lost, 1 minus the final rank over the rank of the untrained
network: of convolutions 1, 5 and 10 (dashed) and of linear layers 12, 16 and 20 against weight
decay, of the averages over the ten layers of each kind; accuracies are below. The paper draws the
ranks, at learning rate 0.01. Its claim: convolutions have the higher rank, which the theorem
permits, because its bound grows with the number m_l of places at which a layer is applied. If that
were the reason, training would remove a larger share of the rank of linear layers.

The ranks of the untrained network are the ranks of random matrices, 256 x 2304 and 256 x 256 in the
paper: 215 and 128 at the tolerance 0.05 of the published points (the caption says 1e-3). Most of
the published gap of 214 against 129 therefore exists before training and comes from the shapes, so
we draw shares. Weight decay 0 is ours as well.

At scale `small` the network has a sixteenth of the width and sees 512 digits of 8x8, at learning
rate 0.1 and batch sizes 8, 16 and 32. At tolerance 0.15 its untrained convolutions have full rank,
16; square random matrices have some singular values that are so small that their rank is never
full; here it is 10 of 16.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from .. import comparable, style
from .._learnt import at_chance, band, drawn
from .._rank_claims import regime
from .._ranks import judged, named, rank
from . import _published

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "model": "mixed_residual", "width": 256, "blocks": 5, "epochs": 500,
    "momentum": 0.0, "batch_size": [16, 32, 64], "lr": 0.01,
    "weight_decay": [1e-4, 2e-4, 4e-4, 8e-4],
}  # fmt: skip
FIGURE = "galanti2025rank/fig16"
NEEDS = ("train_accuracy", "test_accuracy")
AS_PUBLISHED, SCALED = "rank_fro_5e-2", "rank_fro_1.5e-1"
KINDS = {"convolutions": range(1, 11), "linear layers": range(12, 22)}  # of layers 0 ... 21
SHOWN = {"convolutions": (1, 5, 10), "linear layers": (12, 16, 20)}
LOOKS = {"convolutions": ((style.BLACK, "o"), "--"), "linear layers": (("#777777", "s"), "-")}
THEIRS = {"convolutions": "avg_conv", "linear layers": "avg_linear"}
PARTS = {"convolutions": "average-rank-conv", "linear layers": "average-rank-linear"}  # of ids
CELL = ["seed", "batch_size", "weight_decay"]


def average(table: pd.DataFrame, metric: str, kind: str) -> pd.DataFrame:
    """Return the mean rank over the ten layers of a kind, by run and record; NaN if one is."""
    labels = [f"layer{i}" for i in KINDS[kind]]
    rows = table[(table["metric"] == metric) & table["layer"].isin(labels)]
    groups = rows.groupby(["run", "epoch", *CELL])["value"]
    return groups.agg(lambda v: v.mean(skipna=False)).reset_index()


def compared(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a row per run: the final averages conv and linear, and the untrained conv_0 and
    linear_0.
    """
    columns = {}
    for name, kind in (("conv", "convolutions"), ("linear", "linear layers")):
        rows = average(table, metric, kind)
        columns[name] = final(rows).set_index(CELL)["value"]
        columns[f"{name}_0"] = rows[rows["epoch"] == 0].set_index(CELL)["value"]
    return pd.DataFrame(columns)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Convolutions have the higher rank; what of it is shape; which kind training lowers more."""
    table, left = regimes.learnt(table)
    metric = judged(table, AS_PUBLISHED, SCALED, _at_protocol(table))
    at = named(metric)
    seen = regime(table, metric)[:2]  # nothing has to be forgotten for these
    r = compared(table, metric)
    decayed = r[r.index.get_level_values("weight_decay") > 0]
    kept = (decayed["conv"] / decayed["conv_0"]) / (decayed["linear"] / decayed["linear_0"])
    gap = (r["conv_0"] - r["linear_0"]).groupby("seed").mean()
    return [
        judge(
            Statistic.of("least ratio of convolutions to linear layers",
                         (r["conv"] / r["linear"]).groupby("seed").min(), log=True),
            figure=FIGURE, kind="paper", at_least=1.0, id="conv-above-linear", regime=seen,
            claim=f"convolutions have the higher average rank in every network, {at}", note=left,
        ),
        judge(
            Statistic.of("mean gap of the untrained networks / of the trained",
                         gap / (r["conv"] - r["linear"]).groupby("seed").mean(), log=True),
            figure=FIGURE, kind="ours", at_least=0.5, id="gap-before-training", regime=seen,
            claim=f"at least half of that gap is there before training, {at}", note=left,
        ),
        judge(
            Statistic.of("share of the untrained rank that convolutions keep / that linear do",
                         _geometric(kept), log=True),
            figure=FIGURE, kind="control", at_least=1.0, id="linear-lowered-more", regime=seen,
            claim=f"training with decay lowers linear layers by the larger share, {at}", note=left,
        ),
        *fidelity(table),
    ]  # fmt: skip


def _at_protocol(table: pd.DataFrame) -> bool:
    return len(table) > 0 and comparable(table.drop_duplicates("run"), PAPER)


def _geometric(ratios: pd.Series) -> pd.Series:
    """The geometric mean over the networks of each seed."""
    found: pd.Series = np.exp(np.log(ratios).groupby("seed").mean())
    return found


def fidelity(table: pd.DataFrame) -> list[Claim]:
    """Judge ours against every published point, where the protocol is the paper's; [] where it is
    not.
    """
    theirs = _published.reported(table, PAPER, "16")
    if theirs is None:
        return []
    at = table[table["epoch"] == _published.LAST_EPOCH]
    ours = [
        _published.Compared(part, f"average rank of {kind}",
                            {THEIRS[kind]: average(at, AS_PUBLISHED, kind)})
        for kind, part in PARTS.items()
    ]  # fmt: skip
    return _published.judged(
        "16",
        at,
        [*ours, *_published.accuracies(at)],
        lambda series: _published.numbered(
            theirs[theirs["series"] == series], "batch_size", "weight_decay"
        ),
        ["batch_size", "weight_decay"],
    )


def lost_share(table: pd.DataFrame, metric: str, kind: str, layer: str = "") -> pd.DataFrame:
    """Return 1 - final rank / untrained rank, by run: of the average of a kind, or of one layer."""
    rows = average(table, metric, kind)
    if layer:
        rows = table[(table["metric"] == metric) & (table["layer"] == layer)]
    start = rows[rows["epoch"] == 0].set_index("run")["value"]
    last = final(rows)
    return last.assign(value=1 - last["value"] / last["run"].map(start))


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against weight decay; rows: the share of
    the untrained rank that is lost at each tolerance, accuracies.
    """
    fig, lost = plt.figure(layout="constrained"), at_chance(table)
    theirs = _published.reported(table, PAPER, "16")
    labels = drawn(fig, table, lost, always=() if theirs is None else [AS_PUBLISHED])
    sizes = sorted(table["batch_size"].unique())
    fig.set_size_inches(style.PAGE, 0.6 + 1.8 * (len(labels) + 1))
    axes = fig.subplots(len(labels) + 1, len(sizes), sharex=True, sharey="row", squeeze=False)
    for j, size in enumerate(sizes):
        runs, panel = table[table["batch_size"] == size], f"B={size}"
        points = None if theirs is None else theirs[theirs["panel"] == panel]
        for i, metric in enumerate(labels):
            _shares(axes[i][j], runs, metric, f"{panel}, {metric}", lost)
            if metric == AS_PUBLISHED and points is not None:
                _published.draw(
                    axes[i][j], _as_shares(points, runs, metric), THEIRS.values(), panel
                )
        for name, theirs_name in _published.SERIES.items():
            rows, look = rank(runs, name, "network"), style.SERIES[name]
            band(axes[-1][j], rows, "weight_decay", name.replace("_", " "), look, panel, lost,
                 crosses=name == "train_accuracy")  # fmt: skip
            _published.draw(axes[-1][j], points, [theirs_name], panel)
        axes[0][j].set_title(f"batch size {size}")
        axes[-1][j].set_xlabel("weight decay")
    for i, at in enumerate(labels.values()):
        axes[i][0].set_ylabel(f"share of the untrained\nrank lost, {at}")
    axes[-1][0].set(ylabel="accuracy", ylim=(0, 1.02))
    style.legend(fig, axes[0][0], axes[-1][0], ncols=4)
    return fig


def _shares(ax: Axes, runs: pd.DataFrame, metric: str, panel: str, lost: frozenset[str]) -> None:
    i = 0
    for kind, (look, line) in LOOKS.items():
        for layer in SHOWN[kind]:
            rows = lost_share(runs, metric, kind, f"layer{layer}")
            band(ax, rows, "weight_decay", f"layer {layer}", style.layer_look(i), panel, lost,
                 linestyle=line, linewidth=0.8)  # fmt: skip
            i += 1
        band(ax, lost_share(runs, metric, kind), "weight_decay", f"average, {kind}", look, panel,
             lost, crosses=True, linestyle=line)  # fmt: skip
    ax.axhline(0, color=style.BLACK, linewidth=0.6, label="as untrained")


def _as_shares(points: pd.DataFrame, runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Published averages as shares lost against our untrained networks, of the same shapes."""
    starts = {
        name: average(runs[runs["epoch"] == 0], metric, kind)["value"].mean()
        for kind, name in THEIRS.items()
    }
    kept = points[points["series"].isin(starts)]
    return kept.assign(y=1 - kept["y"] / kept["series"].map(starts))
