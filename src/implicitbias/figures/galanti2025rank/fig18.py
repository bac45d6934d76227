"""Final singular values of the layers, by batch size (ResNet-18).

Singular values over the Frobenius norm, in descending order, of layers 1 to 15 (counted from 0);
the runs of panel (b) of figure 4, learning rate 5e-3 and weight decay 6e-3. The paper's claim: the
values split into large ones, which fall as the batch grows, and small ones, which grow, and the
index where the curves cross hardly depends on the batch size.

Squares sum to 1 in each curve, so two curves must cross somewhere. Grey is ours: the smallest and
the largest batch without weight decay. The claim about the large values concerns the largest one
alone, and the claim about the small values concerns the median. The runs are scaled as in figure 4.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _spectra

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.0, "batch_size": [4, 8, 16, 32, 64, 128], "lr": [5e-3],
    "weight_decay": [6e-3],
}  # fmt: skip
LAYERS = range(1, 16)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Large values fall and small ones grow with the batch, around one crossing."""
    return _spectra.claims(table, "galanti2025rank/fig18", LAYERS)


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels: layers; x: index of the singular value; log y."""
    return _spectra.draw(table, LAYERS, 5)
