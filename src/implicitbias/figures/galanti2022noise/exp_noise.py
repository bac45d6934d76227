"""Do the weights settle? Movement of the weights at constant learning rate, against pure decay.

Relative movement ||W_{t+S} - W_t|| / ||W_t||, mean over the layers but the head, over the same
number of steps S for every batch size (an epoch of the smallest). The claim of the first versions:
with weight decay and batches smaller than the data SGD cannot converge, so there is a floor, while
gradient descent (the full batch) has none. Dashed: what weight decay alone would move, 1 - (1 - lr
weight_decay)^S; dotted: what the gradients alone moved. A plateau at the dashed line with no
gradient is no noise: those in the authors' notebook, 3.4e-4 an epoch at learning rate 1e-3 and
decay 1e-3 with 391 steps, are that (391 lr weight_decay times the 7/8 of tensors that count there).

Setting of the authors' log: its convolutional network without normalisation, cross-entropy and
square loss, no decay of the learning rate. Stand-ins: width and depth, data, rates and length
(scale `paper` has the log's own: ConvNet-5-1000, CIFAR-10, batch size 128, 2,000 epochs); the full
batch is ours. The square loss here is not divided by the 10 classes, so a rate is worth ten of
theirs. The claims are judged at the strongest decay at which every network has learnt.

What is seen: with decay SGD has a floor, higher for smaller batches; without decay none. It lies
at or below the dashed line, because the decay's part and the gradients' nearly cancel: how high a
plateau is does not tell noise from decay, the gradients' part does. A network that collapses to a
constant (cross-entropy, decay 0.03, one seed of two) lies on the dashed line and has no gradient.
Gradient descent has not come to rest either: it moves far less, and falls more slowly than claimed.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from .. import style
from ._movement import averages, falls, last, per_seed, trained

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "model": "convnet", "momentum": 0.0, "batch_size": 128, "epochs": 2000,
}  # fmt: skip
FIGURE = "galanti2022noise/exp_noise"
DECAY, PULL = "decay alone", "gradients alone"
RATIO = "movement at the end / halfway"
LOSSES = {"cross_entropy": "cross-entropy", "square": "square loss"}
PARTS = {"cross_entropy": "cross-entropy", "square": "square"}  # of ids


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge a floor for SGD with decay, none for gradient descent, one above pure decay."""
    table = trained(table)
    every = averages(table, "relative_movement")
    pulls = averages(table, "gradient_movement")
    judged = []
    for loss, name in LOSSES.items():
        part = PARTS[loss]
        rows = every[every["loss"] == loss]
        decayed = rows[rows["weight_decay"] > 0]
        strong = decayed[decayed["weight_decay"] == decayed["weight_decay"].max()]
        noisy, full = strong[~strong["full"]], strong[strong["full"]]
        bare = rows[(rows["weight_decay"] == 0) & ~rows["full"]]
        if len(noisy):
            judged += _floor(noisy, pulls, name, part)
        if len(noisy) and len(full):
            judged += _descent(full, last(noisy), name, part)
        if len(bare):
            judged.append(
                judge(
                    per_seed(falls(bare), f"{RATIO}, largest over batch sizes below N", False),
                    figure=FIGURE, at_most=0.75,
                    kind="control", id=f"falls-without-decay-{part}",
                    claim=f"{name}: without decay the movement of SGD goes on falling",
                )
            )  # fmt: skip
    return judged


def _floor(noisy: pd.DataFrame, pulls: pd.DataFrame, name: str, part: str) -> list[Claim]:
    """Judge SGD with decay: there is a floor, and decay alone does not explain it."""
    ends = last(noisy)
    pull = pulls[pulls["run"].isin(ends["run"])].merge(ends[["run", "step"]])
    over = "over pure decay's, least over batch sizes below N"
    return [
        judge(
            per_seed(falls(noisy), f"{RATIO}, least over batch sizes below N", least=True),
            figure=FIGURE, at_least=0.5,
            kind="paper", id=f"floor-{part}",
            claim=f"{name}: with decay and B < N the movement has a floor",
        ),
        judge(
            per_seed(pull.assign(value=pull["value"] / pull["decay"]),
                     f"gradients' movement at the end {over}", least=True),
            figure=FIGURE, at_least=0.5, note="added after a pilot",
            kind="ours", id=f"floor-gradients-move-{part}",
            claim=f"{name}: that floor is not pure decay, for the gradients move the weights",
        ),
        judge(
            per_seed(ends.assign(value=ends["value"] / ends["decay"]),
                     f"movement at the end {over}", least=True),
            figure=FIGURE, at_least=2.0,
            kind="ours", id=f"floor-above-decay-{part}",
            claim=f"{name}: that floor is above what decay alone would move",
        ),
    ]  # fmt: skip


