"""1/rho and test error against the share of random training labels.

Numbered as in the author manuscript. Networks and rho are as in figure 3, with initial norm 1 and
lambda 0.001; bars are means over seeds. A share r of the training labels is permuted among
themselves, as in the first author's code, so about r / 2 of the labels of two classes are wrong.
The paper does not say how it draws its random labels. The bar at 0% is that of figure 5. At r =
100% the paper's runs did not converge.

With more random labels 1/rho, which is the margin of a network that fits, falls, and the test error
rises towards 1/2, while the training set stays fitted.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import trend
from .. import style
from . import _weight_norm as wn

PAPER: dict[str, Any] = {**wn.PAPER, "label_noise": [0.0, 0.2, 0.4, 0.6, 0.8], "init_norm": 1.0,
                         "weight_decay": 0.002}  # fmt: skip
FIGURE = "xu2023dynamics/fig04"
NEEDS = ("fro_norm", "train_accuracy", "test_accuracy")
X = "label_noise"


def inverse(table: pd.DataFrame) -> pd.DataFrame:
    """Return 1/rho at the end, a row per run."""
    rows = wn.late(wn.curve(table, "top"))
    return rows.assign(value=1 / rows["value"], metric="1/rho")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge both directions, over the networks that fit their labels."""
    table, left = regimes.learnt(table, regimes.FIT)
    fitted = regimes.several(table, X, "networks that fit their labels")
    left = "; ".join(filter(None, [left, regimes.LATE]))
    error = wn.late(wn.curve(table, "test_error"))
    return [
        trend(inverse(table), figure=FIGURE, kind="paper", id="margin-falls-with-random-labels",
              x=X, direction="falls", regime=[fitted], reference="figure 4, left",
              note=left,
              claim="1/rho falls as more labels are random"),
        trend(error, figure=FIGURE, kind="paper", id="error-rises-with-random-labels", x=X,
              direction="rises", regime=[fitted], reference="figure 4, right",
              note=left,
              claim="the test error rises as more labels are random"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the paper's two panels of bars."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.7), layout="constrained")
    shares = sorted(table[X].unique())
    places = {float(v): float(i) for i, v in enumerate(shares)}
    green = (style.GREEN, "")
    wn.bars(left, inverse(table), X, places, "1/rho", green, "1/rho")
    for i, (name, colour) in enumerate(
        (("test_error", style.GREEN), ("train_error", style.ORANGE))
    ):
        rows = wn.late(wn.curve(table, name))
        beside = {v: at - 0.2 + 0.4 * i for v, at in places.items()}
        wn.bars(right, rows, X, beside, name.replace("_", " "), (colour, ""), "errors", 0.4)
    for ax, words in ((left, "1/rho"), (right, "error")):
        ax.set_xticks([*places.values()], [f"{100 * v:g}%" for v in shares])
        ax.set(xlabel="share of random labels r", ylabel=words)
    right.set_ylim(0, 0.55)
    right.legend(loc="upper left")
    return fig
