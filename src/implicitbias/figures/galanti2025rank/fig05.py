"""Do the norms of the layers settle? ResNet-18, by learning rate.

Above: the Frobenius norm of every fourth layer (counted from 0) at a record over that at the
record before, 10 epochs earlier in the paper and two at scale `small`, at batch size 8 and weight
decay 5e-4. The paper's claim: the ratios converge to 1, as its theorem assumes of norms one step
apart.

Ours is the rest. Dotted: what weight decay alone would leave. Below: the change of log norm per
step in units of pure decay's. 1 is a norm that only decays, and then the theorem's inequality is
empty; 0 is a norm that has settled. In the published curves the norms at learning rates 0.01 and
0.1 shrink to the end at just the rate of decay, 0.997 and 0.976 in 10 epochs, which looks like 1
because the rate has been cut to 0.008 of its start. The change between two records says nothing of
the steps between them but their mean. Dashed grey: the mean over all 17 layers without weight
decay. Values beyond -0.5 and 1.5 units are not shown, verticals are cuts of the rate. The
caption's tolerance has no bearing on these curves. Scaled as figure 2.

Both claims are about the last record before the last cut of the rate. Until the runs of scale
`small` were seen they were about the last two records, where decay hardly moves a norm.

At scale `small`, on three rates of the grid of figure 2, every norm shrinks at just the rate of
decay once the learning rate is cut. Before the first cut it does nearly so at the lowest rate, and
at the largest the norms come near to rest.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _norms

PAPER = {
    **_convnets.RESNET, "negative_slope": 0.0, "batch_size": [8], "lr": [0.01, 0.1, 0.5, 1],
    "weight_decay": [5e-4],
}  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge, at each learning rate, ratios near 1 and norms that have settled."""
    return _norms.claims(table, "galanti2025rank/fig05", "lr")


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the learning rates, against completed epochs."""
    return _norms.draw(table, "lr", (0, 4, 8, 12, 16))
