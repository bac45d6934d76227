"""Rank against weight decay, at the smaller batch sizes (MLP-BN).

Figure 7 for small batches, at the same learning rate 0.1 and without momentum. The paper's claim:
more weight decay, lower rank, and lower than in figure 7. At batch size 4 the paper's networks
hardly train (training accuracy 0.31 at best), and with the strongest decay they collapse to rank 0.

The caption's tolerance (1e-3) and the tolerance of the plotted numbers (near 0.03) are drawn.
Weight decay 0 is ours. The runs are scaled as in figure 7; batch size 4 is left out at scale
`small`, where it does not learn even without decay.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _mlp

PAPER = {
    **_mlp.PAPER, "batch_size": [4, 8, 16], "lr": 0.1,
    "weight_decay": [1e-4, 2e-4, 4e-4, 8e-4, 6e-3],
}  # fmt: skip
NEEDS = ("train_accuracy", "test_accuracy")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Weight decay lowers the rank; without it the batch size changes little."""
    return [
        *_mlp.decay_claims(table, "galanti2025rank/fig08"),
        *_mlp.fidelity_claims(table, "8", "batch_size", "weight_decay"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against weight decay."""
    return _mlp.panels(table, "8", "batch_size", "B", "weight_decay")
