"""Rank against learning rate at batch sizes 4, 8 and 16 (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0 over the 17 measured convolutions) and of
their average over all 17, and final accuracies below. The paper's claim: the larger the learning
rate, the lower the rank. Its networks have LeakyReLU of slope 0.01, weight decay 5e-4, and a rank
at tolerance 1e-3; of its runs the one with batch size 4 and learning rate 2 has collapsed to
chance. Test accuracy falls as well.

Dashed grey is ours: the same runs without weight decay. So is tolerance 0.05, that of figures 4
and 13. At scale `small` the network has an eighth of the width, and learning rates are a fifth,
weight decays 50 times the paper's: at its own rates so narrow a network does not train at batch
size 4, even without decay. The total decay exponent, sum of lr x weight_decay over steps, is a
hundredth of the paper's at every point, so much more of the initialisation is left.

At scale `small` nearly nothing falls at tolerance 1e-3, for a trained network at least: values
that small need the initialisation to be forgotten to a thousandth.
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
