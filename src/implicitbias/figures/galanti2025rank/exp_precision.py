"""Change of the rank by matrix products in bfloat16, beside that by another seed.

Average rank of the final weights of the networks of figure 7 (MLP-BN) and figure 4 (ResNet-18),
trained twice from the same initial weights on the same batches: in float32, and with convolutions
and matrix products in bfloat16, as in torch.autocast (except for MLP-BN's classifier), also in
evaluation. Weights, their updates, the statistics of batch normalisation and the spectra are in
float32 in both cases.

SGD on a ReLU network is chaotic: a rounding error grows until the two runs are two random draws.
The effect of the precision is therefore compared with the effect of another seed: a precision that
changes the rank less than another seed changes no curve of the other figures. A dot is a seed; the
grey bar shows the distance between the smallest and the largest seed in float32. Where all networks
have full rank, another seed changes nothing, and one singular value near the tolerance decides.
Scale `small` has only MLP-BN, because bfloat16 convolutions take too long on a processor without
bfloat16. The paper has no such figure.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from .._ranks import full_rank, judged, named, rank, tolerances

PAPER: dict[str, Any] = {"dataset": "cifar10", "width": [64, 100], "epochs": 500, "momentum": 0.0}
FIGURE = "galanti2025rank/exp_precision"
NEEDS = ("test_accuracy",)
MODELS = {"mlp_bn": "MLP-BN", "resnet18": "ResNet-18"}
PARTS = {"mlp_bn": "mlp-bn", "resnet18": "resnet18"}  # of ids
# Where the networks of figures 7 and 4 are judged: at the published tolerance, or its scaled one.
JUDGED = {"mlp_bn": ("rank_fro_3e-2", ""), "resnet18": ("rank_fro_5e-2", "rank_fro_7e-2")}
PRECISIONS = ["float32", "bfloat16"]
AT = ["batch_size", "weight_decay"]  # a point of the sweep
SHIFT = 0.02  # of the full average rank: no larger in the mean over points


def pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return final ranks of one model, indexed by point and seed, a column for each precision."""
    wide = rows.pivot_table(index=[*AT, "seed"], columns="precision", values="value", dropna=False)
    return wide.reindex(columns=PRECISIONS).dropna()


def against_seeds(rows: pd.DataFrame) -> dict[int, float]:
    """Return, by seed, the mean over points of |bfloat16 - float32|, less that of |float32 -
    another seed|.
    """
    both = pairs(rows)
    precision = (both["bfloat16"] - both["float32"]).abs()
    other: dict[tuple[Any, ...], list[float]] = {}
    for _, point in both["float32"].groupby(level=AT):
        for (a, x), (b, y) in combinations(point.items(), 2):
            for key in (a, b):
                other.setdefault(key, []).append(abs(x - y))  # type: ignore[arg-type]
    means = pd.Series({key: sum(v) / len(v) for key, v in other.items()}, dtype=float)
    by_seed = (precision - means.reindex(precision.index)).groupby(level="seed").mean()
    return {int(str(seed)): round(float(value), 9) for seed, value in by_seed.items()}


def shift(rows: pd.DataFrame) -> dict[int, float]:
    """Return, by seed, |mean over points of bfloat16 - float32|."""
    both = pairs(rows)
    mean = (both["bfloat16"] - both["float32"]).groupby(level="seed").mean().abs()
    return {int(str(seed)): float(value) for seed, value in mean.items()}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge, for each model, the effect against another seed, and its direction."""
    found = []
    for model, name in MODELS.items():
        runs = table[table["model"] == model]
        published, scaled = JUDGED[model]
        metric = judged(runs, published, scaled)
        rows, full = rank(runs, metric), full_rank(runs)
        at, about = named(metric), PARTS[model]
        seen = [regimes.below_full(rows, full)]
        found += [
            judge(
                Statistic("mean over points of |rank with bfloat16 - rank with float32|, less that"
                          " of |rank - rank with another seed| in float32", against_seeds(rows)),
                figure=FIGURE, kind="ours", id=f"less-than-another-seed-{about}", at_most=0.0,
                claim=f"bfloat16 moves the average rank of {name} less than another seed"
                f" does, {at}",
                regime=seen,
            ),
            judge(
                Statistic("|mean over points of rank with bfloat16 - rank with float32|",
                          shift(rows)),
                figure=FIGURE, kind="ours", id=f"shift-{about}", at_most=SHIFT * full, regime=seen,
                claim=f"bfloat16 shifts the average rank of {name} by less than a fiftieth of"
                f" the largest, {at}",
            ),
        ]  # fmt: skip
    return found


def between_seeds(rows: pd.DataFrame) -> pd.Series:
    """Return, by point, how far apart the smallest and the largest seed are in float32."""
    float32 = pairs(rows)["float32"].groupby(level=AT)
    return float32.max() - float32.min()


def draw(table: pd.DataFrame) -> Figure:
    """Draw columns: model and batch size; rows: tolerances and the test accuracy.

    A dot per seed is the change by bfloat16; the band reaches as far as two seeds in float32 lie
    apart.
    """
    columns = [
        (model, size)
        for model in MODELS
        for size in sorted(table.loc[table["model"] == model, "batch_size"].unique())
    ]
    rows = {**tolerances(table), "test_accuracy": "test accuracy"}
    fig, axes = plt.subplots(
        len(rows), max(1, len(columns)), figsize=(style.PAGE, 0.4 + 1.5 * len(rows)),
        sharey="row", sharex="col", squeeze=False, layout="constrained",
    )  # fmt: skip
    for j, (model, size) in enumerate(columns):
        here = table[(table["model"] == model) & (table["batch_size"] == size)]
        name = f"{MODELS[model]}, batch size {size:g}"
        axes[0][j].set_title(name)
        decays = sorted(here["weight_decay"].unique())
        for i, (metric, word) in enumerate(rows.items()):
            layer = "network" if metric == "test_accuracy" else "average"
            _changes(axes[i][j], rank(here, metric, layer), decays, f"{name}, {word}")
        axes[-1][j].set_xticks(range(len(decays)), [f"{d:g}" for d in decays])
        axes[-1][j].set_xlabel("weight decay")
    for i, (metric, word) in enumerate(rows.items()):
        what = word if metric == "test_accuracy" else f"average rank,\n{word}"
        axes[i][0].set_ylabel(f"change of\n{what}")
    style.legend(fig, axes[0][0])
    return fig


def _changes(ax: Axes, rows: pd.DataFrame, decays: list[float], panel: str) -> None:
    both, apart = pairs(rows), between_seeds(rows).droplevel("batch_size")
    places = {decay: i for i, decay in enumerate(decays)}
    for decay, reach in zip(apart.index.astype(float), apart, strict=True):
        label = "as far as two seeds in float32 lie apart"
        ax.bar(places[decay], 2 * reach, 0.6, -reach, color="#cfcfcf", label=label)
        style.note(ax, panel=panel, series=label, x_name="weight_decay", x=decay, mean=0.0,
                   low=-reach, high=reach)  # fmt: skip
    change = (both["bfloat16"] - both["float32"]).rename("value").reset_index()
    ax.plot(change["weight_decay"].map(places), change["value"], "o", color=style.VERMILION,
            label="bfloat16 − float32, a seed")  # fmt: skip
    style.notes(ax, change["weight_decay"], change["value"], panel=panel, x_name="weight_decay",
                series="bfloat16 − float32, a seed", n=1)  # fmt: skip
    ax.axhline(0, color=style.BLACK, linewidth=0.6)
    ax.set_xlim(-0.6, len(decays) - 0.4)
