"""rho and test error against the share of permuted training labels.

In the setting of Xu et al. (2023), as stand-ins in exp_rho; claim and shares are recalled, the
permutation is that of the authors' code: a share r of the training labels is permuted among
themselves, so about r / 2 of two classes' labels are wrong. Test labels are untouched; the
training error is that on the permuted labels.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import trend
from ...analysis.tables import final
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_random_labels"
NEEDS = ("rho", "train_accuracy", "test_accuracy")


def ends(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return final values of a quantity; `test_error` is 1 - test_accuracy."""
    rows = final(table)
    wanted = "test_accuracy" if name == "test_error" else name
    rows = rows[(rows["metric"] == wanted) & (rows["layer"] == "network")]
    value = 1 - rows["value"] if name == "test_error" else rows["value"]
    return rows.assign(value=value, metric=name)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge whether rho and the test error rise with the share of permuted labels."""
    judged: list[Claim] = []
    for name, text, part in (
        ("rho", "rho", "rho"), ("test_error", "test error", "test-error")
    ):  # fmt: skip
        judged.append(trend(
            ends(table, name), figure=FIGURE, x="label_noise", direction="rises",
            kind="paper", id=f"{part}-with-label-noise",
            claim=f"{text} rises with the share of permuted labels",
        ))  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw rho, and the test and training errors."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.7), layout="constrained")
    style.band(left, ends(table, "rho"), "label_noise", "rho", (style.BLACK, "o"), "rho")
    style.band(right, ends(table, "test_error"), "label_noise", "test error",
               style.SERIES["test_accuracy"], "errors")  # fmt: skip
    train = ends(table, "train_accuracy")
    style.band(right, train.assign(value=1 - train["value"]), "label_noise",
               "training error", style.SERIES["train_accuracy"], "errors")  # fmt: skip
    left.set(xlabel="share of permuted labels", ylabel="rho")
    right.set(xlabel="share of permuted labels", ylabel="error")
    right.legend()
    return fig
