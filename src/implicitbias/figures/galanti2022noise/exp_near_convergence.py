"""The rank bound near convergence: the best mini-batch against the distance to rank m_l B.

For a mini-batch S' of B examples let L_S' be its loss with the penalty (weight_decay / 2) ||W||^2.
W = (grad L_S' - G) / weight_decay, where G, the gradient without penalty, has rank at most m_l B;
so W / ||W||_F is within min over S' of ||grad L_S'||_F / (weight_decay ||W||_F) of that rank.
Solid: that bound over training; dashed: the distance itself. Versions 1 and 2 of the paper bound
the rank in this way, with 2 lambda in place of torch's weight_decay: their theorem's wording is
recalled, not read; the inequality is the algebra above, and a job in which it fails ends with an
error.

Above 1 (shaded) the bound is not informative. It falls where the gradients of single batches
approach -weight_decay W: for B = N at a stationary point of all the data, and for B < N to the
extent that the noise of the batches is small against weight_decay ||W||. In this run the noise is
not small, although the distance itself becomes small. Data, network and rates are stand-ins.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from ...analysis.worst import proved
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "galanti2022noise/exp_near_convergence"


def hidden(table: pd.DataFrame) -> pd.DataFrame:
    """Return both sides in every hidden layer."""
    rows = table[(table["metric"] == "near_convergence") & table["layer"].str.startswith("layer")]
    return rows.assign(full=rows["batch_size"] == rows["n_train"])


def largest(rows: pd.DataFrame, sentence: str) -> Statistic:
    """Return the largest bound of a seed's runs and layers at the end."""
    return Statistic.of(sentence, final(rows).groupby("seed")["limit"].max())


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the inequality, and whether it comes to say something."""
    rows = hidden(table)
    ratio = rows.assign(value=rows["value"] / rows["limit"])
    return [
        proved(ratio, figure=FIGURE, at_most=1.0, statistic="distance / bound",
              id="distance-below-bound",
              claim="no weight is further from rank m_l B than its best mini-batch says"),
        judge(largest(rows[rows["full"]], "largest bound of a layer at the end, B = N"),
              figure=FIGURE, at_most=0.5, kind="ours", id="bound-speaks-full-batch",
              claim="with the full batch the bound comes to speak"),
        judge(largest(rows[~rows["full"]], "largest bound of a layer and B < N at the end"),
              figure=FIGURE, at_most=0.9,
              kind="ours", id="bound-speaks-minibatch",
              claim="with batches smaller than the data the bound comes to speak"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per layer: bound and distance against completed steps, by batch size."""
    rows = hidden(table)
    layers = sorted(rows["layer"].unique())
    fig, axes = plt.subplots(
        1, len(layers), figsize=(style.PAGE, 2.7), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, layer in zip(axes[0], layers, strict=True):
        for i, (size, part) in enumerate(rows[rows["layer"] == layer].groupby("batch_size")):
            whole = " = N" if part["full"].all() else ""
            look = style.layer_look(i)
            bound = part.assign(value=part["limit"])
            style.band(ax, bound, "step", f"bound, B = {size}{whole}", look, layer, markersize=2)
            style.band(ax, part, "step", f"distance, B = {size}{whole}", look, layer, markersize=2,
                       linestyle="--")  # fmt: skip
        top = max(1.3, ax.get_ylim()[1])
        ax.axhspan(
            1, top, color="#999999", alpha=0.15, linewidth=0, label="above 1 it says nothing"
        )
        ax.set(title=layer, xlabel="completed steps", ylim=(0, min(top, 2.0)))
    axes[0][0].set_ylabel("Frobenius distance to rank m_l B")
    style.legend(fig, axes[0][0], loc="outside right center", ncols=1)
    return fig
