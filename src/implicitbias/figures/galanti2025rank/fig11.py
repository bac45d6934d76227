"""Rank of a ViT during training, by weight decay and batch size.

Figure 10 at one learning rate (in the paper its largest), with a curve per weight decay; dashed
grey: no decay. The paper's claim: the more weight decay the lower the rank, and without it the
batch size hardly matters (295, 302 and 307 of 314 at batch sizes 32, 64 and 128).

Matrices and tolerance are as in figure 10. At scale `small` the learning rate is 0.1, with three
decays at batch sizes 4, 8 and 16.
"""

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from .._rank_claims import falls, flat_without_decay
from . import _vit

PAPER = {
    **_vit.PAPER, "batch_size": [32, 64, 128], "lr": 0.04,
    "weight_decay": [0, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3],
}  # fmt: skip
FIGURE = "galanti2025rank/fig11"
NEEDS = ("train_accuracy",)


def claims(table: pd.DataFrame) -> list[Claim]:
    """The rank falls with weight decay; without it the batch size matters little."""
    metric = _vit.judged_metric(table)
    return [
        falls(table, FIGURE, "weight_decay", ["batch_size"], metric, least=_vit.LEARNT),
        flat_without_decay(table, FIGURE, "batch_size", (), metric, least=_vit.LEARNT),
        *_vit.phases(table, FIGURE, ["batch_size", "weight_decay"]),
        *_vit.fidelity(table, "11", "batch_size", "weight_decay"),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw panels, a column for each of the batch sizes, a curve for each of the weight decays."""
    return _vit.draw(table, "11", "batch_size", "B", "weight_decay")
