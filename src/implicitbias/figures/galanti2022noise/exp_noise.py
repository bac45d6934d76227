"""Do the weights settle? The movement of one step at constant learning rate, against pure decay.

Relative movement ||W_{t+1} - W_t|| / ||W_t|| of the last step before each record, mean over the
layers but the head. The claim of the first versions: with weight decay and batches smaller than the
data SGD cannot converge, so its steps have a floor, while gradient descent (the full batch) comes
to rest. Dashed: the movement of one step by weight decay alone, lr weight_decay; dotted: the
movement by the gradients alone. At rest both parts have the size of the decay's and cancel.

Over an epoch noise partly cancels while decay adds up, so a plateau of the movement per epoch is no
evidence of noise. The plateaus in the authors' notebook, 3.4e-4 per epoch at learning rate 1e-3 and
decay 1e-3 with 391 steps, are pure decay (391 lr weight_decay times the 7/8 of tensors that count
there).

The setting is that of the authors' log: no normalisation, cross-entropy and square loss, constant
learning rate. Scale `paper` has the log's own network, data, batch size and length; scale `small`
has a perceptron on 128 digits, equally many steps at every batch size, and a learning rate at which
gradient descent settles. The square loss here is not divided by the 10 classes, so our rate acts
like ten times theirs. The full batch is ours. The claims compare the last and the middle fifth of
training, at the strongest decay at which every network has learnt.

At scale `small`, with decay, SGD keeps steps of several times pure decay, larger for the smaller
batch and almost entirely from the gradients. At the strongest decay the two parts of the full batch
cancel up to a tenth (cross-entropy) or a third (square loss) of either part. Without decay the
steps of SGD keep falling; the full batch on the square loss does not settle at this rate.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from .. import style
from ._movement import PULL, STEP, averages, ends, falls, over_decay, per_seed, trained

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "model": "convnet", "momentum": 0.0, "batch_size": 128, "epochs": 2000,
}  # fmt: skip
FIGURE = "galanti2022noise/exp_noise"
DECAY, GRADIENTS = "decay alone", "gradients alone"
RATIO = "a step in the last fifth / in the middle fifth"
LOSSES = {"cross_entropy": "cross-entropy", "square": "square loss"}
PARTS = {"cross_entropy": "cross-entropy", "square": "square"}  # of ids
CHOSEN = "regime and setting chosen on seeds 0 and 10, which are not judged"


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge a floor for SGD with decay, above pure decay; none without decay, none at B = N."""
    table = trained(table)
    every = averages(table, STEP)
    judged = []
    for loss, name in LOSSES.items():
        part = PARTS[loss]
        rows = every[every["loss"] == loss]
        decayed = rows[rows["weight_decay"] > 0]
        strong = decayed[decayed["weight_decay"] == decayed["weight_decay"].max()]
        noisy, full = strong[~strong["full"]], strong[strong["full"]]
        bare = rows[(rows["weight_decay"] == 0) & ~rows["full"]]
        if len(noisy):
            judged += _floor(noisy, regime(table, noisy), name, part)
        if len(noisy) and len(full):
            judged += _descent(full, noisy, regime(table, strong), name, part)
        if len(bare):
            judged.append(
                judge(
                    per_seed(falls(bare), f"{RATIO}, largest over batch sizes below N", False),
                    figure=FIGURE, at_most=0.75, regime=regime(table, bare),
                    kind="control", id=f"falls-without-decay-{part}",
                    claim=f"{name}: without decay the steps of SGD go on falling",
                )
            )  # fmt: skip
    return judged


def regime(table: pd.DataFrame, rows: pd.DataFrame) -> list[Condition]:
    """Return the regime: every compared network fits nine examples of ten."""
    return [regimes.fit(table[table["run"].isin(rows["run"])], least=0.9)]


def _floor(noisy: pd.DataFrame, fits: list[Condition], name: str, part: str) -> list[Claim]:
    """Judge SGD with decay: there is a floor, and decay alone does not explain it."""
    return [
        judge(
            per_seed(falls(noisy), f"{RATIO}, least over batch sizes below N", least=True),
            figure=FIGURE, at_least=0.5, regime=fits, note=CHOSEN,
            kind="paper", id=f"floor-{part}",
            claim=f"{name}: with decay and B < N the steps of SGD have a floor",
        ),
        judge(
            per_seed(over_decay(noisy), "a step in the last fifth over pure decay's, least over"
                     " batch sizes below N", least=True),
            figure=FIGURE, at_least=2.0, regime=fits, note=CHOSEN,
            kind="ours", id=f"floor-above-decay-{part}",
            claim=f"{name}: that floor is above what decay alone would move",
        ),
    ]  # fmt: skip


def _descent(
    full: pd.DataFrame, noisy: pd.DataFrame, fits: list[Condition], name: str, part: str
) -> list[Claim]:
    """Judge gradient descent with decay: its parts cancel, and it moves little beside SGD."""
    last = ends(noisy)
    small = last[last["batch_size"] == last["batch_size"].min()][["seed", "value"]]
    both = ends(full).merge(small, on="seed", suffixes=("", "_small"))
    return [
        judge(
            per_seed(over_decay(full), "a step in the last fifth over pure decay's, full batch",
                     least=False),
            figure=FIGURE, at_most=0.5, regime=fits, note=CHOSEN,
            kind="control", id=f"descent-rests-{part}",
            claim=f"{name}: with decay and the full batch gradients and decay cancel",
        ),
        judge(
            per_seed(both.assign(value=both["value"] / both["value_small"]),
                     "a step in the last fifth, full batch / smallest batch", least=False),
            figure=FIGURE, at_most=0.1, regime=fits, note=CHOSEN,
            kind="ours", id=f"descent-beside-sgd-{part}",
            claim=f"{name}: a step of the full batch is a tenth of the smallest batch's",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw rows: losses; columns: weight decays; a line per batch size (and learning rate)."""
    every, pulls = averages(table, STEP), averages(table, PULL)
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
            ax.set(yscale="log", title=f"{LOSSES[loss]}, decay {decay:g}")
            if i == len(losses) - 1:
                ax.set_xlabel("completed steps")
        axes[i][0].set_ylabel("relative movement\nof one step")
    style.legend(fig, *axes[:, -1])
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, pulls: pd.DataFrame, panel: str) -> None:
    groups = rows.groupby(["batch_size", "lr"])
    many = rows["lr"].nunique() > 1
    last, colours = len(groups) - 1, style.shades(len(groups))
    for i, ((size, lr), part) in enumerate(groups):
        look = (colours[i], style.layer_look(i)[1])
        whole = " = N" if part["full"].all() else ""
        label = f"B = {size}{whole}" + (f", lr {lr:g}" if many else "")
        style.band(ax, part, "step", label, look, panel, markersize=2)
        pull = pulls[pulls["run"].isin(part["run"])].groupby("step")["value"].mean()
        ax.plot(pull.index, pull, color=look[0], linestyle=":", linewidth=0.9,
                label=GRADIENTS if i == last else None)  # fmt: skip
        style.notes(ax, pull.index, pull, panel=panel, series=f"{label}, {GRADIENTS}",
                    x_name="step")  # fmt: skip
        if part["pure"].max() > 0 and (many or i == last):
            colour, level = look[0] if many else "#555555", part["pure"].iloc[-1]
            ax.axhline(level, color=colour, linestyle="--", linewidth=0.9,
                       label=DECAY if i == last else None)  # fmt: skip
            style.note(ax, panel=panel, series=f"{DECAY}, lr {lr:g}", mean=level)
