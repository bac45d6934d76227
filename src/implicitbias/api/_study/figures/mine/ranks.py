"""Rank and training accuracy against weight decay.

The mean over the hidden layers at the end of training, with a line for each value of other fields
that vary. This docstring is the caption in the report; `claims` judges sentences that were written
down before the runs; `draw` draws.
"""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from implicitbias.analysis import regimes
from implicitbias.analysis.claims import Claim
from implicitbias.analysis.judge import trend
from implicitbias.analysis.tables import final
from implicitbias.figures import generic, style

PAPER: dict[str, object] = {}  # what a paper ran, to say in captions how these runs differ
NEEDS = ("rank_fro_1e-2", "train_accuracy")  # a config without them is refused while planning


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls as weight decay grows."""
    learnt, left_out = regimes.learnt(table)
    rows = final(learnt)
    return [
        trend(
            rows[(rows["metric"] == NEEDS[0]) & (rows["layer"] == "average")],
            figure="mine/ranks",
            id="falls-with-decay",
            kind="ours",
            claim="the rank falls as weight decay grows",
            x="weight_decay",
            direction="falls",
            by=generic.besides(table, "weight_decay"),
            regime=[regimes.runs(learnt)],
            note=left_out,
        )
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw two panels against weight decay."""
    rows, lines = final(table), generic.besides(table, "weight_decay")
    figure, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.4), layout="constrained")
    for ax, metric, layer in zip(axes, NEEDS, ("average", "network"), strict=True):
        shown = rows[(rows["metric"] == metric) & (rows["layer"] == layer)]
        generic.panel(ax, shown, "weight_decay", lines, metric)
        ax.set(xlabel="weight decay", ylabel=metric.replace("_", " "))
    if lines:
        style.legend(figure, ncols=1)
    return figure
