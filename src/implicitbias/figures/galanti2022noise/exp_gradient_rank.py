"""Ranks of gradients of single batches against m_l B (lemma 3.1).

Rank of the gradient with respect to each weight matrix, on batches of 1 to 64 examples, for
networks at initialisation and after training, in float64. m_l, the number of places where a layer
is applied to one example, is 1 for the MLPs, 16, 4 and 1 for the convolutions; a line per m_l and
full rank, mean over the layers. The gradient of one example has rank at most m_l, and the gradient
of a batch at most m_l B (grey line). No gradient exceeds the full rank of its matrix, where a line
turns flat.

With batch normalisation an example has no gradient of its own. The gradients of a unit then sum to
zero over the batch and the places, so one direction is lost: the bound is m_l B - 1 (dotted) for
every layer under the normalisation, also between residual connections. Batches begin at 4 there,
because a normalised unit maps two examples to +-1 whatever its weights. The lemma is in the
published version; the bound m_l B - 1 is ours. The networks are stand-ins.
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
MARKS: dict[str, dict[str, Any]] = {
    START: {}, END: {"linestyle": "none", "markersize": 6, "markerfacecolor": "none"},
}  # fmt: skip
NAMES = {"mlp_relu": "MLP", "mlp_bn": "MLP", "conv4": "convolutions", "resnet18": "ResNet-18"}


def batches(table: pd.DataFrame) -> pd.DataFrame:
    """Return ranks of batch gradients of the hidden layers.

    With `kind`, `normalised`, `residual`, and `places`, which is m_l: the limit of the smallest
    recorded batch, of 1 example or with batch normalisation of 4.
    """
    rows = table[(table["metric"] == "gradient_rank") & table["layer"].str.startswith("layer")]
    residual = rows["model"] == "resnet18"
    normalised = rows["model"].str.endswith("_bn") | residual
    if "batch_norm" in rows:
        normalised |= rows["batch_norm"].fillna(False).astype(bool)
    kind = rows["epoch"].map(lambda e: START if e == 0 else END)
    least = rows.groupby(["run", "epoch", "layer"])["limit"].transform("min")
    places = (least / normalised.map({True: 4, False: 1})).astype(int)
    return rows.assign(kind=kind, normalised=normalised, residual=residual, places=places)


def attained(rows: pd.DataFrame, lost: int) -> pd.Series:
    """Return the mean over untrained networks of rank / min(m_l B - lost, rows, cols), by seed."""
    start = rows[rows["kind"] == START]
    most = pd.concat([start["limit"] - lost, start["trivial"]], axis=1).min(axis=1)
    shares: pd.Series = (start["value"] / most).groupby(start["seed"]).mean()
    return shares


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the lemma for examples and batches, with batch norm, and that it is attained."""
    every = batches(table)
    rows, residual = every[~every["residual"]], every[every["residual"]]
    plain, normal = rows[~rows["normalised"]], rows[rows["normalised"]]
    singles = table[table["metric"] == "sample_gradient_rank"]
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
        judge(Statistic.of(sentence, attained(plain, 0)), figure=FIGURE, at_least=0.9,
              kind="control", id="bound-attained-untrained",
              claim="at the start the bound is nearly attained"),
        *(_residual(residual) if len(residual) else []),
    ]  # fmt: skip


def _residual(rows: pd.DataFrame) -> list[Claim]:
    """Judge a residual network with batch normalisation: the bound, and that it is attained."""
    sentence = "rank / min(m_l B - 1, rows, cols) of untrained residual networks, mean"
    return [
        proved(rows.assign(value=rows["value"] - rows["limit"] + 1), figure=FIGURE,
               at_most=0.0, statistic="rank - (m_l B - 1)", id="batch-rank-residual",
               claim="with residual connections and batch normalisation too it has rank at most"
                     " m_l B - 1"),
        judge(Statistic.of(sentence, attained(rows, 1)), figure=FIGURE, at_least=0.9,
              kind="control", id="bound-attained-residual",
              claim="at the start of a residual network that bound is nearly attained"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per network: rank against m_l B, untrained and trained, by m_l."""
    rows = batches(table)
    groups = list(rows.groupby(["normalised", "residual", "model"]))
    fig, axes = plt.subplots(
        1, len(groups), figsize=(style.PAGE, 2.4), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    places = sorted(rows["places"].unique())
    looks = {
        m: (colour, style.layer_look(i)[1])
        for i, (m, colour) in enumerate(zip(places, style.shades(len(places)), strict=True))
    }
    for ax, ((normalised, _, model), part) in zip(axes[0], groups, strict=True):
        name = NAMES.get(str(model), str(model))
        _panel(ax, part, [name, "+ batch norm"] if normalised else [name], looks)
    axes[0][0].set(ylabel="rank of the gradient", ylim=(0.7, 110))
    style.legend(fig, *axes[0], ncols=4)
    return fig


def _panel(
    ax: Axes, rows: pd.DataFrame, name: list[str], looks: dict[Any, tuple[str, str]]
) -> None:
    reach = [r for r in sorted(rows["limit"].unique()) if r <= 100]
    ax.plot(reach, reach, color="#999999", linewidth=0.9, label="m_l B")
    if rows["normalised"].any():
        ax.plot(reach, [r - 1 for r in reach], color="#999999", linestyle=":", label="m_l B − 1")
    for (m, full), part in rows.groupby(["places", "trivial"]):
        colour, marker = looks[m]
        panel = f"{' '.join(name)}, full rank {full:g}"
        for kind, marks in MARKS.items():
            shown = part[part["kind"] == kind]
            means = shown.groupby(["seed", "limit"])["value"].mean().reset_index()  # over layers
            style.band(ax, means, "limit", f"m_l = {m}, {kind}", (colour, marker), panel, **marks)
    ax.set(title="\n".join(name), xlabel="m_l B", xscale="log", yscale="log", xlim=(0.7, 1500))
    ax.set_xticks([1, 10, 100, 1000])
    ax.minorticks_off()
