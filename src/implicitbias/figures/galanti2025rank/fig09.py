"""Rank against batch size, by learning rate (MLP-BN).

Final rank of layers 1, 3 and 5 (counted from 0) and of the average over the ten hidden matrices,
and final accuracies below. The paper's claim: the rank is lower for smaller batches and for larger
learning rates.

The paper's caption gives weight decay 5e-4; its plotted points belong to runs at 4e-4, which is our
value. The caption's tolerance (1e-3) and the tolerance of the plotted numbers (near 0.03) are
drawn. The runs are scaled as in figure 7; at scale `small` learning rate 0.2 stands for 0.5, at
which no network learns there at batch sizes up to 32.

At learning rate 0.5 some networks collapse: once a layer is dead, no batch has any variance in the
layers above, so batch normalisation divides by sqrt(1e-5), and rounding errors grow 316-fold per
layer until a weight is infinite. Such a run is recorded as diverged and has no rank.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from .._rank_claims import falls
from .._ranks import judged
from . import _mlp

PAPER = {
    **_mlp.PAPER, "batch_size": [4, 8, 16, 32, 64, 128], "lr": [0.01, 0.1, 0.5],
    "weight_decay": 4e-4,
}  # fmt: skip
FIGURE = "galanti2025rank/fig09"
NEEDS = ("train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Smaller batches and larger learning rates lower the average rank."""
    metric = judged(table, _mlp.AS_PUBLISHED)
    return [
        falls(table, FIGURE, "batch_size", ["lr"], metric),
        falls(table, FIGURE, "lr", ["batch_size"], metric),
        *_mlp.fidelity_claims(table, "9", "lr", "batch_size"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the learning rates, against batch size, linear as in the
    paper.
    """
    return _mlp.panels(table, "9", "lr", "mu", "batch_size")
