"""Bounds on the Rademacher complexity of trained networks: dense, kernels for Toeplitz, patches.

The claim is that of the abstract: bounds by the norms of the kernels are smaller by orders of
magnitude. Three bounds on the network's complexity R_N, with the final weights' norms.
`dense`: Golowich et al. (2018), each convolution as the dense matrix that it is, its kernel
repeated over the image (Toeplitz). `kernels`: the same formula with the kernels' norms, which no
theorem allows. `patches`: norms of the kernels, times how many positions a unit sees, from a
follow-up paper, as recalled: which layers the product takes is our reading. The paper's own
theorem and its numbers are not known to us.

Left: against the number N of examples at equal numbers of updates. Middle: against the share of
permuted labels. Both as exp_equilibrium, decay 0.01. Right: that network (conv4) and the
recalled one (conv4_fc: four convolutions, a dense layer before the head), both narrow. Below: the
margin term (2/gamma) R_N, gamma the 5% quantile of the training margins; a bound on the error says
nothing above 1 (line), and nothing at all where gamma is not positive: drawn missing. Two orders
of magnitude are asked of each pair; the gap grows with the number of convolutions.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge, trend
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from ...metrics.rademacher import dense_bound, patch_bound
from .. import style
from ._dynamics import wide

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_bounds"
LOOKS = {
    "dense": (style.VERMILION, "s"), "kernels": (style.SKY, "v"), "patches": (style.BLUE, "o"),
}  # fmt: skip
NETWORKS = {"conv4": "three convolutions", "conv4_fc": "four convolutions"}
PARTS = {"n_train": "examples", "label_noise": "label-noise"}  # of ids


def bounds(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run and bound: its fields, `bound`, and R_N as `value`, (2/gamma) R_N
    `term`.
    """
    rows = final(table)
    layers = rows[rows["metric"].isin(["fro_norm", "toeplitz_norm", "kernel_positions"])]
    terms = []
    for _, run in wide(table).iterrows():
        norms = layers[layers["run"] == run["run"]].pivot(
            index="layer", columns="metric", values="value"
        )
        gamma, n = run["margin_quantile_5e-2"], run["n_train"]
        values = _values(norms.sort_index(), run) if norms.notna().all(axis=None) else {}
        for name in LOOKS:
            value = values.get(name, math.nan)
            term = 2 / gamma * value if gamma > 0 else math.nan
            terms.append({**run, "n_train": n, "bound": name, "value": value, "term": term})
    return pd.DataFrame(terms)


def _values(norms: pd.DataFrame, run: pd.Series) -> dict[str, float]:
    """The three bounds; rows of `norms` in the order of the layers: head sorts before layer0."""
    ordered = norms.loc[[*(i for i in norms.index if i != "head"), "head"]]
    kernels, n = ordered["fro_norm"].tolist(), int(run["n_train"])
    positions = [int(p) for p in ordered["kernel_positions"]]
    return {
        "dense": dense_bound(ordered["toeplitz_norm"].tolist(), run["input_square_sum"], n),
        "kernels": dense_bound(kernels, run["input_square_sum"], n),
        "patches": patch_bound(kernels, positions, run["patch_square_sum"], n),
    }


def _plain(rows: pd.DataFrame) -> tuple[str, int]:
    """Network and number of examples of the runs with label noise, which the others vary."""
    noisy = rows[rows["label_noise"] > 0]
    first = (noisy if len(noisy) else rows).iloc[0]
    return str(first["model"]), int(first["n_train"])


def _panels(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs that differ in the number of examples, in label noise, and in the network."""
    model, n = _plain(rows)
    clean, same, middle = rows["label_noise"] == 0, rows["model"] == model, rows["n_train"] == n
    order = {name: i for i, name in enumerate(sorted(rows["model"].unique()))}
    return {
        "n_train": rows[clean & same],
        "label_noise": rows[same & middle],
        "network": rows[clean & middle].assign(network=rows["model"].map(order)),
    }


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the gaps in orders of magnitude, the directions with N and noise, and the size."""
    panels = _panels(bounds(table))
    judged: list[Claim] = []
    plain = panels["network"]
    for model, part in plain.groupby("model"):
        words = NETWORKS.get(str(model), str(model))
        logs = part.pivot(index="seed", columns="bound", values="value").map(math.log10)
        for name in ("kernels", "patches"):
            judged.append(
                judge(Statistic.of(f"log10 of dense / {name}", logs["dense"] - logs[name]),
                      figure=FIGURE, at_least=2.0,
                      kind="paper", id=f"{name}-below-dense-{str(model).replace('_', '-')}",
                      claim=f"{words}: {name} are two orders of magnitude below dense")
            )  # fmt: skip
    for x, said in (("n_train", "number of examples"), ("label_noise", "share of permuted labels")):
        direction: Literal["falls", "rises"] = "falls" if x == "n_train" else "rises"
        judged.append(trend(
            panels[x][panels[x]["bound"] == "patches"], figure=FIGURE, x=x, direction=direction,
            kind="paper", id=f"patches-with-{PARTS[x]}",
            claim=f"the bound by patches {direction} with the {said}",
        ))  # fmt: skip
    terms = plain[plain["bound"] == "patches"].groupby("seed")["term"].min()
    judged.append(
        judge(Statistic.of("(2/gamma) R_N by patches, smaller of both networks", terms),
              figure=FIGURE, at_least=1.0, kind="paper", id="patches-vacuous",
              claim="even the bound by patches says nothing on errors")
    )  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw R_N above, the margin term below; against N, label noise, and for both networks."""
    fig, axes = plt.subplots(
        2, 3, figsize=(style.PAGE, 4.4), layout="constrained", sharey="row", sharex="col"
    )
    panels = _panels(bounds(table))
    for j, (x, part) in enumerate(panels.items()):
        for i, (value, words) in enumerate((("value", "R_N"), ("term", "(2/gamma) R_N"))):
            _panel(axes[i][j], part.assign(value=part[value]), x, f"{words} against {x}")
        axes[1][j].axhline(1, color=style.BLACK, linewidth=0.8, linestyle="--")
    axes[0][0].set(xscale="log", ylabel="bound on R_N")
    axes[1][0].set(xlabel="examples N", ylabel="(2/gamma) x bound")
    sizes = sorted(panels["n_train"]["n_train"].unique())
    axes[0][0].set_xticks(sizes, map(str, sizes))
    axes[0][0].minorticks_off()
    axes[1][1].set_xlabel("share of permuted labels")
    models = sorted(panels["network"]["model"].unique())
    axes[1][2].set_xticks(range(len(models)), models)
    axes[1][2].set(xlabel="network", xlim=(-0.5, 1.5))
    axes[0][2].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, x: str, name: str) -> None:
    for bound, look in LOOKS.items():
        part = rows[rows["bound"] == bound]
        if x == "network":
            for i, (_, one) in enumerate(part.groupby(x)):
                style.band(ax, one, x, f"{'_' * i}{bound}", look, name)
        else:
            style.band(ax, part, x, bound, look, name)
    ax.set_yscale("log")
