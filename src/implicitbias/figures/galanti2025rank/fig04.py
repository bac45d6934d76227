"""Rank against batch size, by learning rate and weight decay (ResNet-18).

Final rank of layers 1, 4, 8 and 11 (counted from 0) and of the average over the 17 measured
convolutions, and final accuracies below. The pairs are (a) 1e-3, 6e-3; (b) 5e-3, 6e-3; (c) 1e-2,
4e-4. The paper's claim: all networks fit the training set, and the smaller the batch, the lower the
rank and the better the test accuracy.

The caption gives tolerance 1e-3; the plotted ranks are ranks at 0.05 (they equal the counts of
figure 18 above 0.05 for the four layers at every batch size). An untrained network has rank 125 of
227 at 0.05, so the large-batch end of each published curve is about the value at initialisation.
Dashed grey is ours: the same runs without weight decay. At scale `small` the pairs are 0.05, 0.02;
0.1, 0.02; 0.2, 0.01, at batch sizes up to 32 and tolerance 0.07, as in figure 2. An untrained
network has nearly full rank there, so these curves begin at full rank, whereas the published curves
begin at a lower value of the initialisation.
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
    as_published="rank_fro_5e-2", panel=lambda v: PANELS.get(v, ""),
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
