"""Rank during training of a wide MLP-BN beside the theorem's bound.

Left: average rank of the two hidden matrices against completed epochs, with the bounds for eps =
0.3, 0.5 and 0.7; right: training and test accuracy. The paper trains MLP-BN-2-10000 with batch size
6, learning rate 0.1 and weight decay 8e-3 for 500 epochs, and draws the bounds below the width of
10,000 to show that they say something.

Dashed: B log(1/eps) / (2 lr weight_decay), as the paper draws it. Dotted: B log(2/eps) / (lr
weight_decay), the theorem in the convention of the optimiser that was run, four times as high at
eps = 0.5; where it exceeds the width it says nothing. The bound at eps is one on the rank at
relative tolerance eps in the spectral norm, which is drawn too; the paper's curve is the rank at
1e-3 in the Frobenius norm. At scale `small` the network is 10 times narrower and the decay 10 times
stronger, which keeps each bound's ratio to the width.

The total decay exponent, sum of lr x weight_decay over steps, is 22 there and 489 in the paper:
short of its range, but a share e^-22 of the initialisation is already nothing in float32.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim, Statistic, judge, relative_change
from ...analysis.tables import final
from ...metrics.rank_bound import rank_bound_as_drawn, rank_bound_theorem
from .. import style
from .._ranks import part, split, tolerances
from . import _published

PAPER = {
    "dataset": "cifar10", "depth": 2, "width": 10000, "epochs": 500, "batch_size": 6, "lr": 0.1,
    "weight_decay": 8e-3, "momentum": 0.0,
}  # fmt: skip
FIGURE = "galanti2025rank/fig06"
NEEDS = ("train_accuracy", "test_accuracy")
COLOURS = (style.SKY, style.GREEN, style.ORANGE, style.PURPLE, style.YELLOW)  # of bounds
DRAWN = (style.SERIES["average"], (style.BLUE, "s"), (style.VERMILION, "^"))  # of ranks


def bounded(table: pd.DataFrame) -> dict[float, str]:
    """Return the eps of the bounds that are drawn, and the rank that each is a bound on."""
    return {split(metric)[1]: metric for metric in tolerances(table, ["rank_spec"])}


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls far, the theorem holds at each eps, the drawn bounds lie above the rank."""
    drawn = tolerances(table, ["rank_fro"])
    judged = []
    for metric, at in drawn.items():
        ends = rows(table, metric)
        ends = ends[ends["epoch"].isin([0, ends["epoch"].max()])]
        judged.append(
            judge(
                relative_change(ends, x="epoch"), figure=FIGURE, id=f"halved-{part(metric)}",
                claim=f"training at least halves the average rank, {at}", at_least=0.5,
            )
        )  # fmt: skip
    for eps, metric in bounded(table).items():
        hidden = final(table)
        hidden = hidden[(hidden["metric"] == metric) & hidden["layer"].isin(["layer0", "layer1"])]
        judged.append(
            judge(
                ratio(hidden, rank_bound_theorem, eps, f"largest {metric} of a layer / bound"),
                figure=FIGURE, id=f"theorem-{eps}", at_most=1.0,
                claim=f"no rank at tolerance {eps} exceeds the theorem's bound",
            )
        )  # fmt: skip
        for average, at in drawn.items():
            sentence = f"average {average} / drawn bound"
            judged.append(
                judge(
                    ratio(final(rows(table, average)), rank_bound_as_drawn, eps, sentence),
                    figure=FIGURE, id=f"below-drawn-bound-{eps}-{part(average)}", at_most=1.0,
                    claim=f"the average rank at {at} ends below the bound drawn for {eps}",
                    note=f"as the figure shows it; the bound itself is on the rank at {eps}",
                )
            )  # fmt: skip
    return judged


def ratio(values: pd.DataFrame, bound: object, eps: float, sentence: str) -> Statistic:
    """Return the largest value over the bound, for each seed."""
    assert callable(bound)
    first = values.iloc[0]
    limit = bound(int(first["batch_size"]), first["lr"], first["weight_decay"], eps)
    by_seed = values.groupby("seed")["value"].max(numeric_only=True) / limit
    return Statistic.of(f"{sentence} for eps {eps}", by_seed)


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
        style.band(left, rows(table, metric), "epoch", f"at {eps}, spectral", (colour, ""), "rank")
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
        kinds = (("as drawn", "--", rank_bound_as_drawn), ("theorem", ":", rank_bound_theorem))
        for name, line, bound in kinds:
            value = bound(*setting, eps)
            ax.axhline(value, color=colour, linestyle=line, linewidth=1, label=f"{name}, {eps}")
            style.note(ax, panel="rank", series=f"bound {name}, eps={eps}", mean=value)
    ax.axhline(run["width"], color="#999999", linewidth=0.8, label="width")
