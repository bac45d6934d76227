"""Mean normalised margin against 1/rho over runs, and test error against both.

In the setting of Xu et al. (2023), as stand-ins in exp_rho; what their figure shows is recalled.
Left: mean of y_n f_n with f = outputs / rho against 1/rho, runs with and without decay, all
initial scales. Where the training set is interpolated every margin is 1/rho (dashed), so the
correlation follows from fitting and is no evidence of its own. Middle and right: test error against
1/rho and against the mean margin, where the claim has content: larger margins should err less. Here
they do not: on these two digits a few test images of 200 are wrong in every run, whatever rho is.
As the left panel says, both axes put the runs in the same order.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_margin_norm"
NEEDS = ("rho", "margin_mean", "test_accuracy")
PANELS = (("inverse", "margin"), ("inverse", "error"), ("margin", "error"))
WORDS = {"inverse": "1/rho", "margin": "mean normalised margin", "error": "test error"}


def points(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run: 1/rho, the mean normalised margin, the test error."""
    rows = _dynamics.wide(table)
    return rows.assign(inverse=1 / rows["rho"], margin=rows["margin_mean"] / rows["rho"],
                       error=1 - rows["test_accuracy"])  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """The margin rises with 1/rho; the test error falls."""
    rows = points(table)
    slopes = {
        seed: stats.pearsonr(part["inverse"], part["margin"]).statistic
        for seed, part in rows.groupby("seed")
    }
    judged = [
        judge(Statistic.of("Pearson correlation of margin and 1/rho", pd.Series(slopes)),
              figure=FIGURE, at_least=0.9, kind="paper", id="margin-with-inverse-rho",
              claim="mean margin rises with 1/rho",
              note="follows from y_n g_n being near 1 in every run"),
    ]  # fmt: skip
    for x, words, part in (
        ("inverse", "1/rho", "inverse-rho"), ("margin", "the mean margin", "margin")
    ):  # fmt: skip
        taus = {seed: _tau(own[x], own["error"]) for seed, own in rows.groupby("seed")}
        sentence = f"Kendall tau-b of test error and {words}"
        judged.append(
            judge(Statistic.of(sentence, pd.Series(taus)), figure=FIGURE, at_most=-0.3,
                  kind="paper", id=f"error-with-{part}", claim=f"test error falls as {words} grows")
        )  # fmt: skip
    return judged


def _tau(x: pd.Series, error: pd.Series) -> float:
    """Return Kendall's tau-b; 0 where all errors are the same."""
    return float(stats.kendalltau(x, error).statistic) if error.nunique() > 1 else 0.0


def draw(table: pd.DataFrame) -> Figure:
    """Draw margin against 1/rho; test error against both."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.6), layout="constrained")
    rows = points(table)
    looks = ((style.VERMILION, "s"), (style.BLUE, "o"))
    for (decay, part), look in zip(rows.groupby("weight_decay"), looks, strict=False):
        for ax, (x, y) in zip(axes, PANELS, strict=True):
            label = f"weight decay {float(str(decay)):g}"
            style.dots(ax, part[x], part[y], label, look, panel=f"{y} against {x}", series=label,
                       x_name=WORDS[x])  # fmt: skip
    line = [rows["inverse"].min(), rows["inverse"].max()]
    axes[0].plot(line, line, color=style.BLACK, linewidth=0.8, linestyle="--", label="1/rho")
    for ax, (x, y) in zip(axes, PANELS, strict=True):
        ax.set(xlabel=WORDS[x], ylabel=WORDS[y])
    axes[2].sharey(axes[1])
    style.legend(fig, axes[0], ncols=3)
    return fig