def _descent(full: pd.DataFrame, noisy: pd.DataFrame, name: str, part: str) -> list[Claim]:
    """Judge gradient descent with decay: it has no floor, and moves little beside SGD."""
    small = noisy[noisy["batch_size"] == noisy["batch_size"].min()][["seed", "value"]]
    both = last(full).merge(small, on="seed", suffixes=("", "_small"))
    return [
        judge(
            per_seed(falls(full), f"{RATIO}, full batch", least=False),
            figure=FIGURE, at_most=0.1,
            kind="paper", id=f"descent-without-floor-{part}",
            claim=f"{name}: with decay and the full batch there is none",
        ),
        judge(
            per_seed(both.assign(value=both["value"] / both["value_small"]),
                     "movement of the full batch / of the smallest batch, at the end", least=False),
            figure=FIGURE, at_most=0.1, note="added after a pilot",
            kind="ours", id=f"descent-beside-sgd-{part}",
            claim=f"{name}: the full batch moves a tenth of what the smallest one does",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw rows: losses; columns: weight decays; a line per batch size (and learning rate)."""
    every = averages(table, "relative_movement")
    pulls = averages(table, "gradient_movement")
    losses = [name for name in LOSSES if name in set(every["loss"])]
    columns = every.groupby("loss")["weight_decay"].nunique().max()
    fig, axes = plt.subplots(
        len(losses), columns, figsize=(style.PAGE, 2.1 * len(losses)), sharex=True, sharey="row",
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for i, loss in enumerate(losses):
        rows = every[every["loss"] == loss]
        for j, decay in enumerate(sorted(rows["weight_decay"].unique())):
            ax = axes[i][j]
            _panel(ax, rows[rows["weight_decay"] == decay], pulls, f"{loss}, decay {decay:g}")
            ax.set(yscale="log", title=f"decay {decay:g}")
            if i == len(losses) - 1:
                ax.set_xlabel("completed steps")
        axes[i][0].set_ylabel(f"{LOSSES[loss]}: relative movement")
        handles = dict(zip(*axes[i][-1].get_legend_handles_labels()[::-1], strict=True))
        names = sorted(handles, key=(DECAY, PULL).__contains__)
        axes[i][-1].legend([handles[n] for n in names], names, loc="center left",
                           bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, pulls: pd.DataFrame, panel: str) -> None:
    groups = rows.groupby(["batch_size", "lr"])
    many = rows["lr"].nunique() > 1
    for i, ((size, lr), part) in enumerate(groups):
        look = style.layer_look(i)
        whole = " = N" if part["full"].all() else ""
        label = f"B {size}{whole}" + (f", lr {lr:g}" if many else "")
        style.band(ax, part, "step", label, look, panel, markersize=2)
        pull = pulls[pulls["run"].isin(part["run"])].groupby("step")["value"].mean()
        ax.plot(pull.index, pull, color=look[0], linestyle=":", linewidth=0.8,
                label=PULL if i == 0 else None)  # fmt: skip
        if part["decay"].max() > 0 and (many or i == 0):
            colour = look[0] if many else "#555555"
            ax.axhline(part["decay"].iloc[0], color=colour, linestyle="--", linewidth=0.9,
                       label=DECAY if i == 0 else None)  # fmt: skip
            style.note(ax, panel=panel, series=f"decay alone, lr {lr:g}",
                       mean=part["decay"].iloc[0])  # fmt: skip
