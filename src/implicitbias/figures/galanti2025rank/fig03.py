"""Rank against weight decay, by batch size (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0) and of the average over the 17 measured
convolutions, and final accuracies below, at learning rate 1.5. The paper's claim: the more weight
decay, the lower the rank. At its strongest decay, 6e-3, its networks have collapsed to chance.

The authors' log has no run at learning rate 1.5, so the activation is not known; we use ReLU. The
caption's tolerance, 1e-3, agrees with the plotted ranks; 0.05 is the tolerance of figures 4 and 13.
The dashed grey level is ours: the same runs without weight decay. At scale `small` learning rate
0.2 stands for 1.5, with three decays, at the tolerance of figure 2 and with its LeakyReLU.

Grey crosses are networks at chance, which no claim counts. Once the gradient has vanished, all
weights shrink together, which does not change the normalised spectrum. In the paper the exponents
of such runs are in the thousands, so the weights underflow to zero, and the authors' code counts
NaN and the zero matrix as rank 0.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _rank_claims

PAPER = {
    **_convnets.RESNET, "lr": 1.5, "batch_size": [8, 16, 32],
    "weight_decay": [1e-4, 2e-4, 4e-4, 8e-4, 6e-3],
}  # fmt: skip
LAYOUT = _convnets.Layout(
    "3", PAPER, by=("batch_size",), x="weight_decay", layers=(1, 4, 8, 11),
    as_published="rank_fro_1e-3", panel=lambda b: f"B={b:g}",
    title=lambda b: f"batch size {b:g}",
)  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Weight decay and smaller batches lower the rank; without decay the batch changes little."""
    return [
        _rank_claims.falls(table, LAYOUT, "weight_decay", ["batch_size"]),
        _rank_claims.falls(table, LAYOUT, "batch_size", ["weight_decay"]),
        _rank_claims.flat_without_decay(table, LAYOUT, "batch_size"),
        *_rank_claims.fidelity(table, LAYOUT),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against weight decay."""
    return _convnets.draw(table, LAYOUT)
