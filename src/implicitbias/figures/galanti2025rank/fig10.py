"""Rank of a ViT during training at seven batch sizes and three learning rates.

Average rank of six matrices against completed epochs, a curve per batch size from 2 (light) to 128
(dark), at weight decay 5e-4. The paper's claim: a phase in which the rank falls without a rise, and
then a stable one; the smaller the batch and the larger the learning rate, the lower it ends. Its
own curves at 0.04 and small batches fall at once and then rise, from 58 to 97 at batch size 2.

Which six matrices the paper averages is not known; here it is each attention layer's W_Q, W_K and
W_V as one. Nor is the tolerance: the caption says 1e-3, at which a random network of this kind has
full rank, while the published curves begin at 314. Our matrices have that rank at 0.037, so both
are drawn. The row below is ours: where a network does not learn, a low rank says nothing.

At scale `small` the network has a sixteenth of the width and sees 4 patches of 8x8 digits, without
dropout; learning rates are 5 times and weight decay 100 times the paper's, so that every point has
the paper's total decay exponent, sum of lr x weight_decay over steps, within 2%. The larger
tolerance is scaled by the square root of the width, as the singular values of a random matrix are.
Smaller batches than 8 are left out: at 4 and the largest rate no network learns.
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
