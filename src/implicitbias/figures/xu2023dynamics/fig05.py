"""Test accuracy against 1/rho over initial norms, with and without weight decay.

Numbered as in the author manuscript. Networks and rho are as in figure 3. The upper panels show the
published squares, one per initial norm s, with their bars and fits. The lower panels show our runs:
small points are seeds, squares are means over seeds with their range, and the dash-dotted line is
fitted to the means.

The paper reads no clear relation into such small differences of rho. Its fit with decay (slope -19,
R^2 0.94) rests on the square at s = 1.2. The published squares do not separate starts from seeds:
the runs of the paper's figures 3 and 8, in the same settings, lie far outside their bars. Our
panels therefore give the ratio F of the variance between initial norms to the variance between
seeds of one initial norm; where F is near 1, the initial norm explains nothing of rho. Two more
claims on these runs test the abstract's least rho: whether every rho with decay ends below every
rho without decay, and whether every start ends at the same rho.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _weight_norm as wn

PAPER: dict[str, Any] = {**wn.PAPER, "init_norm": [0.8, 0.9, 1.0, 1.2, 1.3, 1.5]}
FIGURE = "xu2023dynamics/fig05"
NEEDS = ("fro_norm", "train_accuracy", "test_accuracy")
SEEN = "chosen after other claims on these runs had been seen"
WORDS = {True: "with decay", False: "without decay"}


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: 100/rho and the test accuracy in percent."""
    runs = wn.ends(wn.with_lambda(table), "top", "test_error")
    return runs.assign(inverse=100 / runs["top"], accuracy=100 * (1 - runs["test_error"]))


def slopes(runs: pd.DataFrame) -> pd.Series:
    """Return the slope of accuracy [%] on 1/rho over the initial norms, by seed."""
    return pd.Series({
        seed: wn.slope(own["inverse"].to_numpy() / 100, own["accuracy"].to_numpy())
        for seed, own in runs.groupby("seed")
    })  # fmt: skip


def between(runs: pd.DataFrame, column: str = "inverse") -> float:
    """Return F, the variance between initial norms over that between seeds; NaN for one seed."""
    groups = [own[column].to_numpy() for _, own in runs.groupby("init_norm")]
    k, n = len(groups), sum(map(len, groups))
    if k < 2 or n <= k:
        return float("nan")
    mean = np.concatenate(groups).mean()
    across = sum(len(g) * (g.mean() - mean) ** 2 for g in groups) / (k - 1)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - k)
    return float(across / within) if within > 0 else float("nan")


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the two slopes, and what decay does to the accuracy."""
    table, left = wn.whole_seeds(table)
    runs, fitted = runs_of(table), regimes.learn(table, wn.LEARNT)
    found = []
    for decays, printed in ((True, "-19.0, p .031"), (False, "-2.9, p .92")):
        part = runs[(runs["lam"] > 0) == decays]
        found.append(
            judge(Statistic.of(f"slope of accuracy [%] on 1/rho over starts, {WORDS[decays]}",
                               slopes(part)),
                  figure=FIGURE, kind="paper", at_most=0.0, regime=[fitted],
                  id=f"accuracy-falls-with-margin-{WORDS[decays].replace(' ', '-')}",
                  reference=f"figure 5, printed slope {printed}",
                  claim=f"{WORDS[decays]} accuracy falls as 1/rho grows",
                  note=_joined(left, f"F of 1/rho between starts over seeds: {between(part):.2g}"))
        )  # fmt: skip
    accuracy = runs.groupby([runs["lam"] > 0, "seed"])["accuracy"].mean()
    if accuracy.index.get_level_values(0).nunique() == 2:
        found.append(
            judge(Statistic.of("accuracy [%] without minus with decay",
                               accuracy.loc[False] - accuracy.loc[True]),
                  figure=FIGURE, kind="paper", id="decay-lowers-accuracy", at_least=0.0,
                  regime=[fitted], reference="figure 5: 0.4 of a point", note=left,
                  claim="weight decay lowers the accuracy")
        )  # fmt: skip
    return found + _least_rho(runs, fitted, left)


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _least_rho(runs: pd.DataFrame, fitted: Condition, left: str) -> list[Claim]:
    """Judge whether decay leads to the least rho over all starts, and to it from every start."""
    rho = runs.assign(decays=runs["lam"] > 0).groupby(["decays", "seed"])["top"]
    least, most = (found.unstack("decays").reindex(columns=[False, True]) for found in
                   (rho.min(), rho.max()))  # fmt: skip
    spread = most / least
    without = np.exp(np.log(spread[False]).mean())
    return [
        judge(Statistic.of("smallest rho over starts without / largest with decay",
                           least[False] / most[True], log=True),
              figure=FIGURE, kind="paper", id="rho-least-with-decay", at_least=1.0,
              regime=[fitted], reference="abstract: the absolute minimum of rho",
              note=_joined(left, SEEN),
              claim="from every start rho ends smaller with decay than from any without"),
        judge(Statistic.of("largest / smallest rho over starts, with decay", spread[True],
                           log=True),
              figure=FIGURE, kind="ours", id="rho-from-every-start", at_most=1.1,
              regime=[fitted], reference="abstract: the absolute minimum of rho",
              note=_joined(left, SEEN, f"without decay the ratio is {without:.3g}; of the"
                           " abstract's own normalisation exp_equilibrium judges it"),
              claim="weight-normalised, too, every start comes to the same rho, to a tenth"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the published squares above and ours below; with decay left, without decay right."""
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.8), layout="constrained")
    runs = runs_of(table)
    for j, decays in enumerate((True, False)):
        _published(axes[0][j], "1e-3" if decays else "0")
        _ours(axes[1][j], runs[(runs["lam"] > 0) == decays], WORDS[decays])
        axes[1][j].set_xlabel("100 / rho")
    for ax in axes[:, 0]:
        ax.set_ylabel("test accuracy [%]")
    wn.start_legend(fig, runs["init_norm"], marker="s", linestyle="none", markersize=5)
    return fig


