"""Bounds by norms of kernels against those of dense networks, over epochs, width and depth.

Figures 1 to 3 of the follow-up, Galanti, Xu, Galanti, Poggio (2023), on MNIST: the networks
CONV-L-H have L convolutions of 2x2 with H channels and a head, and are trained on the square loss.
`theorem 3.2` is theirs (NeurIPS version), as printed: it leaves out the last layer's fan-in,
without which it is not a bound on every such network. `dense` is the same formula for dense layers,
with the norms of the Toeplitz matrices that the convolutions are. `as coded` repeats three slips of
the authors' code: pixels of raw images, 5/6 of the examples, one additional log 4.

Left: the shallowest network over epochs, with the test error and the gap of the errors. Middle: the
bounds against H, for the depths at which H varies. Both panels have logarithms to base 2, as in the
paper. Right: the decimal logarithm of dense over the other bounds against the number of layers L +
1; hollow points are the published values at H = 200, which are as coded. The number of examples and
the training cancel in this ratio, except for rho + 1 in place of rho.

Theorem 3.2 lies orders of magnitude below dense, and the deeper the network, the further below. H
hardly matters. Every bound is far above 1, so it says nothing about the error itself. In our runs
decay acts on plain weights. The paper normalises the weights with gains that are trained and
decayed, too.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import published, regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...metrics.rademacher import kernel_margin_bound, kernel_margin_bound_as_coded
from .. import style
from . import _bounds
from ._bounds import Network

PAPER: dict[str, Any] = {
    "dataset": "mnist", "width": [200, 400, 600, 800, 1000], "depth": [3, 4, 5, 6, 7, 8],
    "batch_size": 32, "epochs": 500, "lr": 0.01, "momentum": 0.9, "weight_decay": 0.006,
}  # fmt: skip
FIGURE = "xu2023dynamics/exp_norm_bounds"
NEEDS = (
    "fro_norm", "toeplitz_norm", "kernel_positions", "input_square_sum", "pixel_square_sum",
    "train_accuracy", "test_accuracy", "raw_pixel_square_sum",
)  # fmt: skip
DENSE, KERNELS, CODED = "dense", "theorem 3.2", "as coded"
LOOKS = {
    DENSE: (style.VERMILION, "s"), KERNELS: (style.BLUE, "o"), CODED: (style.SKY, "v"),
}  # fmt: skip
RATIOS = {KERNELS: (style.BLUE, "o"), CODED: (style.SKY, "v")}


def dense(net: Network) -> float:
    """Return theorem 3.2 of a network whose layers are dense matrices: every degree is 1."""
    return kernel_margin_bound(
        net.dense_rho, [1] * len(net.degrees), net.input_square_sum, net.n, net.n_classes
    )


def theorem(net: Network) -> float:
    """Return theorem 3.2 as printed."""
    return kernel_margin_bound(net.rho, net.degrees, net.pixel_square_sum, net.n, net.n_classes)


def as_coded(net: Network) -> float:
    """Return theorem 3.2 with the slips of the code."""
    return kernel_margin_bound_as_coded(
        net.rho, net.degrees, net.raw_pixel_square_sum, net.n, net.n_classes
    )


BOUNDS: dict[str, _bounds.Bound] = {DENSE: dense, KERNELS: theorem, CODED: as_coded}


def logs(table: pd.DataFrame, last: bool = True) -> pd.DataFrame:
    """Return a row per run, record and bound, its log2 as `value`."""
    rows = _bounds.evaluated(table, BOUNDS, last)
    return rows.assign(value=np.log2(rows["value"]))


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return log10 of dense over the other bounds, from rows of log2, at the middle width."""
    rows = rows[rows["width"] == _middle(rows)]
    dense_rows = rows[rows["bound"] == DENSE].set_index("run")["value"]
    others = rows[rows["bound"] != DENSE]
    return others.assign(value=(others["run"].map(dense_rows) - others["value"]) * np.log10(2))


def published_ratios() -> pd.Series:
    """Return the published log10 of Golowich over the paper's own at H = 200, by layers."""
    rows = published.points("xu2023dynamics", "gn_fig3")
    rows = rows[rows["panel"] == "CONV-L-200"].pivot(index="x", columns="series", values="y")
    return (rows["Golowich"] / rows["this paper"]).map(math.log10)


