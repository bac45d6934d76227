"""Claims: a sentence, a statistic over seeds with its interval, a threshold, a regime, a verdict.

This file defines a claim and how it is stored. `judge` gives verdicts, `regimes` says whether the
runs can test a sentence at all, and `statistics` computes the numbers that are judged.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..base import foreign
from ..base.errors import shortened
from ..base.files import write_text

Kind = Literal["paper", "published", "control", "proved", "ours"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HEADLINE: tuple[Kind, ...] = ("paper", "published", "control")  # the kinds that a headline counts
Verdict = Literal["fails", "undecided", "not tested", "holds"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # what a reader must see first comes first
LEAST = 3  # seeds below which nothing is decided
_MEASURED = ("value", "ci_low", "ci_high", "p")  # may be NaN, which JSON has no word for
_TEXTS = ("id", "kind", "figure", "claim", "statistic", "interval", "verdict", "reference", "note")
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+(\.[a-z0-9]+)?)*")
_LONGEST_ID = 60
KEYS = {  # of the claims file
    "id": "Name of the claim, unique in its figure: it stays when the sentence is reworded.",
    "kind": "`paper`: a sentence of the paper. `published`: agreement with published points."
    " `control`: what the paper's reasoning needs. `proved`: a theorem, identity or certificate,"
    " whose violation is a failed job. `ours`: our addition.",
    "figure": "The figure that makes it, as `galanti2025rank/fig09`.",
    "claim": "The sentence that is judged.",
    "statistic": "What was computed, and what is claimed of it.",
    "value": "Mean of the statistic over the seeds, the geometric mean of ratios; null if there is"
    " none [of the statistic].",
    "ci_low": "Lower end of its interval; null if there is none [of the statistic].",
    "ci_high": "Upper end of its interval; null if there is none [of the statistic].",
    "interval": "What the interval is: `95%, Student's t over seeds`, or a range.",
    "threshold": "What the interval is compared with [of the statistic].",
    "p": "Two-sided p-value of the test that the verdict rests on; null if there is none [1].",
    "n": "Independent seeds with a value; of a `proved` claim the cases that were checked [1].",
    "regime": "What must be true of the runs for the sentence to be tested: a list of `name`, `met`"
    " and `measured`.",
    "verdict": "`holds`, `fails`, `undecided`, or `not tested` where the regime is not met.",
    "reference": "What of the paper it is about, such as a figure as published; may be empty.",
    "note": "What is missing from it, or what else a reader must know; may be empty.",
    "points": "Of a `published` claim, ours beside each published point; else empty.",
}


@dataclass(frozen=True)
class Condition:
    """One part of a regime: its name, whether the runs meet it, and its measured value."""

    name: str
    met: bool
    measured: str


@dataclass(frozen=True)
class Point:
    """One published point beside ours, the mean of n seeds.

    A published value between `low` and `high` agrees with ours. `basis` says where these ends come
    from: `prediction`, the 95% prediction interval for one more run; `fixed`, a tolerance such as
    max(3, 5%), with fewer than three seeds; `apart`, only one of the two networks learnt, so that
    the ranks are not compared.
    """

    panel: str
    series: str
    x: float
    ours: float
    published: float
    low: float
    high: float
    n: int
    basis: Literal["prediction", "fixed", "apart"]

    @property
    def agrees(self) -> bool:
        """Whether the published value lies between the ends; a missing one of ours does not."""
        return self.low <= self.published <= self.high


@dataclass(frozen=True)
class Claim:
    """One verdict with everything that it rests on; KEYS describes the fields.

    A missing number is NaN here and null in the file.
    """

    id: str
    kind: Kind
    figure: str
    claim: str
    statistic: str
    value: float
    ci_low: float
    ci_high: float
    interval: str
    threshold: float
    p: float
    n: int
    regime: tuple[Condition, ...]
    verdict: Verdict
    reference: str = ""
    note: str = ""
    points: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a malformed id, and a verdict that its own numbers or regime cannot carry."""
        if not _ID.fullmatch(self.id) or len(self.id) > _LONGEST_ID:
            raise ValueError(
                f"id {self.id!r} is not lower-case words joined by hyphens, such as"
                f" rank-falls-with-decay, in at most {_LONGEST_ID} characters"
            )
        for word, allowed in ((self.kind, KINDS), (self.verdict, VERDICTS)):
            if word not in allowed:
                raise ValueError(f"{word!r} is none of {', '.join(allowed)}")
        if (self.verdict == "not tested") != bool(self.unmet):
            raise ValueError(f"{self.verdict!r} does not fit the regime of {self.claim!r}")
        numbers = (self.value, self.ci_low, self.ci_high, self.threshold)
        if self.decided and (self.n < LEAST or not np.isfinite(numbers).all()):
            raise ValueError(
                f"{self.verdict!r} needs {LEAST} seeds and finite numbers: {self.claim!r}"
            )

    @property
    def decided(self) -> bool:
        """Whether the claim holds or fails."""
        return self.verdict in ("holds", "fails")

    @property
    def unmet(self) -> tuple[Condition, ...]:
        """The parts of the regime that the runs do not meet."""
        return tuple(part for part in self.regime if not part.met)


