"""rho against epochs from several initial scales, with and without weight decay.

In the setting of Xu et al. (2023); what their figure shows is recalled, not read: with decay rho
comes to nearly one value from every start, without decay its end depends on the start. rho is the
product of the layers' Frobenius norms. With Lagrange multipliers every layer but the last has norm
1, so rho is the last layer's norm and the curves show both. Stand-ins: the network (four 3x3
convolutions of the authors' batch-normalised runs without normalisation and biases, narrow), two
classes of MNIST, 256 images, the initial scales (of the last layer), decay 0.01 for 960 steps
where 0.001 and 1,000 epochs are recalled. Mean squared error over both outputs, momentum 0.9.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9, "epochs": 1000}
FIGURE = "xu2023dynamics/exp_rho"
NEEDS = ("rho",)


def spread(table: pd.DataFrame, decays: bool) -> pd.Series:
    """Return the largest / smallest final rho over the initial scales, by seed."""
    rows = _dynamics.wide(table)
    groups = rows[(rows["weight_decay"] > 0) == decays].groupby("seed")["rho"]
    ratio: pd.Series = groups.max() / groups.min()
    return ratio


def claims(table: pd.DataFrame) -> list[Claim]:
    """With decay the curves meet, without they do not."""
    sentence = "largest / smallest final rho over initial scales"
    return [
        judge(Statistic.of(f"{sentence}, with decay", spread(table, True)), figure=FIGURE,
              at_most=1.25, kind="paper", id="one-rho-with-decay",
              claim="with weight decay rho ends at nearly one value"),
        judge(Statistic.of(f"{sentence}, without decay", spread(table, False)),
              figure=FIGURE, at_least=2.0,
              kind="paper", id="start-matters-without-decay",
              claim="without weight decay the final rho depends on the start"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw two panels, one curve per initial scale."""
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.8), layout="constrained", sharey=True)
    rows = table[(table["metric"] == "rho") & (table["layer"] == "network")]
    decays = sorted(rows["weight_decay"].unique(), reverse=True)
    for ax, decay in zip(axes, [decays[0], decays[-1]], strict=True):
        part = rows[rows["weight_decay"] == decay]
        for i, (start, curve) in enumerate(part.groupby("init_norm")):
            label = f"{float(str(start)):g}"
            style.band(ax, curve, "epoch", label, _dynamics.start_look(i), f"decay {decay:g}")
        ax.set(yscale="log", xlabel="epoch", title=f"weight decay {decay:g}")
    axes[0].set_ylabel("rho")
    axes[1].legend(title="initial norm of the last layer", loc="center right", ncols=3,
                   bbox_to_anchor=(1.0, 0.32))  # fmt: skip
    return fig
