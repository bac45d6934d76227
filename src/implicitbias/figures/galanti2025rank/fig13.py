"""Rank against batch size, by learning rate and weight decay (VGG-16).

Figure 4 for VGG-16 with batch normalisation: final rank of layers 4 and 8 (counted from 0) and of
the average over its 13 convolutions, and final accuracies below. The pairs are (a) 1e-3, 6e-3; (b)
5e-3, 5e-4; (c) 1e-2, 4e-4. The paper's claim: the smaller the batch, the lower the rank.

Of the layers that the paper draws, only layer 8 is known to us. The caption gives tolerance 1e-3;
layer 8 of panel (c) equals the counts of figure 19 above 0.05, at which an untrained network has
rank 130 of 322. No published points are at hand. Dashed grey is ours: the same runs without weight
decay. The runs are scaled as in figure 4.

At scale `small` the pairs are 0.02, 0.1 and 0.05, 0.05, at batch sizes 8, 16 and 32, for 24 epochs
and at tolerance 0.07, at which the untrained network has 99.6% of its full rank. Batch size 4 is
left out: in the last three layers, whose maps have one position, it gives batch normalisation only
four values, and the network does not fit the training set at any learning rate from 0.005 to 0.2,
with or without decay.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _rank_claims

PAPER = {
    **_convnets.VGG, "batch_size": [4, 8, 16, 32, 64, 128], "lr": [1e-3, 5e-3, 1e-2],
    "weight_decay": [4e-4, 5e-4, 6e-3],
}  # fmt: skip
LAYOUT = _convnets.Layout(
    "13", PAPER, by=("lr", "weight_decay"), x="batch_size", layers=(4, 8),
    as_published="rank_fro_5e-2", panel=str,
    title=lambda v: f"lr {v[0]:g}, weight decay {v[1]:g}",
)  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Smaller batches lower the rank, all fit, test accuracy gains; without decay no rank falls."""
    return _rank_claims.of_batch_sizes(table, LAYOUT)


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the pairs of learning rate and weight decay, against batch
    size.
    """
    return _convnets.draw(table, LAYOUT)
