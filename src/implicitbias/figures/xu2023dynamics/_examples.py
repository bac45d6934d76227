"""Figures 6 and 7 share rho, errors, their gap and rho / sqrt N, against N."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.statistics import Statistic
from .. import _learnt, style
from . import _weight_norm as wn

NEEDS = ("rho", "train_accuracy", "test_accuracy")
LEARNT = 0.8  # training accuracy from which on a network of two classes has learnt
SERIES = ("rho", "train error", "test error")


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: N, rho, errors, gap, and bound = rho / sqrt N."""
    runs = wn.ends(table, "rho", "train_error", "test_error")
    n = runs["n_train"].astype(float)
    return runs.assign(
        N=n, gap=runs["test_error"] - runs["train_error"], bound=runs["rho"] / np.sqrt(n)
    )


def published(figure: str) -> pd.DataFrame:
    """Return the published table: N, rho, errors, gap, bound."""
    rows = {
        name.replace(" ", "_"): wn.points(figure, "table", name).set_index("x")["y"]
        for name in (*SERIES, "rho/sqrt(N)")
    }
    found = pd.DataFrame(rows).rename(columns={"rho/sqrt(N)": "bound"}).rename_axis("N")
    return found.assign(gap=found["test_error"] - found["train_error"]).reset_index()


def variation(runs: pd.DataFrame, least: float) -> Statistic:
    """Return std / mean of rho over the N from `least` on, by seed."""
    kept = runs[runs["N"] >= least]
    groups = kept.groupby("seed")["rho"]
    return Statistic.of(f"std / mean of rho over N >= {least:g}", groups.std() / groups.mean())


def of_logs(runs: pd.DataFrame, y: str, x: str = "N", slope: bool = True) -> pd.Series:
    """Return the slope (or Pearson's correlation) of ln y on ln x over N, by seed.

    NaN for a seed with a value that is not positive: its logarithm does not exist.
    """
    found = {}
    for seed, own in runs.groupby("seed"):
        if not (own[[x, y]] > 0).to_numpy().all() or len(own) < 3:
            found[seed] = float("nan")
            continue
        a, b = np.log(own[x].to_numpy()), np.log(own[y].to_numpy())
        found[seed] = wn.slope(a, b) if slope else float(np.corrcoef(a, b)[0, 1])
    return pd.Series(found)


def draw(table: pd.DataFrame, figure: str, paper: Mapping[str, Any]) -> Figure:
    """Draw rho and errors, which the paper has as a table, its bars of the gap, its triangles."""
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.6), layout="constrained")
    runs, theirs = runs_of(table), published(figure)
    words, lost = wn.label(table, dict(paper)), _learnt.at_chance(table, LEARNT)
    _line(axes[0][0], runs, theirs, "rho", (style.BLUE, "o"), words, lost)
    for name, look in (("train_error", (style.BLUE, "s")), ("test_error", (style.VERMILION, "^"))):
        _line(axes[0][1], runs, theirs, name, look, words, lost)
    _gap(axes[1][0], runs[~runs["run"].isin(lost)], theirs, words)
    _line(axes[1][1], runs, theirs, "bound", (style.VERMILION, "^"), words, lost)
    if lost:
        style.remark(fig, f"{len(lost)} of {len(runs)} networks at chance, grey crosses, no bar")
    for ax in axes.flat:
        ax.set_xlabel("training examples N")
    for ax in (axes[0][0], axes[0][1], axes[1][1]):
        ax.set_xscale("log")
        ax.set_ylim(bottom=0)
    axes[0][0].set_ylabel("rho, all layers")
    axes[0][1].set_ylabel("error")
    axes[1][0].set_ylabel("test - training error")
    axes[1][1].set_ylabel("rho / sqrt(N)")
    style.legend(fig, axes[0][0], axes[0][1], axes[1][1], ncols=3)
    return fig


def _line(
    ax: Axes, runs: pd.DataFrame, theirs: pd.DataFrame, name: str, look: tuple[str, str],
    words: str, lost: frozenset[str],
) -> None:  # fmt: skip
    label = {"bound": "rho / sqrt(N)"}.get(name, name.replace("_", " "))
    rows = runs.assign(value=runs[name])
    _learnt.band(ax, rows, "N", label, look, label, lost, crosses=True)
    drawn = [t.get_label() for t in ax.get_lines()]
    shown = f"_{words}" if words in drawn else words
    style.points(ax, list(theirs["N"]), list(theirs[name]), shown, label)


def _gap(ax: Axes, runs: pd.DataFrame, theirs: pd.DataFrame, words: str) -> None:
    every = sorted({*runs["N"], *theirs["N"]})
    places = {float(n): float(i) for i, n in enumerate(every)}
    wn.bars(ax, runs.assign(value=runs["gap"]), "N", places, "ours", (style.BLUE, ""), "gap")
    style.points(ax, [places[n] for n in theirs["N"]], list(theirs["gap"]), words, "gap")
    ax.set_xticks([*places.values()], [f"{n:g}" for n in every], rotation=45)
    ax.axhline(0, color=style.BLACK, linewidth=0.6)
