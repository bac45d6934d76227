"""Claims: a sentence of a paper, a statistic over seeds, its interval, a threshold and a verdict.

The seed is the unit: the runs of one seed share initialisation and data order, so a statistic is
computed within each seed, averaged over the seeds, and whole seeds are resampled for its interval.

The interval is nominal 95%. With few seeds no resampling can give that: with 2, 3 and 4 seeds it is
the range of the seeds, which holds the mean of a normal distribution 50%, 75% and 87% of the time;
5 seeds reach 92%, 10 seeds 95% (simulated).
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.files import write_text
from .statistics import Statistic, difference, monotone_trend, relative_change, share_within

__all__ = [
    "Claim", "Statistic", "difference", "judge", "monotone_trend", "read_claims", "relative_change",
    "seed_interval", "share_within", "trend_and_effect", "write_claims",
]  # fmt: skip

Verdict = Literal["holds", "fails", "undecided"]
VERDICTS = ("holds", "fails", "undecided")
RESAMPLES = 9_999
_RANGE = 4  # seeds up to which the interval is their range
_MEASURED = ("value", "ci_low", "ci_high")  # may be NaN, which JSON has no word for


@dataclass(frozen=True)
class Claim:
    """One verdict, with everything it rests on; its fields are the keys of the claims file."""

    figure: str  # "galanti2025rank/fig09"
    claim: str  # the sentence
    statistic: str  # what was computed
    value: float  # mean over the seeds; NaN if there is none
    ci_low: float
    ci_high: float
    threshold: float
    n: int  # independent seeds with a value
    verdict: Verdict
    reference: str
    note: str

    def __post_init__(self) -> None:
        """Refuse a verdict that its own numbers cannot carry."""
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(VERDICTS)}")
        numbers = (self.value, self.ci_low, self.ci_high, self.threshold)
        if self.verdict != "undecided" and (self.n < 2 or not np.isfinite(numbers).all()):
            raise ValueError(f"{self.verdict!r} needs 2 seeds and finite numbers: {self.claim!r}")


def seed_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% interval for the mean of per-seed values (n,): expanded percentile bootstrap over seeds.

    The percentiles alpha'/2 = Phi(-sqrt(n / (n - 1)) t_{1 - alpha/2, n - 1}) widen the plain
    interval, which is too narrow by that factor in small samples. Up to n = 4 they are rarer than
    n^-n, the chance to draw one seed n times: the interval is the range. NaN if n < 2.
    Source: Hesterberg (2015), What Teachers Should Know About the Bootstrap, The American
    Statistician 69(4).
    """
    seeds = np.asarray(values, dtype=np.float64)
    n = len(seeds)
    if n < 2 or not np.isfinite(seeds).all():
        return math.nan, math.nan
    if n <= _RANGE:
        return float(seeds.min()), float(seeds.max())
    from scipy import special  # loaded only here; scipy.stats takes thrice its time

    quantile = special.stdtrit(n - 1, 0.975)
    tail = float(special.ndtr(-math.sqrt(n / (n - 1)) * quantile))
    means = seeds[_resamples(n)].mean(axis=1)
    # A mean of equal numbers may round past them: no resampled mean is outside the seeds' range.
    low, high = np.clip(np.quantile(means, [tail, 1 - tail]), seeds.min(), seeds.max())
    return float(low), float(high)


@lru_cache(maxsize=8)
def _resamples(n: int) -> NDArray[np.int64]:
    """Indices (RESAMPLES, n), the same in every call: a claim does not depend on the clock."""
    return np.random.default_rng(0).integers(n, size=(RESAMPLES, n))


