"""Bounds on the test error of trained networks: dense, by norms of kernels, by ranks.

The paper's abstract says that norms of kernels give bounds that are orders of magnitude below
classical bounds for dense networks, and the paper evaluates none; this experiment is ours. The
networks have one output, fit their examples, and are trained in the setting of figures 6 and 7.
Each of the four bounds includes its confidence term, with delta .01. `dense` is theorem 3 with the
complexity of Golowich et al. (2018), and treats convolutions as the Toeplitz matrices that they
are. `(16)` is the same bound with norms of kernels, as the paper has it; it is no theorem for
shared kernels. Theorem 3.2 of the follow-up (Galanti, Xu, Galanti, Poggio, 2023) is drawn in its
first version (v1) and as published (v2), with margin 1; the published version leaves out the last
layer's fan-in.

Left: the bounds by network; a bound above the line is vacuous. Middle: the decimal logarithm of
dense over each other bound. Right: sqrt(r/n) of theorem 7 by layer, where r is the rank at
tolerance .03 in Frobenius norm and n the smaller side. The bound has one such factor for each
layer, which would lower the bound where layers have low rank. Bars extend from the smallest to the
largest seed.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from ...metrics.rademacher import fitted_bound, kernel_bound, kernel_margin_bound, rank_factor
from .. import style
from . import _bounds

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "n_train": 10000, "epochs": 1000, "lr": 0.03, "momentum": 0.9,
}  # fmt: skip
FIGURE = "xu2023dynamics/exp_bounds"
TOLERANCE = 0.03  # of ranks, in Frobenius norm
NEEDS = (
    "fro_norm", "toeplitz_norm", "kernel_positions", "input_square_sum", "pixel_square_sum",
    "train_accuracy", "test_accuracy", "rho", "singular_values",
)  # fmt: skip
DELTA = 0.01
LOOKS = {
    "dense": (style.VERMILION, "s"), "(16)": (style.SKY, "v"),
    "theorem 3.2, v1": (style.GREEN, "D"), "theorem 3.2, v2": (style.BLUE, "o"),
}  # fmt: skip
THEOREMS = {"theorem 3.2, v1": "first version", "theorem 3.2, v2": "as published"}
NETWORKS = {"conv3": "three layers", "conv4": "four layers", "conv4_fc": "six layers"}
BOUNDS: dict[str, _bounds.Bound] = {
    # Images have norm 1, so that the complexity is that of theorem 3.
    "dense": lambda net: fitted_bound(net.dense_rho, len(net.degrees), net.n, DELTA),
    "(16)": lambda net: fitted_bound(net.rho, len(net.degrees), net.n, DELTA),
    "theorem 3.2, v1": lambda net: kernel_bound(
        net.rho, net.degrees, net.pixel_square_sum, net.n, DELTA
    ),
    "theorem 3.2, v2": lambda net: kernel_margin_bound(
        net.rho, net.degrees, net.pixel_square_sum, net.n, net.n_classes, delta=DELTA
    ),
}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge how far the theorems lie below the dense bound, and whether they are vacuous."""
    rows, found = _bounds.evaluated(table, BOUNDS), []
    for model, part in rows.groupby("model"):
        words = NETWORKS.get(str(model), str(model))
        own = [regimes.fit(table[table["model"] == model], 1.0)]
        # Scale smoke has two networks of one kind in a seed: their logarithms are averaged.
        logs = part["value"].map(np.log10).groupby([part["seed"], part["bound"]]).mean().unstack()
        for name, version in THEOREMS.items():
            found.append(
                judge(Statistic.of(f"log10 of dense / {name}", logs["dense"] - logs[name]),
                      figure=FIGURE, kind="paper", at_least=2.0, regime=own, reference="abstract",
                      id=f"{name[-2:]}-below-dense-{str(model).replace('_', '-')}",
                      claim=f"{words}: theorem 3.2 {version} is two orders below dense")
            )  # fmt: skip
    least = rows.groupby(["seed", "bound"])["value"].min().groupby("seed").min()
    found.append(
        judge(Statistic.of("least of all bounds and networks", least), figure=FIGURE, kind="paper",
              at_least=1.0, regime=[regimes.fit(table, 1.0)], id="all-vacuous",
              reference="section 3.5, of its bound in figure 6",
              claim="no bound says anything on the error")
    )  # fmt: skip
    return found


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return sqrt(r/n) as `value` for every layer of every run, `place` from the first layer on."""
    rows = final(table)
    rows = rows[rows["metric"] == "singular_values"]
    values = [
        rank_factor(int(np.count_nonzero(np.asarray(s) > TOLERANCE)), len(s))
        if np.isfinite(s).all() else np.nan
        for s in rows["values"]
    ]  # fmt: skip
    place = rows["layer"].str.extract(r"(\d+)", expand=False).astype(float)
    head = place.groupby(rows["run"]).transform("max") + 1
    return rows.assign(value=values, place=place.fillna(head) + 1)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the bounds and their ratios by network, and the factors of theorem 7 by layer."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.8), layout="constrained")
    rows = _bounds.evaluated(table, BOUNDS)
    models = sorted(rows["model"].unique())
    dense = rows[rows["bound"] == "dense"].set_index("run")["value"]
    ratio = rows.assign(value=np.log10(rows["run"].map(dense) / rows["value"]))
    for name, look in LOOKS.items():
        _by_network(axes[0], rows[rows["bound"] == name], models, name, look, "bounds")
        if name != "dense":
            _by_network(axes[1], ratio[ratio["bound"] == name], models, name, look, "ratios")
    axes[0].axhline(1, color=style.BLACK, linewidth=0.8, linestyle="--")
    axes[0].set(yscale="log", ylabel="bound on the test error")
    axes[1].set(ylabel="log10 of dense / bound")
    factor = factors(table)
    for i, model in enumerate(models):
        style.band(axes[2], factor[factor["model"] == model], "place", NETWORKS.get(model, model),
                   style.layer_look(i + 1), "factors")  # fmt: skip
    axes[2].set(xlabel="layer", ylabel="sqrt(r / n)", ylim=(0, 1.05))
    axes[2].legend(loc="lower left")
    for ax in axes[:2]:
        ax.set_xticks(range(len(models)), [NETWORKS.get(m, m).replace(" ", "\n") for m in models])
        ax.set_xlim(-0.5, len(models) - 0.5)
    style.legend(fig, axes[0])
    return fig


def _by_network(
    ax: Axes, rows: pd.DataFrame, models: list[str], name: str, look: tuple[str, str], panel: str
) -> None:
    """Draw a marker for each network, with the range from smallest to largest seed as a bar."""
    for i, model in enumerate(models):
        own = rows[rows["model"] == model].assign(place=i)
        ax.vlines(i, own["value"].min(), own["value"].max(), color=look[0], linewidth=1.0)
        style.band(ax, own, "place", f"{'_' * min(i, 1)}{name}", look, panel, linestyle="none")
