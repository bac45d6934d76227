"""Mean normalised margin against 1/rho over runs, and test error against 1/rho.

In the setting of Xu et al. (2023), as stand-ins in exp_rho; what their figure shows is recalled.
Left: mean of y_n f_n with f = outputs / rho against 1/rho, runs with and without decay, all
initial scales. Where the training set is interpolated every margin is 1/rho (dashed), so the
correlation follows from fitting and is no evidence of its own. Right: test error against 1/rho,
where the claim has content: larger margins should err less. Here they do not: on these two
digits a few test images of 200 are wrong in every run, whatever rho is.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from ... import style
from ...claim import Claim, judge
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_margin_norm"
NEEDS = ("rho", "margin_mean", "test_accuracy")


def points(table: pd.DataFrame) -> pd.DataFrame:
    """One row per run: 1/rho, the mean normalised margin, the test error."""
    rows = _dynamics.wide(table)
    return rows.assign(inverse=1 / rows["rho"], margin=rows["margin_mean"] / rows["rho"],
                       error=1 - rows["test_accuracy"])  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """The margin rises with 1/rho; the test error falls."""
    rows = points(table)
    slopes, taus = {}, {}
    for seed, part in rows.groupby("seed"):
        slopes[seed] = stats.pearsonr(part["inverse"], part["margin"]).statistic
        tau = stats.kendalltau(part["inverse"], part["error"]).statistic
        taus[seed] = tau if part["error"].nunique() > 1 else 0.0
    return [
        judge(_dynamics.per_seed("Pearson correlation of margin and 1/rho", pd.Series(slopes)),
              figure=FIGURE, at_least=0.9, claim="mean margin rises with 1/rho",
              note="follows from y_n g_n being near 1 in every run"),
        judge(_dynamics.per_seed("Kendall tau-b of test error and 1/rho", pd.Series(taus)),
              figure=FIGURE, at_most=-0.3, claim="test error falls as 1/rho grows"),
    ]  # fmt: skip


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """Margin and test error against 1/rho."""
    fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    rows = points(table)
    looks = ((style.VERMILION, "s"), (style.BLUE, "o"))
    for (decay, part), (colour, marker) in zip(rows.groupby("weight_decay"), looks, strict=False):
        for ax, name in zip(axes, ("margin", "error"), strict=True):
            label = f"weight decay {float(str(decay)):g}"
            ax.plot(part["inverse"], part[name], color=colour, marker=marker, linestyle="none",
                    alpha=0.6, label=label)  # fmt: skip
            for x, y in zip(part["inverse"], part[name], strict=True):
                style.note(ax, panel=name, series=label, x_name="1/rho", x=x, mean=y, n=1)
    line = [rows["inverse"].min(), rows["inverse"].max()]
    axes[0].plot(line, line, color=style.BLACK, linewidth=0.8, linestyle="--", label="1/rho")
    axes[0].set(xlabel="1/rho", ylabel="mean normalised margin")
    axes[1].set(xlabel="1/rho", ylabel="test error")
    axes[0].legend()
    return fig
