"""Final NC1 to NC4 against batch size, learning rate and weight decay.

The paper has no such figure. Ten classes, one-hot targets, a perceptron without normalisation: one
of the three at a time around batch 25, rate 0.067 and decay 0.003, always 400 epochs, so larger
batches take fewer steps. No direction is known from the paper. Judged are those of the low-rank
bias (more collapse for smaller batches, larger rates, more decay) for nc1, and for NC3, the
distance of the last layer from the class means as they are, which one-hot targets without biases
ask for, and from the centred. They are judged in the terminal phase: every compared network fits
and its loss has settled. At scale small the strongest decay leaves examples unfitted, so that
nothing is judged along the decay; it would take a weaker one there, or networks that fit under it.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import trend
from ...analysis.tables import final
from .. import style
from . import _collapse

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9, "epochs": 750}
FIGURE = "xu2023dynamics/exp_collapse_hyper"
ADDED = "regime added after first verdicts were seen"
WORDS = {"batch_size": "batch size", "lr": "learning rate", "weight_decay": "weight decay"}
PARTS = {
    "nc1": "nc1", "nc3": "nc3", "nc3_uncentred": "nc3-uncentred", "batch_size": "batch-size",
    "lr": "lr", "weight_decay": "decay",
}  # of ids  # fmt: skip
JUDGED = {"nc1": "NC1", "nc3": "NC3, centred", "nc3_uncentred": "NC3, uncentred"}


def against(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return final values of the runs that differ from the middle in x alone."""
    rows = final(table)
    runs = rows.drop_duplicates("run")
    for field in WORDS:
        if field != x:
            rows = rows[rows[field] == runs[field].mode().iloc[0]]
    return rows


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the directions of the low-rank bias."""
    judged: list[Claim] = []
    for metric, words in JUDGED.items():
        for x, said in WORDS.items():
            rows = against(table, x)
            phase = regimes.terminal(table[table["run"].isin(rows["run"])])
            judged.append(trend(
                rows[rows["metric"] == metric], figure=FIGURE, x=x,
                direction="rises" if x == "batch_size" else "falls",
                kind="ours", id=f"{PARTS[metric]}-with-{PARTS[x]}",
                claim=f"{words} {'rises' if x == 'batch_size' else 'falls'} with {said}",
                regime=phase, note=ADDED,
            ))  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw a row per measure, a column per hyper-parameter; decay 0 at a third of the smallest."""
    panels = _collapse.PANELS
    fig, axes = plt.subplots(
        len(panels), len(WORDS), figsize=(style.PAGE, 6.6), sharex="col", sharey="row",
        layout="constrained",
    )  # fmt: skip
    for j, (x, words) in enumerate(WORDS.items()):
        rows = against(table, x)
        values = sorted(rows[x].unique())
        places = {v: v or values[1] / 3 for v in values}
        for i, (panel, measures) in enumerate(panels.items()):
            for metric, label in measures.items():
                part = rows[rows["metric"] == metric]
                style.band(axes[i][j], part, x, label, _collapse.LOOKS[label],
                           f"{panel} against {words}", places)  # fmt: skip
        axes[-1][j].set(xscale="log", xlabel=words)
        axes[-1][j].set_xticks([*places.values()], [f"{v:g}" for v in values])
        axes[-1][j].minorticks_off()
    for i, panel in enumerate(panels):
        axes[i][0].set_ylabel(panel)
        axes[i][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes[0][0].set_yscale("log")
    return fig
