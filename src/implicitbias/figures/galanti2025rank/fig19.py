"""Final singular values of the layers, by batch size (VGG-16).

Figure 18 for layers 1 to 12 of VGG-16; the runs of panel (c) of figure 13, learning rate 1e-2 and
weight decay 4e-4. At scale `small` the runs are those of its panel (b).
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _spectra

PAPER = {
    **_convnets.VGG, "batch_size": [4, 8, 16, 32, 64, 128], "lr": [1e-2], "weight_decay": [4e-4],
}  # fmt: skip
LAYERS = range(1, 13)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Large values fall and small ones grow with the batch, around one crossing."""
    return _spectra.claims(table, "galanti2025rank/fig19", LAYERS)


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels: layers; x: index of the singular value; log y."""
    return _spectra.draw(table, LAYERS, 4)
