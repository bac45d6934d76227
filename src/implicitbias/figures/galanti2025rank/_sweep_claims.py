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
    share_within,
    trend_and_effect,
)
from ...analysis.tables import final
from ._mlp import LAST_PUBLISHED_EPOCH, SERIES_NAMES, WORDS, rank
from ._sweep import Sweep, tolerances

GROWS = {"batch_size": "the batch gets smaller", "lr": "the learning rate grows",
         "weight_decay": "weight decay grows"}  # fmt: skip


def falls(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str], of: str = "", note: str = ""
) -> list[Claim]:
    """The average rank of the runs with decay falls: with smaller batches, or with larger x."""
    direction: Literal["rises", "falls"] = "rises" if x == "batch_size" else "falls"
    found = []
    for metric, at in tolerances(table).items():
        rows = rank(table[table["weight_decay"] > 0], metric)
        claim = f"average rank falls as {GROWS[x]}{of}, {at}"
        found += trend_and_effect(
            rows, figure=figure, claim=claim, x=x, direction=direction, by=by, note=note
        )
    return found


def flat_without_decay(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str] = (), of: str = ""
) -> list[Claim]:
    """The control: without weight decay the same change of x lowers the rank by under a tenth."""
    smaller = x == "batch_size"
    words = "a smaller batch" if smaller else f"a larger {WORDS[x]}"
    found = []
    for metric, at in tolerances(table).items():
        rows = rank(table[table["weight_decay"] == 0], metric)
        change = relative_change(rows, x, by=by, relative_to="largest" if smaller else "smallest")
        lowered = Statistic(
            f"share by which {words} lowers it: {change.sentence}",
            {seed: -v if smaller else v for seed, v in change.by_seed.items()}, change.missing,
        )  # fmt: skip
        claim = f"without weight decay {words} lowers the average rank by under a tenth{of}, {at}"
        found.append(judge(lowered, figure=figure, claim=claim, at_most=0.1))
    return found


def fitted(table: pd.DataFrame, figure: str) -> Claim:
    """Every network with decay fits the training set: 99% at least, in the worst one."""
    rows = final(table)
    rows = rows[(rows["metric"] == "train_accuracy") & (rows["weight_decay"] > 0)]
    least = rows.groupby("seed")["value"].min()
    lost = int(rows["value"].isna().sum())
    by_seed = {int(str(seed)): float(v) for seed, v in least.items()}
    found = Statistic("least training accuracy", by_seed, f"{lost} missing" if lost else "")
    return judge(found, figure=figure, claim="every network fits the training set", at_least=0.99)


def of_batch_sizes(table: pd.DataFrame, sweep: Sweep) -> list[Claim]:
    """Figures 4 and 13: rank, fit and test accuracy against batch size; the control."""
    rows = final(table)
    test = rows[(rows["metric"] == "test_accuracy") & (rows["weight_decay"] > 0)]
    return [
        *falls(table, sweep.key, "batch_size", sweep.by),
        *flat_without_decay(table, sweep.key, "batch_size", ["lr"]),
        fitted(table, sweep.key),
        judge(
            monotone_trend(test, "batch_size", by=sweep.by), figure=sweep.key, at_most=-0.5,
            claim="test accuracy grows as the batch gets smaller (trend)",
        ),
    ]  # fmt: skip


def fidelity(table: pd.DataFrame, sweep: Sweep) -> list[Claim]:
    """Ours against every published point, where the protocol is the paper's; [] where it is not.

    Within max(3, 5%) for ranks and max(0.02, 5%) for accuracies. The paper's last record is taken
    after 490 of 500 epochs, so ours are taken there too.
    """
    published = sweep.published(table)
    if published is None:
        return []
    at = table[(table["epoch"] == LAST_PUBLISHED_EPOCH) & (table["weight_decay"] > 0)]
    compared = {
        theirs: (at[at["metric"] == ours], 0.02, ours.replace("_", " "))
        for ours, theirs in SERIES_NAMES.items()
    }
    if sweep.as_published:
        words = f"average rank at {tolerances(table)[sweep.as_published]}"
        compared["average"] = (rank(at, sweep.as_published), 3.0, words)
    return [
        judge(
            share_within(ours, _points(table, sweep, published, series), [*sweep.by, sweep.x],
                         absolute=absolute),
            figure=sweep.key, at_least=0.9, reference=f"figure {sweep.figure} as published",
            claim=f"{words} is the published one at nine points of ten",
        )
        for series, (ours, absolute, words) in compared.items()
    ]  # fmt: skip


def _points(
    table: pd.DataFrame, sweep: Sweep, published: pd.DataFrame, series: str
) -> pd.DataFrame:
    """The published points of one series, named by the fields of our runs."""
    rows: list[Mapping[str, object]] = []
    for value in sweep.columns(table):
        cells = value if isinstance(value, tuple) else (value,)
        theirs = published[
            (published["panel"] == sweep.panel(value)) & (published["series"] == series)
        ]
        fields = dict(zip(sweep.by, cells, strict=True))
        rows += [
            {**fields, sweep.x: float(x), "value": y}
            for x, y in zip(theirs["x"], theirs["y"], strict=True)
        ]
    points = pd.DataFrame(rows, columns=[*sweep.by, sweep.x, "value"])
    kinds = {c: table[c].dtype for c in (*sweep.by, sweep.x)}
    return points.astype({**kinds, "value": float})
