"""Verdicts: Student's t over seeds, and a trend with its size as one claim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import pandas as pd

from .claims import LEAST, Claim, Condition, Kind, Verdict
from .intervals import LEVEL, ON_LOGS, STUDENT, p_value, student
from .statistics import Statistic, line_ratio
from .trends import exact_trend


def judge(
    statistic: Statistic,
    *,
    figure: str,
    id: str,
    kind: Kind,
    claim: str,
    at_least: float | None = None,
    at_most: float | None = None,
    regime: Iterable[Condition] = (),
    reference: str = "",
    note: str = "",
) -> Claim:
    """Give the verdict on "the statistic is at least (or at most) this threshold".

    not tested: a part of the regime is not met. holds: the whole interval is on the claim's side of
    the threshold (or on it); fails: the whole interval is beyond it; undecided: it straddles, or
    fewer than 3 seeds have a value.
    """
    threshold = at_least if at_least is not None else at_most
    if threshold is None or None not in (at_least, at_most) or not math.isfinite(threshold):
        raise ValueError(f"{figure}: give at_least or at_most, one finite number: {claim!r}")
    regime = tuple(regime)
    values = statistic.values
    n, lost = len(values), len(statistic.by_seed) - len(values)
    value, low, high = student(values, statistic.log)
    words = "at least" if at_least is not None else "at most"
    notes = [note, statistic.missing, f"{lost} of {lost + n} seeds have no value" if lost else ""]
    if n > 1 and len(set(values)) == 1:
        notes.append(f"all {n} seeds have the same value")
    mean = "geometric mean" if statistic.log else "mean"
    return Claim(
        id=id,
        kind=kind,
        figure=figure,
        claim=claim,
        statistic=f"{statistic.sentence}; {mean} over seeds; claimed: {words} {threshold:g}",
        value=value,
        ci_low=low,
        ci_high=high,
        interval=ON_LOGS if statistic.log else STUDENT,
        threshold=threshold,
        p=p_value(values, threshold, statistic.log),
        n=n,
        regime=regime,
        verdict=_verdict(low, high, threshold, at_least is not None, n, regime),
        reference=reference,
        note="; ".join(filter(None, notes)),
    )


def _verdict(
    low: float, high: float, threshold: float, above: bool, n: int, regime: tuple[Condition, ...]
) -> Verdict:
    if not all(part.met for part in regime):
        return "not tested"
    if n < LEAST or math.isnan(low):
        return "undecided"
    side = 1 if above else -1  # mirrored, at_most is at_least
    near, far = sorted((side * low, side * high))
    if near >= side * threshold:
        return "holds"
    return "fails" if far < side * threshold else "undecided"


def trend(
    rows: pd.DataFrame,
    *,
    figure: str,
    id: str,
    kind: Kind,
    claim: str,
    x: str,
    direction: Literal["rises", "falls"],
    by: Sequence[str] = (),
    value: str = "value",
    effect: float = 0.1,
    regime: Iterable[Condition] = (),
    reference: str = "",
    note: str = "",
) -> Claim:
    """Judge the sentence "value rises (or falls) with x": its direction and its size in one claim.

    The statistic is the ratio of the ends of the line through log value against the order of x,
    over all points, the end that should be low over the other (`statistics.line_ratio`). holds: the
    ratio is at most 1 - effect, and the p-value of the trend over all points is at most 5%
    (`trends`, two-sided; from three points on). fails: the ratio is above 1 - effect. Anything else
    is undecided.
    """
    ends = line_ratio(rows, x, value, by, falls=direction == "falls")
    found = judge(
        ends, figure=figure, id=id, kind=kind, claim=claim, at_most=1 - effect, regime=regime,
        reference=reference, note=note,
    )  # fmt: skip
    seen = exact_trend(rows, x, value, by)
    if math.isnan(seen.p):
        return found
    p = seen.p if seen.sign == (1 if direction == "rises" else -1) else 1.0
    said = f"trend over {seen.points} points: Kendall's tau {seen.tau:.2f}, exact p {seen.p:.2g}"
    unproved = found.verdict == "holds" and p > LEVEL
    return replace(
        found,
        verdict="undecided" if unproved else found.verdict,
        p=found.p if found.verdict == "fails" else max(found.p, p),
        note="; ".join(filter(None, [found.note, said])),
    )
