"""The paper's published points beside our runs: where they belong, and how many ours agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ...analysis import agreement, published, regimes
from ...analysis.claims import Claim, Point
from ...analysis.tables import NETWORK
from .. import comparable, style

PAPER = "galanti2025rank"
LAST_EPOCH = 490  # the paper's last record is taken after 490 of 500 epochs
SERIES = {"train_accuracy": "train_acc", "test_accuracy": "test_acc"}  # what the points call them


@dataclass(frozen=True)
class Compared:
    """What one claim compares: ours, a row per run, for each series of the published points.

    absolute: the fixed tolerance is max(absolute, 5%). ranks: whether they are ranks, which say
    something only where both networks learnt.
    """

    part: str  # of the id
    words: str
    series: Mapping[str, pd.DataFrame]
    absolute: float = 3.0
    ranks: bool = True


def reported(table: pd.DataFrame, paper: Mapping[str, Any], figure: str) -> pd.DataFrame | None:
    """Return the points of a figure where our runs follow its protocol; None where they do not."""
    if table.empty or not comparable(table.drop_duplicates("run"), dict(paper)):
        return None
    points = published.points(PAPER, figure)
    return points if len(points) else None


def draw(ax: Axes, points: pd.DataFrame | None, series: Iterable[str], panel: str) -> None:
    """Draw the points of some series, if there are points."""
    if points is not None:
        rows = points[points["series"].isin(list(series))]
        style.points(ax, list(rows["x"]), list(rows["y"]), "published", panel)


def numbered(points: pd.DataFrame, column: str, x: str) -> pd.DataFrame:
    """Return points with the fields of our runs: panels such as `B=32` are values of `column`."""
    found = points[["panel", "series"]].assign(
        x=points["x"].astype(float), value=points["y"].astype(float)
    )
    numbers = points["panel"].str.partition("=")[2].astype(float)
    return found.assign(**{column: numbers, x: found["x"]})


def accuracies(rows: pd.DataFrame) -> list[Compared]:
    """Return both accuracies of our runs, to be compared within max(0.02, 5%) below three seeds."""
    return [
        Compared(ours.replace("_", "-"), ours.replace("_", " "),
                 {theirs: rows[rows["metric"] == ours]}, absolute=0.02, ranks=False)
        for ours, theirs in SERIES.items()
    ]  # fmt: skip


def judged(
    figure: str,
    rows: pd.DataFrame,
    compared: Sequence[Compared],
    points: Callable[[str], pd.DataFrame],
    on: Sequence[str],
) -> list[Claim]:
    """Judge, for each of `compared`, whether ours are the published points at nine of ten.

    rows: our records after as many epochs as the published. `points` gives those of a series; `on`
    are the columns that name a point there and in ours.
    """
    apart = _apart(rows, points("train_acc"), on)
    found = []
    for one in compared:
        every: list[Point] = []
        total = 0
        for series, ours in one.series.items():
            theirs = points(series)
            total += len(theirs)
            if one.ranks:
                places = list(theirs[list(on)].itertuples(index=False, name=None))
                theirs = theirs.assign(apart=[place in apart for place in places])
            ours = ours.astype({c: theirs[c].dtype for c in on})
            every += agreement.beside(ours, theirs, on, absolute=one.absolute,
                                      reading=published.READING)  # fmt: skip
        found.append(agreement.agreement(
            every, total, figure=f"{PAPER}/fig{int(figure):02d}", id=f"published-{one.part}",
            claim=f"{one.words} is the published one at nine points of ten",
            reference=f"figure {figure} as published, after {LAST_EPOCH} epochs",
        ))  # fmt: skip
    return found


def _apart(rows: pd.DataFrame, theirs: pd.DataFrame, on: Sequence[str]) -> set[tuple[Any, ...]]:
    """The points of which either the published network or ours learnt, and not both."""
    least = regimes.LEARNT
    ours = rows[(rows["metric"] == "train_accuracy") & (rows["layer"] == NETWORK)]
    means = ours.astype({c: theirs[c].dtype for c in on}).groupby(list(on))["value"].mean()
    both = means.to_frame("ours").join(theirs.set_index(list(on))["value"], how="inner")
    odd = (both["ours"] >= least) != (both["value"] >= least)
    return {key if isinstance(key, tuple) else (key,) for key in both.index[odd]}
