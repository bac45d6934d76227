"""Neural collapse over training: NC1, NC3, and NC2 of norms and of angles, two classes.

Numbered as in the author manuscript. Two classes are trained with weight-normalised layers, decay
5e-4 on the last layer, and a stepped learning rate. The paper does not name the network; ours is
that of the first author's code without its batch normalisation. NC1 is tr(Sigma_W Sigma_B^+). NC2
has two panels, the standard deviation over the mean of the norms, and |1 + cos| of the two vectors,
for the class means (red) and for the rows of the last layer (blue). NC3 is the squared distance
between the last layer and the class means, each divided by its norm; the axis of the paper's panel
shows this square. Hollow points are the published curves, where they were read, at the same share
of training. Dashed lines are runs without decay, which the paper does not draw.

For two classes the centred means are opposite for every network. The red curves therefore lie at
rounding error, in the paper as in our runs, and say nothing. NC1 falls by two orders of magnitude.
The rows of the last layer come nearer to equal norms and opposite directions, and stay far from
both.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes, worst
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _weight_norm as wn

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "classes": "[1, 2]", "epochs": 750, "lr": 0.067, "batch_size": 128,
    "weight_decay": [0.0, 0.0005],
}  # fmt: skip
FIGURE = "xu2023dynamics/fig09"
NEEDS = (
    "nc1", "nc3", "nc2_equinorm_features", "nc2_equinorm_weights", "nc2_equiangle_features",
    "nc2_equiangle_weights", "train_accuracy",
)  # fmt: skip
MEANS, ROWS = (style.VERMILION, "s"), (style.BLUE, "o")
# panel: metric, look, and the published panel and series
PANELS: dict[str, tuple[tuple[str, str, tuple[str, str], tuple[str, str]], ...]] = {
    "NC1": (("nc1", "tr(Sw Sb+)", ROWS, ("NC1", "tr(SW SB^-1)")),),
    "NC3": (("nc3", "last layer and means", ROWS, ("NC3", "")),),
    "NC2, norms": (
        ("nc2_equinorm_features", "class means", MEANS, ("NC2 equinorm", "class means")),
        ("nc2_equinorm_weights", "rows of the last layer", ROWS, ("NC2 equinorm", "classifiers")),
    ),
    "NC2, angles": (
        ("nc2_equiangle_features", "class means", MEANS, ("NC2 equiangle", "class means")),
        ("nc2_equiangle_weights", "rows of the last layer", ROWS, ("NC2 equiangle", "classifiers")),
    ),
}  # fmt: skip
JUDGED = {
    "nc1": "NC1",
    "nc2_equinorm_weights": "NC2 of norms",
    "nc2_equiangle_weights": "NC2 of angles",
}
EARLY = 50 / 750  # share of training from which NC2 falls in the paper


def at(rows: pd.DataFrame, metric: str, share: float) -> pd.Series:
    """Return a measure, by seed, at the first record from a share of training on; 1 is the end."""
    part = rows[(rows["metric"] == metric) & (rows["epoch"] > 0)]
    part = part[part["epoch"] >= share * part["epochs"]].sort_values("epoch")
    found: pd.Series = part.drop_duplicates("run").set_index("seed")["value"]
    return found


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the fall of each measure, the effect of decay, and that NC2 of means is vacuous."""
    decayed, plain = table[table["weight_decay"] > 0], table[table["weight_decay"] == 0]
    fitted = regimes.fit(decayed)
    found = [
        judge(Statistic.of("NC1 at the end / after the first recorded epoch",
                           at(decayed, "nc1", 1) / at(decayed, "nc1", 0), log=True),
              figure=FIGURE, kind="paper", id="nc1-falls", at_most=0.1, regime=[fitted],
              reference="figure 9: 0.0087", claim="NC1 falls to a tenth of its first value"),
    ]  # fmt: skip
    for metric, words in JUDGED.items():
        found.append(
            judge(Statistic.of(f"{words} at the end / after a fifteenth of training",
                               at(decayed, metric, 1) / at(decayed, metric, EARLY), log=True),
                  figure=FIGURE, kind="paper", at_most=1.0, regime=[fitted],
                  id=f"{metric.replace('_', '-')}-falls-late",
                  reference="figure 9: 0.30, 0.63 and 0.59 from epoch 50 to 750",
                  claim=f"{words} goes on falling to the end")
        )  # fmt: skip
    found.append(
        judge(Statistic.of("NC1 at the end, with / without decay",
                           at(decayed, "nc1", 1) / at(plain, "nc1", 1), log=True),
              figure=FIGURE, kind="ours", id="decay-lowers-nc1", at_most=1.0, regime=[fitted],
              claim="NC1 ends lower with decay than without")
    )  # fmt: skip
    vacuous = table[table["metric"].isin(["nc2_equinorm_features", "nc2_equiangle_features"])]
    found.append(
        worst.proved(vacuous[vacuous["value"].notna()], figure=FIGURE, id="nc2-of-means-vacuous",
                     at_most=1e-5, statistic="NC2 of centred class means",
                     reference="figure 9: 1.6e-6, 1.4e-5",
                     claim="for two classes NC2 of the class means is 0 whatever the network does")
    )  # fmt: skip
    return found


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's two by two panels."""
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.6), layout="constrained", sharex=True)
    for ax, (panel, series) in zip(axes.flat, PANELS.items(), strict=True):
        for metric, words, look, (there, name) in series:
            _curves(ax, table[table["metric"] == metric], words, look, panel)
            points = wn.points("9", there, name)
            if len(points):
                wn.theirs(ax, table, points, panel, PAPER)
        ax.set_title(panel)
    for ax in axes[0]:
        ax.set_yscale("log")
    for ax in axes[1]:
        ax.set_xlabel("epoch")
        ax.set_ylim(bottom=0)
    style.legend(fig, axes[1][0], ncols=2)
    return fig


def _curves(ax: Axes, rows: pd.DataFrame, words: str, look: tuple[str, str], panel: str) -> None:
    for decay, part in rows[rows["epoch"] > 0].groupby("weight_decay"):
        line, shown = ("-", words) if float(str(decay)) > 0 else ("--", f"{words}, no decay")
        style.band(ax, part, "epoch", shown, (look[0], ""), panel, linestyle=line)
