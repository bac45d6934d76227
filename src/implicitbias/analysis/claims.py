"""Claims: a sentence of a paper, a statistic over seeds, its interval, a threshold and a verdict.

The seed is the unit: the runs of one seed share initialisation and data order, so a statistic is
computed within each seed, averaged over the seeds, and whole seeds are resampled for its interval.

The interval is nominal 95%. With few seeds no resampling can give that: with 2, 3 and 4 seeds it is
the range of the seeds, which holds the mean of a normal distribution 50%, 75% and 87% of the time;
5 seeds reach 92%, 10 seeds 95% (simulated).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base import foreign
from ..base.errors import shortened
from ..base.files import write_text
from .statistics import Statistic, difference, monotone_trend, relative_change, share_within

__all__ = [
    "Claim", "Statistic", "difference", "judge", "monotone_trend", "read_claims", "relative_change",
    "seed_interval", "share_within", "trend_and_effect", "write_claims",
]  # fmt: skip

Verdict = Literal["fails", "undecided", "holds"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # what a reader must see first comes first
RESAMPLES = 9_999
_RANGE = 4  # seeds up to which the interval is their range
_MEASURED = ("value", "ci_low", "ci_high")  # may be NaN, which JSON has no word for
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+(\.[a-z0-9]+)?)*")
_LONGEST_ID = 60
KEYS = {  # of the claims file
    "id": "Name of the claim, unique in its figure: it stays when the sentence is reworded.",
    "figure": "The figure that makes it, as `galanti2025rank/fig09`.",
    "claim": "The sentence that is judged.",
    "statistic": "What was computed, and what is claimed of it.",
    "value": "Mean of the statistic over the seeds; null if there is none [of the statistic].",
    "ci_low": "Lower end of its interval; null if there is none [of the statistic].",
    "ci_high": "Upper end of its interval; null if there is none [of the statistic].",
    "threshold": "What the interval is compared with [of the statistic].",
    "n": "Independent seeds with a value [seeds].",
    "verdict": "`holds`, `fails` or `undecided`.",
    "reference": "What of the paper it is about, such as a figure as published; may be empty.",
    "note": "What is missing from it, or what else a reader must know; may be empty.",
}


@dataclass(frozen=True)
class Claim:
    """A claim is one verdict with everything it rests on: KEYS says what its fields are.

    A number that is missing is NaN here and null in the file.
    """

    id: str
    figure: str
    claim: str
    statistic: str
    value: float
    ci_low: float
    ci_high: float
    threshold: float
    n: int
    verdict: Verdict
    reference: str
    note: str

    def __post_init__(self) -> None:
        """Refuse a malformed id, and a verdict that its own numbers cannot carry."""
        if not _ID.fullmatch(self.id) or len(self.id) > _LONGEST_ID:
            raise ValueError(
                f"id {self.id!r} is not lower-case words joined by hyphens, such as"
                f" rank-falls-with-decay, in at most {_LONGEST_ID} characters"
            )
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(VERDICTS)}")
        numbers = (self.value, self.ci_low, self.ci_high, self.threshold)
        if self.verdict != "undecided" and (self.n < 2 or not np.isfinite(numbers).all()):
            raise ValueError(f"{self.verdict!r} needs 2 seeds and finite numbers: {self.claim!r}")


def seed_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95% interval for the mean of per-seed values (n,): expanded percentile bootstrap
    over seeds.

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
    from scipy import special  # loaded only here; scipy.stats takes longer to load

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
    id: str,
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
        id=id,
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
    id: str,
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
    """Judge the sentence "value rises (or falls) with x" twice: its direction and its size.

    Their ids are `id` and -trend, -effect.
    trend: the least |tau-b|. effect: the least share by which the low end is below the high end.
    Both are needed: a thousandth of a rank can be perfectly monotone.
    """
    tau = monotone_trend(table, x, value, by)
    verdict = partial(judge, figure=figure, reference=reference, note=note)
    if direction == "falls":
        change = relative_change(table, x, value, by, relative_to="smallest")
        first = verdict(tau, id=f"{id}-trend", claim=f"{claim} (trend)", at_most=-trend)
        second = verdict(change, id=f"{id}-effect", claim=f"{claim} (effect)", at_least=effect)
    else:
        change = relative_change(table, x, value, by, relative_to="largest")
        first = verdict(tau, id=f"{id}-trend", claim=f"{claim} (trend)", at_least=trend)
        second = verdict(change, id=f"{id}-effect", claim=f"{claim} (effect)", at_most=-effect)
    return [first, second]


def write_claims(path: str | Path, claims: Iterable[Claim]) -> None:
    """Write the claims as a JSON list, whole or not at all; NaN becomes null.

    Raises:
        ValueError: two claims of one figure have the same id.
    """
    rows = [asdict(claim) for claim in _distinct(list(claims))]
    for row in rows:
        row.update({key: row[key] if math.isfinite(row[key]) else None for key in _MEASURED})
    text = json.dumps(rows, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(Path(path), text)


def read_claims(path: str | Path) -> list[Claim]:
    """Read claims back; a damaged file is one ValueError that names it."""
    try:
        claims: list[Claim] = foreign.read(Path(path), _claims)
    except ValueError as problem:  # includes broken JSON and broken UTF-8
        said = str(problem).removeprefix(f"{path}: not readable: ")
        raise ValueError(f"{path} is not a claims file: {said}") from problem
    return claims


def _claims(rows: Any) -> list[Claim]:
    if not isinstance(rows, list):
        raise ValueError("not a list of claims")
    return _distinct([_claim(row) for row in rows])


def _distinct(claims: list[Claim]) -> list[Claim]:
    twice = [key for key, n in Counter((c.figure, c.id) for c in claims).items() if n > 1]
    if twice:
        raise ValueError(f"{twice[0][0]}: several claims have the id {twice[0][1]!r}")
    return claims


def _claim(row: Any) -> Claim:
    if not isinstance(row, dict) or row.keys() != KEYS.keys():
        raise ValueError(f"a claim has the keys {', '.join(KEYS)} and no other")
    cells = dict(row)
    for key in (*_MEASURED, "threshold"):
        missing = cells[key] is None and key in _MEASURED
        cells[key] = math.nan if missing else _checked(key, foreign.number, cells, "a number")
        cells[key] = float(cells[key])
    _checked("n", foreign.count, cells, "a count of seeds")
    for key in ("id", "figure", "claim", "statistic", "verdict", "reference", "note"):
        _checked(key, foreign.line, cells, "text of one line")
    return Claim(**cells)


def _checked(key: str, check: foreign.Check, cells: dict[str, Any], what: str) -> Any:
    try:
        return check(cells[key])
    except ValueError:
        raise ValueError(f"{key} is {shortened(cells[key])}, not {what}") from None
