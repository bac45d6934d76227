"""The claims of figures 1-4 and 12-15, at each tolerance, and the published points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from ...analysis.claims import (
    Claim,
    Statistic,
    judge,
    monotone_trend,
    relative_change,
    trend_and_effect,
)
from ...analysis.tables import final
from .._ranks import IDS, part, rank, split, tolerances
from ..style import WORDS
from . import _published
from ._convnets import Layout

GROWS = {"batch_size": "the batch gets smaller", "lr": "the learning rate grows",
         "weight_decay": "weight decay grows"}  # fmt: skip


def falls(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str], of: tuple[str, str] = ("", ""),
    note: str = "",
) -> list[Claim]:  # fmt: skip
    """Judge whether the average rank of runs with decay falls with smaller batches or larger x.

    of: which runs these are, at the end of the sentence and in the id.
    """
    direction: Literal["rises", "falls"] = "rises" if x == "batch_size" else "falls"
    judged = []
    for metric, at in tolerances(table).items():
        judged += trend_and_effect(
            rank(table[table["weight_decay"] > 0], metric), figure=figure, x=x, by=by,
            id=f"rank-falls-with-{'smaller-' * (x == 'batch_size')}{IDS[x]}{of[1]}-{part(metric)}",
            claim=f"average rank falls as {GROWS[x]}{of[0]}, {at}", direction=direction, note=note,
        )  # fmt: skip
    return judged


def flat_without_decay(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str] = (),
    of: tuple[str, str] = ("", ""),
) -> list[Claim]:  # fmt: skip
    """Judge the control: without weight decay the same change of x lowers the rank by under a
    tenth.
    """
    smaller = x == "batch_size"
    words = "a smaller batch" if smaller else f"a larger {WORDS[x]}"
    judged = []
    for metric, at in tolerances(table).items():
        rows = rank(table[table["weight_decay"] == 0], metric)
        change = relative_change(rows, x, by=by, relative_to="largest" if smaller else "smallest")
        lowered = Statistic(
            f"share by which {words} lowers it: {change.sentence}",
            {seed: -v if smaller else v for seed, v in change.by_seed.items()}, change.missing,
        )  # fmt: skip
        claim = (
            f"without weight decay {words} lowers the average rank by under a tenth{of[0]}, {at}"
        )
        judged.append(
            judge(lowered, figure=figure, id=f"flat-without-decay-{IDS[x]}{of[1]}-{part(metric)}",
                  claim=claim, at_most=0.1)
        )  # fmt: skip
    return judged


def fitted(table: pd.DataFrame, figure: str) -> Claim:
    """Judge whether every network with decay fits the training set, to 99% in the worst one."""
    rows = final(table)
    rows = rows[(rows["metric"] == "train_accuracy") & (rows["weight_decay"] > 0)]
    least = rows.groupby("seed")["value"].min()
    lost = int(rows["value"].isna().sum())
    accuracy = Statistic.of("least training accuracy", least, f"{lost} missing" if lost else "")
    return judge(
        accuracy,
        figure=figure,
        id="all-fit",
        claim="every network fits the training set",
        at_least=0.99,
    )


def of_batch_sizes(table: pd.DataFrame, layout: Layout) -> list[Claim]:
    """Judge figures 4 and 13: rank, fit and test accuracy against batch size; the control."""
    rows = final(table)
    test = rows[(rows["metric"] == "test_accuracy") & (rows["weight_decay"] > 0)]
    return [
        *falls(table, layout.key, "batch_size", layout.by),
        *flat_without_decay(table, layout.key, "batch_size", ["lr"]),
        fitted(table, layout.key),
        judge(
            monotone_trend(test, "batch_size", by=layout.by), figure=layout.key, at_most=-0.5,
            id="test-accuracy-grows-with-smaller-batch",
            claim="test accuracy grows as the batch gets smaller (trend)",
        ),
    ]  # fmt: skip


def fidelity(table: pd.DataFrame, layout: Layout) -> list[Claim]:
    """Judge ours against every published point, where the protocol is the paper's; [] where it is
    not.
    """
    theirs = layout.published(table)
    if theirs is None:
        return []
    at = table[(table["epoch"] == _published.LAST_EPOCH) & (table["weight_decay"] > 0)]
    compared = _published.accuracies(at)
    if layout.as_published:
        words = f"average rank at tolerance {split(layout.as_published)[1]:g}"
        compared["average"] = rank(at, layout.as_published), 3.0, words
    return _published.agreement(
        layout.figure, compared, lambda series: _points(table, layout, theirs, series),
        [*layout.by, layout.x],
    )  # fmt: skip


def _points(
    table: pd.DataFrame, layout: Layout, published: pd.DataFrame, series: str
) -> pd.DataFrame:
    """The published points of one series, named by the fields of our runs."""
    rows: list[Mapping[str, object]] = []
    for value in layout.columns(table):
        cells = value if isinstance(value, tuple) else (value,)
        theirs = published[
            (published["panel"] == layout.panel(value)) & (published["series"] == series)
        ]
        fields = dict(zip(layout.by, cells, strict=True))
        rows += [
            {**fields, layout.x: float(x), "value": y}
            for x, y in zip(theirs["x"], theirs["y"], strict=True)
        ]
    points = pd.DataFrame(rows, columns=[*layout.by, layout.x, "value"])
    kinds = {c: table[c].dtype for c in (*layout.by, layout.x)}
    return points.astype({**kinds, "value": float})
