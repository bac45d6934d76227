"""Rank against batch size at three pairs of learning rate and weight decay (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0) and of the average over the 17 measured
convolutions, and final accuracies below. The pairs are (a) 1e-3, 6e-3; (b) 5e-3, 6e-3; (c) 1e-2,
4e-4. The paper's claim: all networks fit the training set, and the smaller the batch, the lower
the rank and the better the test accuracy.

The caption gives tolerance 1e-3; the plotted ranks are those at 0.05 (they equal the counts of
figure 18 above 0.05 for the four layers at every batch size), where an untrained network has 125
of 227: the large-batch end of each published curve is about the value at initialisation. Dashed
grey is ours: the same runs without weight decay. At scale `small` learning rates are 20 and
weight decays 10 times the paper's, so that so few steps fit the training set; the total decay
exponent, sum of lr x weight_decay over steps, is a fifth of the paper's at every point. So narrow
a network has, untrained, full rank at 0.05, too.

At scale `small` there is a third tolerance, 0.14. Singular values of a random matrix over its
norm are of the order of 1/sqrt(width), so at an eighth of the width 0.05 sqrt(8) = 0.14 is what
0.05 is at full width: an untrained network has 0.56 of its full rank at the one, and 0.55 at the
other. It was added when the first two had been seen. At 0.14 smaller batches lower the rank
somewhat without decay, too: they make more steps.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _rank_claims

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.0, "batch_size": [4, 8, 16, 32, 64, 128],
    "lr": [1e-3, 5e-3, 1e-2], "weight_decay": [4e-4, 6e-3],
}  # fmt: skip
PANELS = {
    (1e-3, 6e-3): "a mu=1e-3 lam=6e-3", (5e-3, 6e-3): "b mu=5e-3 lam=6e-3",
    (1e-2, 4e-4): "c mu=1e-2 lam=4e-4",
}  # fmt: skip
LAYOUT = _convnets.Layout(
    "4", PAPER, by=("lr", "weight_decay"), x="batch_size", layers=(1, 4, 8, 11),
    as_published="rank_fro_5e-2", scaled="rank_fro_1.4e-1", panel=lambda v: PANELS.get(v, ""),
    title=lambda v: f"lr {v[0]:g}, weight decay {v[1]:g}",
)  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Smaller batches lower the rank, all fit, test accuracy gains; without decay no rank falls."""
    return [*_rank_claims.of_batch_sizes(table, LAYOUT), *_rank_claims.fidelity(table, LAYOUT)]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the pairs of learning rate and weight decay, against batch
    size.
    """
    return _convnets.draw(table, LAYOUT)