def _published(ax: Axes, lam: str) -> None:
    rows = wn.points("5", f"lambda={lam}", "1/rho").set_index("x")["y"] * 100
    accuracy = wn.points("5", f"lambda={lam}", "test accuracy (%)").set_index("x")["y"]
    for start, at in rows.items():
        start = float(str(start))
        colour = wn.start_colour(start)
        ax.plot([at], [accuracy[start]], marker="s", linestyle="none", color=colour, markersize=5)
        style.note(ax, panel=f"published, lambda={lam}", series=f"s = {start:g}",
                   x_name="100/rho", x=at, mean=accuracy[start])  # fmt: skip
    _line(ax, rows.to_numpy(), accuracy[rows.index].to_numpy())
    ax.set_title(f"published, lambda = {float(lam):g}")


def _ours(ax: Axes, runs: pd.DataFrame, words: str) -> None:
    means = runs.groupby("init_norm")[["inverse", "accuracy"]].agg(["mean", "min", "max", "count"])
    for start, own in runs.groupby("init_norm"):
        colour = wn.start_colour(float(str(start)))
        ax.plot(own["inverse"], own["accuracy"], ".", color=colour, alpha=0.5, markersize=3)
        row = means.loc[float(str(start))]
        x, y = row["inverse"], row["accuracy"]
        ax.plot([x["mean"]], [y["mean"]], marker="s", linestyle="none", color=colour, markersize=5)
        ax.vlines([x["mean"]], [y["min"]], [y["max"]], color=colour, linewidth=0.8)
        ax.hlines([y["mean"]], [x["min"]], [x["max"]], color=colour, linewidth=0.8)
        style.note(ax, panel=words, series=f"s = {float(str(start)):g}", x_name="100/rho",
                   x=x["mean"], mean=y["mean"], low=y["min"], high=y["max"],
                   n=y["count"])  # fmt: skip
    _line(ax, means["inverse", "mean"].to_numpy(), means["accuracy", "mean"].to_numpy())
    lam = runs["lam"].max() if len(runs) else 0.0
    ax.set_title(f"ours, lambda = {lam:g}: F = {between(runs):.2g}")


def _line(ax: Axes, x: Any, y: Any) -> None:
    slope = wn.slope(x, y)
    if np.isfinite(slope):
        ends = np.array([x.min(), x.max()])
        ax.plot(ends, y.mean() + slope * (ends - x.mean()), "-.", color=style.BLACK, linewidth=0.8)
