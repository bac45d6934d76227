"""Rank during training of a wide MLP-BN beside the theorem's bound.

Left: average rank of the two hidden matrices against completed epochs, with the bounds for eps =
0.3, 0.5 and 0.7; right: training and test accuracy. The paper trains MLP-BN-2-10000 with batch size
6, learning rate 0.1 and weight decay 8e-3 for 500 epochs, and draws the bounds below the width of
10,000 to show that they are informative.

Dashed: B log(1/eps) / (2 lr weight_decay), as the paper draws it. Dotted: B log(2/eps) / (lr
weight_decay), the theorem in the convention of the optimiser that was run, which is four times as
high at eps = 0.5; where it exceeds the width it is not informative. The bound at eps concerns the
rank at relative tolerance eps in the spectral norm, which is drawn as well; the paper's curve is
the rank at 1e-3 in the Frobenius norm. At scale `small` the network is 10 times narrower and the
decay 10 times stronger, which keeps each bound's ratio to the width.

The total decay exponent, sum of lr x weight_decay over steps, is 22 at scale `small` and 489 in the
paper. It is below the paper's, but a share e^-22 of the initialisation is already negligible in
float32.
"""

from collections.abc import Callable
from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from ...analysis.statistics import Statistic, line_ratio
from ...analysis.tables import final
from ...analysis.worst import proved
from ...metrics.rank_bound import rank_bound_as_drawn, rank_bound_theorem
from .. import style
from .._ranks import judged, named, split, tolerances
from . import _published

PAPER = {
    "dataset": "cifar10", "depth": 2, "width": 10000, "epochs": 500, "batch_size": 6, "lr": 0.1,
    "weight_decay": 8e-3, "momentum": 0.0,
}  # fmt: skip
FIGURE = "galanti2025rank/fig06"
AS_PUBLISHED = "rank_fro_1e-3"
NEEDS = ("train_accuracy", "test_accuracy")
COLOURS = (style.SKY, style.GREEN, style.ORANGE, style.PURPLE, style.YELLOW)  # of bounds
DRAWN = (style.SERIES["average"], (style.BLUE, "s"), (style.VERMILION, "^"))  # of ranks


def bounded(table: pd.DataFrame) -> dict[float, str]:
    """Return the eps of the bounds that are drawn, and the rank that each is a bound on."""
    return {split(metric)[1]: metric for metric in tolerances(table, ["rank_spec"])}


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls far, the theorem holds at each eps, the drawn bounds lie above the rank."""
    metric = judged(table, AS_PUBLISHED)
    curve = rows(table, metric)
    at = named(metric)
    ends = curve[curve["epoch"].isin([0, curve["epoch"].max()])]
    found = [
        judge(
            line_ratio(ends, "epoch"), figure=FIGURE, kind="paper", id="halved", at_most=0.5,
            regime=[regimes.forgets(table, split(metric)[1])],
            claim=f"training at least halves the average rank, {at}",
        )
    ]  # fmt: skip
    for eps, bounded_rank in bounded(table).items():
        hidden = final(table)
        hidden = hidden[
            (hidden["metric"] == bounded_rank) & hidden["layer"].isin(["layer0", "layer1"])
        ]
        limit, drawn = bound(table, rank_bound_theorem, eps), bound(table, rank_bound_as_drawn, eps)
        found += [
            proved(
                hidden.assign(value=hidden["value"] / limit), figure=FIGURE, id=f"theorem-{eps}",
                at_most=1.0, statistic=f"rank of a layer at tolerance {eps} / the theorem's bound",
                claim=f"no rank at tolerance {eps} exceeds the theorem's bound",
                regime=[_speaks(table, limit)],
            ),
            judge(
                Statistic.of(f"average {metric} / bound drawn for eps {eps}",
                             final(curve).groupby("seed")["value"].max() / drawn),
                figure=FIGURE, kind="paper", id=f"below-drawn-bound-{eps}", at_most=1.0,
                claim=f"the average rank at {at} ends below the bound drawn for {eps}",
                regime=[_speaks(table, drawn)],
                note=f"as the figure shows it; the bound itself is on the rank at {eps}",
            ),
        ]  # fmt: skip
    return found


def bound(table: pd.DataFrame, of: Callable[..., float], eps: float) -> float:
    """Return a bound at the setting of the runs."""
    first = table.iloc[0]
    return of(int(first["batch_size"]), first["lr"], first["weight_decay"], eps)


def _speaks(table: pd.DataFrame, limit: float) -> Condition:
    """A bound above the width is met by every matrix."""
    return regimes.condition("the bound is below the width", limit / float(table["width"].iloc[0]),
                             "bound / width", at_most=1.0)  # fmt: skip


def rows(table: pd.DataFrame, metric: str, layer: str = "average") -> pd.DataFrame:
    """Return one metric of one layer at every epoch."""
    return table[(table["metric"] == metric) & (table["layer"] == layer)]


def draw(table: pd.DataFrame) -> Figure:
    """Draw rank and bounds against epochs; accuracies beside them."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    for metric, look in zip(tolerances(table, ["rank_fro"]), cycle(DRAWN)):
        label = f"average rank, {split(metric)[1]:g}"
        style.band(left, rows(table, metric), "epoch", label, look, "rank")
    for (eps, metric), colour in zip(bounded(table).items(), cycle(COLOURS)):
        style.band(
            left,
            rows(table, metric),
            "epoch",
            f"rank at ε = {eps}, spectral norm",
            (colour, ""),
            "rank",
        )
    bounds(left, table)
    left.set(yscale="log", xlabel="completed epochs", ylabel="average rank")
    for metric in ("train_accuracy", "test_accuracy"):
        style.band(right, rows(table, metric, "network"), "epoch", metric.replace("_", " "),
                   style.SERIES[metric], "accuracy")  # fmt: skip
    right.set(xlabel="completed epochs", ylabel="accuracy", ylim=(0, 1.02))
    points = _published.reported(table, PAPER, "6")
    if points is not None:
        # The paper labels a record by the epoch after it was taken: 10 is the untrained network.
        _published.draw(left, points.assign(x=points["x"] - 10), ["average"], "rank")
    right.legend(loc="lower right")
    style.legend(fig, left, loc="outside right center", ncols=1)
    return fig


def bounds(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the bounds: as the paper draws them, and as the theorem has it for this optimiser."""
    run = table.iloc[0]
    setting = int(run["batch_size"]), float(run["lr"]), float(run["weight_decay"])
    for eps, colour in zip(bounded(table), cycle(COLOURS)):
        kinds = (
            ("bound as drawn", "--", rank_bound_as_drawn),
            ("theorem's bound", ":", rank_bound_theorem),
        )
        for name, line, bound in kinds:
            value = bound(*setting, eps)
            ax.axhline(value, color=colour, linestyle=line, linewidth=1, label=f"{name}, ε = {eps}")
            style.note(ax, panel="rank", series=f"{name}, eps={eps}", mean=value)
    ax.axhline(run["width"], color="#999999", linewidth=0.8, label="width")
