"""Do the norms of the layers settle? VGG-16, by batch size.

Figure 5 for every fourth of the 13 convolutions of VGG-16 at learning rate 5e-3, weight decay 5e-4
and batch sizes 8, 16, 32 and 64, the runs of panel (b) of figure 13. The paper's claim: the ratios
converge to 1; the published ones end at 0.999 to 1.000. The curves are as in figure 5. The runs are
scaled as in figure 13 and judged before the last cut of the learning rate, as in figure 5. Weight
decay also acts on the biases of the convolutions, which are not in these norms.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _norms

PAPER = {
    **_convnets.VGG, "batch_size": [8, 16, 32, 64], "lr": [5e-3], "weight_decay": [5e-4],
}  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge, at each batch size, ratios near 1 and norms that have settled."""
    return _norms.claims(table, "galanti2025rank/fig17", "batch_size")


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, against completed epochs."""
    return _norms.draw(table, "batch_size", (0, 4, 8, 12))
