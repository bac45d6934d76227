"""Rank against weight decay, at the larger batch sizes (MLP-BN).

Final rank of layers 1, 3 and 5 (counted from 0) and of the average over the ten hidden matrices,
and final accuracies below, at learning rate 0.1. The paper's claim: more weight decay, lower rank.

The paper's caption gives tolerance 1e-3 and momentum 0.9. Its plotted plateaus are the ranks of a
random network at a tolerance near 0.03, and its points at 4e-4 equal the points of figure 9, which
has no momentum. Our runs therefore have no momentum, and both tolerances are drawn. Weight decay 0
is ours. At scale `small` the weight decays are 40 times the paper's, because there are 40 times
fewer steps: the total decay exponent, sum of lr x weight_decay over steps, equals the paper's
within 5% for every point. This exponent determines how much of the initialisation is left.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _mlp

PAPER = {
    **_mlp.PAPER, "batch_size": [32, 64, 128], "lr": 0.1,
    "weight_decay": [1e-4, 2e-4, 4e-4, 8e-4, 6e-3],
}  # fmt: skip
NEEDS = ("train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Weight decay lowers the rank; without it the batch size changes little."""
    return [
        *_mlp.decay_claims(table, "galanti2025rank/fig07"),
        *_mlp.fidelity_claims(table, "7", "batch_size", "weight_decay"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against weight decay."""
    return _mlp.panels(table, "7", "batch_size", "B", "weight_decay")