def judge(
    statistic: Statistic,
    *,
    figure: str,
    claim: str,
    at_least: float | None = None,
    at_most: float | None = None,
    reference: str = "",
    note: str = "",
) -> Claim:
    """Give the verdict on "the statistic is at least (or at most) this threshold".

    holds: the whole interval is on the claim's side of the threshold (or on it); fails: the whole
    interval is beyond it; undecided: it straddles, or fewer than two seeds have a value.
    """
    threshold = at_least if at_least is not None else at_most
    if threshold is None or None not in (at_least, at_most) or not math.isfinite(threshold):
        raise ValueError(f"{figure}: give at_least or at_most, one finite number: {claim!r}")
    values = [v for v in statistic.by_seed.values() if math.isfinite(v)]
    n, lost = len(values), len(statistic.by_seed) - len(values)
    low, high = seed_interval(values)
    side = 1 if at_least is not None else -1  # mirrored, at_most is at_least
    words = "at least" if side == 1 else "at most"
    near, far = sorted((side * low, side * high)) if n > 1 else (math.nan, math.nan)
    verdict: Verdict = "undecided"
    if near >= side * threshold:
        verdict = "holds"
    elif far < side * threshold:
        verdict = "fails"
    notes = [note, statistic.missing, f"{lost} of {lost + n} seeds have no value" if lost else ""]
    notes.append(f"interval: the range of {n} seeds" if 2 <= n <= _RANGE else "")
    value = float(np.clip(np.mean(values), min(values), max(values))) if values else math.nan
    return Claim(
        figure=figure,
        claim=claim,
        statistic=f"{statistic.sentence}; mean over seeds; claimed: {words} {threshold:g}",
        value=value,
        ci_low=low,
        ci_high=high,
        threshold=threshold,
        n=n,
        verdict=verdict,
        reference=reference,
        note="; ".join(filter(None, notes)),
    )


def trend_and_effect(
    table: pd.DataFrame,
    *,
    figure: str,
    claim: str,
    x: str,
    direction: Literal["rises", "falls"],
    by: Sequence[str] = (),
    value: str = "value",
    trend: float = 0.5,
    effect: float = 0.1,
    reference: str = "",
    note: str = "",
) -> list[Claim]:
    """Two claims from the sentence "value rises (or falls) with x": a direction and a size.

    trend: the least |tau-b|. effect: the least share by which the low end is below the high end.
    Both are needed: a thousandth of a rank can be perfectly monotone.
    """
    tau = monotone_trend(table, x, value, by)
    verdict = partial(judge, figure=figure, reference=reference, note=note)
    if direction == "falls":
        change = relative_change(table, x, value, by, relative_to="smallest")
        first = verdict(tau, claim=f"{claim} (trend)", at_most=-trend)
        second = verdict(change, claim=f"{claim} (effect)", at_least=effect)
    else:
        change = relative_change(table, x, value, by, relative_to="largest")
        first = verdict(tau, claim=f"{claim} (trend)", at_least=trend)
        second = verdict(change, claim=f"{claim} (effect)", at_most=-effect)
    return [first, second]


def write_claims(path: str | Path, claims: Iterable[Claim]) -> None:
    """Write the claims as a JSON list, whole or not at all; NaN becomes null."""
    rows = [asdict(claim) for claim in claims]
    for row in rows:
        row.update({key: row[key] if math.isfinite(row[key]) else None for key in _MEASURED})
    text = json.dumps(rows, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(Path(path), text)


def read_claims(path: str | Path) -> list[Claim]:
    """Read claims back; a damaged file is one ValueError that names it."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_constant)
        if not isinstance(rows, list):
            raise ValueError("not a list of claims")
        return [_claim(row) for row in rows]
    except ValueError as problem:  # includes broken JSON and broken UTF-8
        raise ValueError(f"{path} is not a claims file: {problem}") from problem


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON; a missing number is null")


def _claim(row: Any) -> Claim:
    keys = [field.name for field in fields(Claim)]
    if not isinstance(row, dict) or set(row) != set(keys):
        raise ValueError(f"a claim has the keys {', '.join(keys)} and no other")
    cells = dict(row)
    for key in (*_MEASURED, "threshold"):
        cell = math.nan if cells[key] is None and key in _MEASURED else cells[key]
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise ValueError(f"{key} is {cell!r}, not a number")
        cells[key] = float(cell)
    if isinstance(cells["n"], bool) or not isinstance(cells["n"], int) or cells["n"] < 0:
        raise ValueError(f"n is {cells['n']!r}, not a count of seeds")
    for key in ("figure", "claim", "statistic", "verdict", "reference", "note"):
        if not isinstance(cells[key], str):
            raise ValueError(f"{key} is {cells[key]!r}, not text")
    return Claim(**cells)
