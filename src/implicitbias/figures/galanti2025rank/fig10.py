"""Rank of a ViT during training, by batch size and learning rate.

Average rank of six matrices against completed epochs, a curve per batch size from light to dark, in
the paper from 2 to 128 at weight decay 5e-4. The paper's claim: a phase in which the rank falls
without a rise, and then a stable one; the smaller the batch and the larger the learning rate, the
lower the final rank. Its own curves at learning rate 0.04 and small batches fall at once and then
rise, from 58 to 97 at batch size 2.

It is not known which six matrices the paper averages; we take W_Q, W_K and W_V of each attention
layer as one matrix. The tolerance is not known either: the caption says 1e-3, at which a random
network of this kind has full rank, while the published curves begin at 314. Our matrices have this
rank at 0.037, so both tolerances are drawn. The last row is ours: a low rank says nothing where a
network does not learn. Grey curves are networks with a final training accuracy under 0.5.

At scale `small` the network has a sixteenth of the width and sees 4 patches of 256 digits of 8x8,
without dropout, at batch sizes 4 to 32, learning rates 0.05 to 0.2 and weight decay 0.03. At
tolerance 0.07 the untrained network has full rank, 32, so any missing rank was lost in training.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from .._rank_claims import falls
from . import _vit

PAPER = {
    **_vit.PAPER, "batch_size": [2, 4, 8, 16, 32, 64, 128], "lr": [0.004, 0.008, 0.04],
    "weight_decay": 5e-4,
}  # fmt: skip
FIGURE = "galanti2025rank/fig10"
NEEDS = ("train_accuracy",)


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls with smaller batches and larger rates; it falls, and then it is stable."""
    metric = _vit.judged_metric(table)
    return [
        falls(table, FIGURE, "batch_size", ["lr"], metric, least=_vit.LEARNT),
        falls(table, FIGURE, "lr", ["batch_size"], metric, least=_vit.LEARNT),
        *_vit.phases(table, FIGURE, ["lr", "batch_size"]),
        *_vit.fidelity(table, "10", "lr", "batch_size"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the learning rates, a curve for each of the batch sizes."""
    return _vit.draw(table, "10", "lr", "mu", "batch_size")