def holm(claims: Iterable[Claim]) -> list[Claim]:
    """Return the decided claims that survive Holm's correction at 5% among the tested claims.

    A claim without a p-value takes no part. Source: Holm (1979), A simple sequentially rejective
    multiple test procedure, Scandinavian Journal of Statistics 6(2).
    """
    tested = [c for c in claims if c.verdict != "not tested" and math.isfinite(c.p)]
    kept: list[Claim] = []
    for i, claim in enumerate(sorted(tested, key=lambda c: c.p)):
        if claim.p > 0.05 / (len(tested) - i):
            break
        kept.append(claim)
    return [claim for claim in kept if claim.decided]


def write_claims(path: str | Path, claims: Iterable[Claim]) -> None:
    """Write the claims as a JSON list, whole or not at all; NaN becomes null.

    Raises:
        ValueError: two claims of one figure have the same id.
    """
    rows = [asdict(claim) for claim in _distinct(list(claims))]
    text = json.dumps(_nulls(rows), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
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


def _nulls(cell: Any) -> Any:
    if isinstance(cell, dict):
        return {key: _nulls(value) for key, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [_nulls(value) for value in cell]
    return None if isinstance(cell, float) and math.isnan(cell) else cell


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
    for key in _TEXTS:
        _checked(key, foreign.line, cells, "text of one line")
    for key, part in (("regime", Condition), ("points", Point)):
        if not isinstance(cells[key], list):
            raise ValueError(f"{key} is {shortened(cells[key])}, not a list")
        cells[key] = tuple(_part(key, part, cell) for cell in cells[key])
    return Claim(**cells)


def _part(key: str, kind: type[Condition] | type[Point], row: Any) -> Any:
    """A condition or a point from the file: each field is checked by its type."""
    names = {field.name: str(field.type) for field in fields(kind)}
    if not isinstance(row, dict) or row.keys() != names.keys():
        raise ValueError(f"an entry of {key} has the keys {', '.join(names)} and no other")
    cells = dict(row)
    for name, of in names.items():
        if "float" in of:
            missing = cells[name] is None
            cells[name] = math.nan if missing else _checked(name, foreign.number, cells, "a number")
        elif "int" in of:
            _checked(name, foreign.count, cells, "a count")
        elif "bool" in of:
            if not isinstance(cells[name], bool):
                raise ValueError(f"{name} is {shortened(cells[name])}, not true or false")
        else:
            _checked(name, foreign.line, cells, "text of one line")
    return kind(**cells)


def _checked(key: str, check: foreign.Check, cells: dict[str, Any], what: str) -> Any:
    try:
        return check(cells[key])
    except ValueError:
        raise ValueError(f"{key} is {shortened(cells[key])}, not {what}") from None