def statistics(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the statistics that the claims judge, a value per seed.

    All but the statistic on widths are at the middle width.
    """
    rows = logs(table)
    same_width = rows[rows["width"] == _middle(rows)]
    by_depth = {name: _by(same_width, name, "layers") for name in BOUNDS}
    first = min(_places(by_depth[KERNELS]))
    apart = {name: _by(ratios(rows), name, "layers") for name in RATIOS}
    theirs = published_ratios()
    common = [n for n in _places(apart[CODED]) if n in theirs.index]
    shallow = _by(rows[rows["layers"] == first], KERNELS, "width")
    widths = _places(shallow)
    return {
        "apart": apart[KERNELS][first],
        "slopes": _slope(by_depth[DENSE]) - _slope(by_depth[KERNELS]),
        "width": (shallow[max(widths)] - shallow[min(widths)]).abs(),
        "published": (apart[CODED][common] - theirs.reindex(common)).abs().mean(axis=1),
        "slips": by_depth[KERNELS][first] - by_depth[CODED][first],
    }


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the distance of the bounds, its growth with depth, effects of width and slips."""
    found = statistics(table)
    verdict = partial(judge, figure=FIGURE, regime=[regimes.learn(table, 0.5)])
    return [
        verdict(Statistic.of("log10 of dense / theorem 3.2, fewest layers", found["apart"]),
                kind="paper", id="orders-of-magnitude", at_least=2.0,
                reference="abstract; follow-up, figure 1: 4.6",
                claim="norms of kernels give bounds orders of magnitude below dense ones"),
        verdict(Statistic.of("log2 a layer, dense less theorem 3.2", found["slopes"]),
                kind="paper", id="kernels-slower-with-depth", at_least=1.5,
                reference="follow-up, figure 3: 3.9 less 0.83",
                claim="both bounds grow exponentially with depth, that by kernels more slowly"),
        verdict(Statistic.of("|log2 of theorem 3.2 at largest / smallest width|", found["width"]),
                kind="paper", id="width-hardly-matters", at_most=1.0,
                reference="follow-up, figure 1: .12",
                claim="the width hardly changes the bound by kernels"),
        verdict(Statistic.of("mean over depths of |log10 of dense / as coded - published|",
                             found["published"]),
                kind="ours", id="ratio-as-published", at_most=0.3,
                reference="follow-up, figure 3, H = 200",
                claim="the distance of the two bounds is the published one, in decimal orders"),
        verdict(Statistic.of("log2 of theorem 3.2 / as coded, fewest layers", found["slips"]),
                kind="ours", id="slips-lower-the-bound", at_least=0.5,
                reference="code of the follow-up; 1.1 from the digits alone",
                claim="the slips of the authors' code make the bound too small"),
    ]  # fmt: skip


def _middle(rows: pd.DataFrame) -> int:
    """Return the width at which several depths were trained."""
    depths = rows.groupby("width")["layers"].nunique()
    return int(str(depths.idxmax()))


def _by(rows: pd.DataFrame, bound: str, x: str) -> pd.DataFrame:
    """Return log2 of a bound: a row per seed, a column per value of x."""
    return rows[rows["bound"] == bound].pivot(index="seed", columns=x, values="value")


def _places(rows: pd.DataFrame) -> list[int]:
    """Return the columns as numbers."""
    return [int(str(column)) for column in rows.columns]


def _slope(by_depth: pd.DataFrame) -> pd.Series:
    """Return the slope of the least-squares line over the columns, by seed."""
    x = by_depth.columns.to_numpy(dtype=float)
    return by_depth.apply(lambda values: float(np.polyfit(x, values, 1)[0]), axis=1)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the bounds over epochs, against width, and against depth."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.9), layout="constrained")
    ends, series = logs(table), logs(table, last=False)
    width, layers = _middle(ends), sorted(ends["layers"].unique())
    run = series[(series["width"] == width) & (series["layers"] == layers[0])]
    run = run[run["epoch"] > 0]
    wide_enough = ends.groupby("layers")["width"].nunique()
    both = [n for n in layers if wide_enough[n] > 1]
    for name, look in LOOKS.items():
        of = ends[ends["bound"] == name]
        style.band(axes[0], run[run["bound"] == name], "epoch", name, look, "epochs")
        for n in {both[0], both[-1]}:
            dashes = "-" if n == both[0] else "--"
            style.band(axes[1], of[of["layers"] == n], "width", f"_{name}, {n} layers", look,
                       "width", linestyle=dashes)  # fmt: skip
    for name, look in (("test_error", (style.BLACK, "^")), ("gap", (style.GREEN, "P"))):
        one = run[run["bound"] == KERNELS]
        style.band(axes[0], one.assign(value=np.log2(one[name].where(one[name] > 0))), "epoch",
                   name.replace("_", " "), look, "epochs")  # fmt: skip
    apart, theirs = ratios(ends), published_ratios()
    for name, look in RATIOS.items():
        style.band(axes[2], apart[apart["bound"] == name], "layers", f"_{name}", look, "ratio")
    style.points(axes[2], list(theirs.index), list(theirs), "published", "ratio")
    axes[0].set(xlabel="epoch", ylabel="log2", title=f"CONV-{layers[0] - 1}-{width}")
    dashed = f"; dashed {both[-1]}" if len(both) > 1 else ""
    axes[1].set(xlabel="channels H", title=f"{both[0]} layers{dashed}")
    axes[2].set(xlabel="layers L + 1", ylabel="log10 of dense / bound", title=f"H = {width}")
    style.ticks(axes[1], sorted(ends["width"].unique()))
    style.ticks(axes[2], sorted({*layers, *theirs.index}))
    style.legend(fig, *axes, ncols=6)
    return fig
