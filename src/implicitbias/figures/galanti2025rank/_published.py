"""The paper's published points beside our runs: where they belong, and how many ours agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ...analysis import published
from ...analysis.claims import Claim, judge, share_within
from .. import comparable, style

PAPER = "galanti2025rank"
LAST_EPOCH = 490  # the paper's last record is taken after 490 of 500 epochs
SERIES = {"train_accuracy": "train_acc", "test_accuracy": "test_acc"}  # what the points call them
# Of ids.
PARTS = {
    "average": "average-rank", "avg_conv": "average-rank-conv", "avg_linear": "average-rank-linear",
    "train_acc": "train-accuracy", "test_acc": "test-accuracy",
}  # fmt: skip
Compared = dict[str, tuple[pd.DataFrame, float, str]]  # series: ours, absolute distance, words


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
    return pd.DataFrame({
        column: points["panel"].str.partition("=")[2].astype(float),
        x: points["x"].astype(float), "value": points["y"],
    })  # fmt: skip


def accuracies(rows: pd.DataFrame) -> Compared:
    """Return both accuracies of our runs, to be compared within max(0.02, 5%)."""
    return {
        theirs: (rows[rows["metric"] == ours], 0.02, ours.replace("_", " "))
        for ours, theirs in SERIES.items()
    }


def agreement(
    figure: str, compared: Compared, points: Callable[[str], pd.DataFrame], on: Sequence[str]
) -> list[Claim]:
    """Judge, for each series, whether ours are the published points at nine of ten.

    Within max(3, 5%) for ranks and max(0.02, 5%) for accuracies. `points` gives those of a series;
    `on` are the columns that name a point there and in ours.
    """
    return [
        judge(
            share_within(ours.astype({c: points(series)[c].dtype for c in on}), points(series), on,
                         absolute=absolute),
            figure=f"{PAPER}/fig{int(figure):02d}", id=f"published-{PARTS[series]}", at_least=0.9,
            reference=f"figure {figure} as published",
            claim=f"{words} is the published one at nine points of ten",
        )
        for series, (ours, absolute, words) in compared.items()
    ]  # fmt: skip
