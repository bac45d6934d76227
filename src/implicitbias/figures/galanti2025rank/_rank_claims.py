"""The claims of figures 1-4 and 12-15, and their published points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge, trend
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from .. import _rank_claims
from .._ranks import rank, split
from . import _published
from ._convnets import Layout

FITTING = "networks with decay that fit"


def falls(
    table: pd.DataFrame, layout: Layout, x: str, by: Sequence[str],
    of: tuple[str, str] = ("", ""), metric: str = "", least: float = regimes.LEARNT,
) -> Claim:  # fmt: skip
    """Judge whether the average rank falls along x, at the figure's tolerance."""
    metric = metric or layout.judged(table)
    return _rank_claims.falls(table, layout.key, x, by, metric, of, least=least)


def flat_without_decay(
    table: pd.DataFrame, layout: Layout, x: str, by: Sequence[str] = (),
    of: tuple[str, str] = ("", ""), metric: str = "", least: float = regimes.LEARNT,
) -> Claim:  # fmt: skip
    """Judge the control without decay, at the figure's tolerance."""
    metric = metric or layout.judged(table)
    return _rank_claims.flat_without_decay(table, layout.key, x, by, metric, of, least=least)


def fitted(table: pd.DataFrame, figure: str) -> Claim:
    """Judge whether every network with decay fits the training set, to 99% in the worst one."""
    rows = final(table)
    rows = rows[(rows["metric"] == "train_accuracy") & (rows["weight_decay"] > 0)]
    least = rows.groupby("seed")["value"].min()
    lost = int(rows["value"].isna().sum())
    return judge(
        Statistic.of("least training accuracy", least, f"{lost} missing" if lost else ""),
        figure=figure, kind="paper", id="all-fit", at_least=regimes.FIT,
        claim="every network fits the training set",
        regime=[regimes.runs(rows, "there are runs with decay")],
    )  # fmt: skip


def of_batch_sizes(table: pd.DataFrame, layout: Layout) -> list[Claim]:
    """Judge figures 4 and 13: rank, fit and test accuracy against batch size; the control."""
    fit, left = regimes.learnt(table, regimes.FIT)
    rows = final(fit)
    test = rows[(rows["metric"] == "test_accuracy") & (rows["weight_decay"] > 0)]
    return [
        falls(table, layout, "batch_size", layout.by),
        flat_without_decay(table, layout, "batch_size", ["lr"]),
        fitted(table, layout.key),
        trend(
            test, x="batch_size", by=layout.by, direction="falls", effect=0.0, figure=layout.key,
            kind="paper", id="test-accuracy-grows-with-smaller-batch",
            note="; ".join(filter(None, [left, regimes.LATE])),
            claim="among networks that fit, test accuracy grows as the batch gets smaller",
            regime=[regimes.several(test, "batch_size", FITTING)],
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
        ours = {"average": rank(at, layout.as_published)}
        compared.insert(0, _published.Compared("average-rank", words, ours))
    return _published.judged(
        layout.figure, at, compared, lambda series: _points(table, layout, theirs, series),
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
            {**fields, layout.x: float(point["x"]), "panel": point["panel"], "series": series,
             "x": float(point["x"]), "value": point["y"]}
            for _, point in theirs.iterrows()
        ]  # fmt: skip
    points = pd.DataFrame(rows, columns=[*layout.by, layout.x, "panel", "series", "x", "value"])
    kinds = {c: table[c].dtype for c in (*layout.by, layout.x)}
    return points.astype({**kinds, "value": float})
