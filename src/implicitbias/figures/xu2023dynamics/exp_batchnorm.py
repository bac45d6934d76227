"""rho over the first 1,000 iterations with batch normalisation, beside the published run.

The setting is that of the authors' code, which we read: four convolutions, non-affine BatchNorm,
biases, weight decay 0.01, lr 0.01, momentum 0.9, initial norms 0.1, images of unit norm. rho is the
product of the weights' norms over the product of ||sqrt(running variance)||_2. Hollow points are
read off the one published plot (two classes of CIFAR-10, 32 to 128 channels), which shows a fast
rise, a dip and a slow rise. Our networks are narrow and see two digits. Our runs show the fast
rise, and neither the early peak nor the dip.

With images of unit norm our rho is near 14, and the published rho is 0.55. The factors at the end
show where the excess comes from: ||W_k|| / ||sqrt(running variance_k)|| is 24.5, 1.5 and 1.03 for
the three normalised layers, and the norm of the last layer is 0.37. The whole excess is the first
factor, and its cause is the norm of the images. An image of norm 1 has pixels with a root mean
square of 1/28. The deviations of the first layer shrink by this factor, and normalisation hides it
from the rest of the network. Without the division by the image's norm the same code gives rho near
0.40. Our definition and layers therefore agree with the published level if the published run did
not use unit images, although its code has this option. We could not verify this.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9, "width": 32}
FIGURE = "xu2023dynamics/exp_batchnorm"
NEEDS = ("rho",)
PUBLISHED = {150: 0.61, 700: 0.50, 1000: 0.55}  # iteration: rho, read off


LOOKS = {True: (style.BLACK, "o"), False: (style.BLUE, "s")}
NAMES = {True: "ours, images of norm 1", False: "ours, images as they are"}


def series(table: pd.DataFrame, unit_images: bool) -> pd.DataFrame:
    """Return rho by iteration."""
    rows = table[(table["metric"] == "rho") & (table["layer"] == "network")]
    return rows[(rows["step"] <= 1000) & (rows["unit_images"] == unit_images)]


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge an early peak of rho, and a dip after it, with images of unit norm as in the code."""
    rows = series(table, True)
    wide = rows.pivot(index="step", columns="seed", values="value")
    early, late = wide[wide.index <= 300].max(), wide[wide.index > 300].min()
    return [
        judge(Statistic.of("largest rho up to iteration 300 / smallest after", early / late,
                           log=True),
              figure=FIGURE, at_least=1.1, kind="paper", id="rise-then-dip",
              claim="rho rises fast and then dips"),
        judge(Statistic.of("rho at the end / smallest after iteration 300",
                                 wide.iloc[-1] / late, log=True),
              figure=FIGURE, at_least=1.02,
              kind="ours", id="ends-above-minimum",
              claim="rho ends above its smallest value after iteration 300, dip or no dip"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw rho and the published points."""
    fig, ax = plt.subplots(figsize=(style.COLUMN, 2.8), layout="constrained")
    for unit, name in NAMES.items():
        rows = series(table, unit).query("step > 0")
        style.band(ax, rows, "step", name, LOOKS[unit], "rho", markersize=2)
    style.points(ax, list(PUBLISHED), list(PUBLISHED.values()), "published, read off", "rho")
    ax.set(xlabel="iteration", ylabel="rho", yscale="log")
    ax.legend()
    return fig
