"""Rank against learning rate, by batch size (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0 over the 17 measured convolutions) and of their
average over all 17, and final accuracies below. The paper's claim: the larger the learning rate,
the lower the rank. Its networks have LeakyReLU of slope 0.01, weight decay 5e-4, and its ranks are
at tolerance 1e-3. Its run with batch size 4 and learning rate 2 has collapsed to chance. Test
accuracy falls as well.

Dashed grey is ours: the same runs without weight decay. Grey crosses are networks at chance. At
scale `small` the network has an eighth of the width, and learning rates and weight decay are points
of one grid that this figure shares with figures 1, 3 to 5 and 12. Its ranks are judged at tolerance
0.07, the largest of 0.01, 0.02, 0.05, 0.07 and 0.1 at which the untrained network has 99% of its
full rank. At 1e-3 a singular value counts until the initialisation has decayed to a thousandth, for
which this training is too short.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _rank_claims

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.01, "batch_size": [4, 8, 16], "lr": [0.1, 0.5, 1, 2],
    "weight_decay": [5e-4],
}  # fmt: skip
LAYOUT = _convnets.Layout(
    "2", PAPER, by=("batch_size",), x="lr", layers=(1, 4, 8, 11), log=False,
    as_published="rank_fro_1e-3", panel=lambda b: f"B={b:g}",
    title=lambda b: f"batch size {b:g}",
)  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Larger rates and smaller batches lower the rank, and do not without decay."""
    return [
        _rank_claims.falls(table, LAYOUT, "lr", ["batch_size"]),
        _rank_claims.falls(table, LAYOUT, "batch_size", ["lr"]),
        _rank_claims.flat_without_decay(table, LAYOUT, "lr", ["batch_size"]),
        _rank_claims.flat_without_decay(table, LAYOUT, "batch_size", ["lr"]),
        *_rank_claims.fidelity(table, LAYOUT),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against learning rate, linear as in the
    paper.
    """
    return _convnets.draw(table, LAYOUT)
