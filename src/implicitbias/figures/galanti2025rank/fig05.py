"""Do the norms of the layers settle? ResNet-18, by learning rate.

Above: the Frobenius norm of every fourth layer (counted from 0) at a record over the norm at the
record before, which is 10 epochs earlier in the paper and two at scale `small`, at batch size 8 and
weight decay 5e-4. The paper's claim: the ratios converge to 1, as its theorem assumes for norms
that are one step apart.

The rest is ours. Dotted: the ratio under weight decay alone. Below: the change of the log norm per
step in units of pure decay. The value 1 is a norm that only decays, for which the theorem's
inequality is empty; 0 is a norm that has settled. In the published curves the norms at learning
rates 0.01 and 0.1 shrink until the end at exactly the rate of decay, by factors of 0.997 and 0.976
in 10 epochs, which looks like 1 because the learning rate has been cut to 0.008 of its initial
value. The change between two records gives only the mean over the steps between them. Dashed grey:
the mean over all 17 layers without weight decay. Values beyond -0.5 and 1.5 units are not shown;
vertical lines are cuts of the learning rate. The caption's tolerance does not affect these curves.
Scaled as figure 2.

Both claims are about the last record before the last cut of the rate. Before the runs of scale
`small` were seen, they were about the last two records, where decay hardly changes a norm.

At scale `small`, on three rates of the grid of figure 2, every norm shrinks at exactly the rate of
decay once the learning rate is cut. Before the first cut, norms shrink at nearly this rate at the
lowest learning rate, and at the largest they nearly come to rest.
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
