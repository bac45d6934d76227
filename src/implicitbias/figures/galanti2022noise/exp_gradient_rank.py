"""Ranks of gradients against m_l B (lemma 3.1), with and without batch normalisation.

Rank of the gradient with respect to each weight matrix, on batches of 1 to 64 examples of networks
at their start and after training, in float64. m_l, the number of places where a layer is applied to
one example, is 1 for the MLPs and 16, 4 and 1 for the convolutions. The gradient of one example has
at most rank m_l, that of a batch at most m_l B (grey line), and none more than its matrix has.

With batch normalisation an example has no gradient of its own. A unit's gradients then sum to zero
over the batch and places, so one direction is lost: m_l B - 1 (dotted) for every layer under it.
Batches start at 4 there: of two examples a normalised unit makes +-1 whatever its weights.
The lemma is in the published version; that a batch adds m_l B - 1 is ours. Networks are stand-ins.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import proved
from .. import style

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "galanti2022noise/exp_gradient_rank"
START, END = "untrained", "trained"


def batches(table: pd.DataFrame) -> pd.DataFrame:
    """Return ranks of batch gradients of the hidden layers, with `kind` and `normalised`."""
    rows = table[(table["metric"] == "gradient_rank") & table["layer"].str.startswith("layer")]
    normalised = rows["model"].str.endswith("_bn")
    if "batch_norm" in rows:
        normalised |= rows["batch_norm"].fillna(False).astype(bool)
    kind = rows["epoch"].map(lambda e: START if e == 0 else END)
    return rows.assign(normalised=normalised, kind=kind)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the lemma for examples and batches, with batch norm, and that it is attained."""
    rows = batches(table)
    plain, normal = rows[~rows["normalised"]], rows[rows["normalised"]]
    singles = table[table["metric"] == "sample_gradient_rank"]
    start = plain[plain["kind"] == START]
    attained = start["value"] / start[["limit", "trivial"]].min(axis=1)
    attained = attained.groupby(start["seed"]).mean()
    sentence = "rank / min(m_l B, rows, cols) of untrained networks without normalisation, mean"
    ratio = "rank / bound"
    return [
        proved(singles.assign(value=singles["value"] / singles["limit"]), figure=FIGURE,
              at_most=1.0, statistic=ratio, id="example-rank",
              claim="an example's gradient has rank at most m_l"),
        proved(rows.assign(value=rows["value"] / rows["limit"]), figure=FIGURE, at_most=1.0,
              statistic=ratio, id="batch-rank",
              claim="a batch's gradient has rank at most m_l B"),
        proved(normal.assign(value=normal["value"] - normal["limit"] + 1), figure=FIGURE,
              at_most=0.0, statistic="rank - (m_l B - 1)",
              id="batch-rank-normalised",
              claim="with batch normalisation it has rank at most m_l B - 1"),
        judge(Statistic.of(sentence, attained), figure=FIGURE, at_least=0.9,
              kind="control", id="bound-attained-untrained",
              claim="at the start the bound is nearly attained"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per network: rank against m_l B, untrained and trained, by layer."""
    rows = batches(table)
    groups = list(rows.groupby(["model", "normalised"]))
    fig, axes = plt.subplots(
        1, len(groups), figsize=(style.PAGE, 3.0), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, ((model, normalised), part) in zip(axes[0], groups, strict=True):
        _panel(ax, part, f"{model}{', normalised' if normalised else ''}", bool(normalised))
    axes[0][0].set(ylabel="rank of the gradient", ylim=(0.7, 110))
    style.legend(fig, *axes[0], ncols=4)
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, name: str, normalised: bool) -> None:
    reach = [r for r in sorted(rows["limit"].unique()) if r <= 100]
    ax.plot(reach, reach, color="#999999", linewidth=0.9, label="m_l B")
    if normalised:
        ax.plot(reach, [r - 1 for r in reach], color="#999999", linestyle=":", label="m_l B - 1")
    for i, (layer, part) in enumerate(rows.groupby("layer")):
        colour, marker = style.layer_look(i)
        for kind, line in ((START, "-"), (END, "--")):
            shown = part[part["kind"] == kind]
            face = colour if kind == START else "none"
            style.band(ax, shown, "limit", f"{layer}, {kind}", (colour, marker), name,
                       linestyle=line, markerfacecolor=face)  # fmt: skip
    ax.set(title=name, xlabel="m_l B", xscale="log", yscale="log", xlim=(0.7, 1500))
    ax.set_xticks([1, 10, 100, 1000])
    ax.minorticks_off()
