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

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import published
from ...analysis.claims import Claim, Statistic, judge, relative_change
from ...analysis.tables import final
from ...metrics.rank_bound import rank_bound_as_drawn, rank_bound_theorem
from .. import comparable, style

PAPER = {
    "dataset": "cifar10", "depth": 2, "width": 10000, "epochs": 500, "batch_size": 6, "lr": 0.1,
    "weight_decay": 8e-3, "momentum": 0.0,
}  # fmt: skip
FIGURE = "galanti2025rank/fig06"
NEEDS = (
    "rank_fro_1e-3", "rank_spec_3e-1", "rank_spec_5e-1", "rank_spec_7e-1", "train_accuracy",
    "test_accuracy",
)  # fmt: skip
BOUNDS = {0.3: ("rank_spec_3e-1", style.SKY), 0.5: ("rank_spec_5e-1", style.GREEN),
          0.7: ("rank_spec_7e-1", style.ORANGE)}  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls far, the theorem holds at each eps, the drawn bounds lie above the rank."""
    drawn = rows(table, "rank_fro_1e-3")
    found = [
        judge(
            relative_change(drawn[drawn["epoch"].isin([0, drawn["epoch"].max()])], x="epoch"),
            figure=FIGURE,
            claim="training at least halves the average rank, tolerance 0.001",
            at_least=0.5,
        )
    ]
    for eps, (metric, _) in BOUNDS.items():
        hidden = final(table)
        hidden = hidden[(hidden["metric"] == metric) & hidden["layer"].isin(["layer0", "layer1"])]
        found.append(
            judge(
                ratio(hidden, rank_bound_theorem, eps, f"largest {metric} of a layer / bound"),
                figure=FIGURE,
                claim=f"no rank at tolerance {eps} exceeds the theorem's bound",
                at_most=1.0,
            )
        )
        found.append(
            judge(
                ratio(
                    final(drawn), rank_bound_as_drawn, eps, "average rank_fro_1e-3 / drawn bound"
                ),
                figure=FIGURE,
                claim=f"the average rank at tolerance 0.001 ends below the bound drawn for {eps}",
                at_most=1.0,
                note=f"as the figure shows it; the bound itself is on the rank at {eps}",
            )
        )
    return found


def ratio(values: pd.DataFrame, bound: object, eps: float, sentence: str) -> Statistic:
    """Largest value over the bound, for each seed."""
    assert callable(bound)
    first = values.iloc[0]
    limit = bound(int(first["batch_size"]), first["lr"], first["weight_decay"], eps)
    by_seed = values.groupby("seed")["value"].max(numeric_only=True) / limit
    return Statistic(f"{sentence} for eps {eps}", {int(s): float(v) for s, v in by_seed.items()})


def rows(table: pd.DataFrame, metric: str, layer: str = "average") -> pd.DataFrame:
    """One metric of one layer at every epoch."""
    return table[(table["metric"] == metric) & (table["layer"] == layer)]


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """Rank and bounds against epochs; accuracies beside them."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    style.band(left, rows(table, "rank_fro_1e-3"), "epoch", "average rank, 0.001",
               style.SERIES["average"], "rank")  # fmt: skip
    for eps, (metric, colour) in BOUNDS.items():
        style.band(left, rows(table, metric), "epoch", f"at {eps}, spectral", (colour, ""), "rank")
    bounds(left, table)
    left.set(yscale="log", xlabel="completed epochs", ylabel="average rank")
    for metric in ("train_accuracy", "test_accuracy"):
        style.band(right, rows(table, metric, "network"), "epoch", metric.replace("_", " "),
                   style.SERIES[metric], "accuracy")  # fmt: skip
    right.set(xlabel="completed epochs", ylabel="accuracy", ylim=(0, 1.02))
    if comparable(table.drop_duplicates("run"), PAPER):
        theirs = published.points("galanti2025rank", "6").query("series == 'average'")
        # The paper labels a record by the epoch after it was taken: 10 is the untrained network.
        epochs = [x - 10 for x in theirs["x"]]
        style.points(left, epochs, list(theirs["y"]), "published", "rank")
    right.legend(loc="lower right")
    fig.legend(*left.get_legend_handles_labels(), loc="outside right center")
    return fig


def bounds(ax: Axes, table: pd.DataFrame) -> None:
    """Horizontal lines: as drawn in the paper, and as the theorem has it for this optimiser."""
    run = table.iloc[0]
    setting = int(run["batch_size"]), float(run["lr"]), float(run["weight_decay"])
    for eps, (_, colour) in BOUNDS.items():
        kinds = (("as drawn", "--", rank_bound_as_drawn), ("theorem", ":", rank_bound_theorem))
        for name, line, bound in kinds:
            value = bound(*setting, eps)
            ax.axhline(value, color=colour, linestyle=line, linewidth=1, label=f"{name}, {eps}")
            style.note(ax, panel="rank", series=f"bound {name}, eps={eps}", mean=value)
    ax.axhline(run["width"], color="#999999", linewidth=0.8, label="width")
