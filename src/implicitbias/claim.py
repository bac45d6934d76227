"""Claims: a sentence of a paper, a statistic over seeds, its interval, a threshold and a verdict.

The seed is the unit: the runs of one seed share initialisation and data order, so a statistic is
computed within each seed, averaged over the seeds, and whole seeds are resampled for its interval.

The interval is nominal 95%. With few seeds no resampling can give that: with 2, 3 and 4 seeds it is
the range of the seeds, which holds the mean of a normal distribution 50%, 75% and 87% of the time;
5 seeds reach 92%, 10 seeds 95% (simulated).
"""

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Verdict = Literal["holds", "fails", "undecided"]
VERDICTS = ("holds", "fails", "undecided")
RESAMPLES = 9_999
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


@dataclass(frozen=True)
class Statistic:
    """A number per seed, the sentence that says which, and what is missing from it ("" if nothing).

    A seed whose value could not be computed is NaN here: it is kept, so that it is counted.
    """

    sentence: str
    by_seed: dict[int, float]
    missing: str = ""


def seed_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Interval for the mean of per-seed values (n,): expanded percentile bootstrap over seeds.

    The percentiles alpha'/2 = Phi(-sqrt(n / (n - 1)) t_{1 - alpha/2, n - 1}) widen the plain
    interval, which is too narrow by that factor in small samples. NaN if n < 2.
    Source: Hesterberg (2015), What Teachers Should Know About the Bootstrap, The American
    Statistician 69(4).
    """
    seeds = np.asarray(values, dtype=np.float64)
    n = len(seeds)
    if n < 2 or not np.isfinite(seeds).all():
        return math.nan, math.nan
    quantile = stats.t.ppf((1 + level) / 2, n - 1)
    tail = float(stats.norm.cdf(-math.sqrt(n / (n - 1)) * quantile))
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
    near, far = sorted((side * low, side * high)) if n > 1 else (math.nan, math.nan)
    verdict: Verdict = "undecided"
    if near >= side * threshold:
        verdict = "holds"
    elif far < side * threshold:
        verdict = "fails"
    notes = [note, statistic.missing, f"{lost} of {lost + n} seeds have no value" if lost else ""]
    notes.append(f"interval: the range of {n} seeds" if 2 <= n <= 4 else "")
    value = float(np.clip(np.mean(values), min(values), max(values))) if values else math.nan
    return Claim(
        figure=figure,
        claim=claim,
        statistic=f"{statistic.sentence}; mean over seeds",
        value=value,
        ci_low=low,
        ci_high=high,
        threshold=threshold,
        n=n,
        verdict=verdict,
        reference=reference,
        note="; ".join(filter(None, notes)),
    )


def monotone_trend(
    table: pd.DataFrame, x: str, value: str = "value", by: Sequence[str] = ()
) -> Statistic:
    """Kendall's tau-b between x and value within each group of `by`, averaged; in [-1, 1].

    Points without a value are left out of tau and counted. A group whose values are all equal
    counts as 0: a flat line is evidence against a trend, not missing.
    """
    _require_numbers(table, x)

    def tau(group: pd.DataFrame) -> float:
        seen = group[group[value].notna()]
        if len(seen) < 2:
            return math.nan
        if seen[value].nunique() == 1:
            return 0.0
        return float(stats.kendalltau(seen[x], seen[value]).statistic)

    return _per_seed(table, [x], value, by, tau, f"Kendall tau-b of {{value}} against {x}")


def relative_change(
    table: pd.DataFrame,
    x: str,
    value: str = "value",
    by: Sequence[str] = (),
    relative_to: Literal["smallest", "largest"] = "smallest",
) -> Statistic:
    """(value at smallest x - value at largest x) / |value at one of them|, averaged over `by`.

    The effect size beside a trend. relative_to: the x whose value divides; choose the end that the
    claim says is the higher one, so that a fall to zero is 1 and never a division by zero. A group
    without both ends has no value.
    """
    _require_numbers(table, x)

    def change(group: pd.DataFrame) -> float:
        ends = group.sort_values(x)[value].to_numpy(dtype=np.float64)[[0, -1]]
        base = abs(ends[0 if relative_to == "smallest" else 1])
        return float((ends[0] - ends[1]) / base) if base != 0 and len(group) > 1 else math.nan

    sentence = f"({{value}} at smallest - at largest {x}) / at {relative_to}"
    return _per_seed(table, [x], value, by, change, sentence)


def difference(
    table: pd.DataFrame,
    column: str,
    first: object,
    second: object,
    value: str = "value",
    by: Sequence[str] = (),
) -> Statistic:
    """Value where column is `first` minus value where it is `second`, averaged over `by`."""
    present = list(table[column].unique())
    if len(table) and (first not in present or second not in present):
        raise ValueError(f"{column} has {present}, not both {first!r} and {second!r}")

    def gap(group: pd.DataFrame) -> float:
        ends = group.set_index(column)[value].reindex([first, second]).to_numpy(dtype=np.float64)
        return float(ends[0] - ends[1])

    rows = table[table[column].isin([first, second])]
    return _per_seed(
        rows, [column], value, by, gap, f"{{value}} at {column}={first} minus at {second}"
    )


def share_within(
    table: pd.DataFrame,
    reference: pd.DataFrame,
    on: Sequence[str],
    value: str = "value",
    absolute: float = 3.0,
    relative: float = 0.05,
) -> Statistic:
    """Share of points with |ours - reference| <= max(absolute, relative * |reference|); in [0, 1].

    `on`: the columns that name a point in both tables; both have `value`. A point that we trained
    and that has no value is not within, so a diverged run never helps. Published points that were
    not trained are not compared, and counted.
    """
    if reference.duplicated(list(on)).any() or not np.isfinite(reference[value]).all():
        raise ValueError(f"the reference needs one finite {value} for each of {', '.join(on)}")
    published = reference[[*on, value]].rename(columns={value: "published"})
    both = table.merge(published, on=list(on), how="inner")
    nothing = not np.isfinite(both[value].astype(float)).any()

    def share(group: pd.DataFrame) -> float:
        if nothing:  # in no seed: that is no comparison, rather than a bad one
            return math.nan
        allowed = np.maximum(absolute, relative * group["published"].abs())
        return float(((group[value] - group["published"]).abs() <= allowed).mean())

    sentence = (
        f"share of points with {{value}} within max({absolute:g}, {relative:.0%}) of the paper"
    )
    found = _per_seed(both, [*on, "published"], value, (), share, sentence)
    compared = len(both[list(on)].drop_duplicates())
    few = "" if compared == len(reference) else f"{compared} of {len(reference)} published points"
    return Statistic(found.sentence, found.by_seed, "; ".join(filter(None, [found.missing, few])))


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
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide the file from a group
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


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


def _require_numbers(table: pd.DataFrame, x: str) -> None:
    if len(table) and (not pd.api.types.is_numeric_dtype(table[x]) or table[x].isna().any()):
        raise ValueError(f"column {x} needs a number in every row to be ordered")


def _per_seed(
    table: pd.DataFrame,
    axes: Sequence[str],
    value: str,
    by: Sequence[str],
    of_group: Callable[[pd.DataFrame], float],
    sentence: str,
) -> Statistic:
    """of_group for each seed and group of `by`, averaged over the groups that have a value."""
    grid, missing = _complete(table, [*by, *axes], value)
    by_seed: dict[int, float] = {}
    empty, groups = 0, 0
    for seed in sorted(grid["seed"].unique()):
        rows = grid[grid["seed"] == seed]
        parts = [part for _, part in rows.groupby(list(by), dropna=False)] if by else [rows]
        numbers = np.array([of_group(part) for part in parts])
        finite = numbers[np.isfinite(numbers)]
        by_seed[int(seed)] = float(finite.mean()) if len(finite) else math.nan
        empty, groups = empty + len(numbers) - len(finite), groups + len(numbers)
    if empty and by:
        missing.append(f"no statistic in {empty} of {groups} groups")
    metrics = list(table["metric"].unique()) if "metric" in table else []
    said = sentence.format(value=metrics[0] if len(metrics) == 1 else value)
    averaged = f", mean over {', '.join(by)}" if by else ""
    return Statistic(said + averaged, by_seed, "; ".join(missing))


def _complete(
    table: pd.DataFrame, axes: Sequence[str], value: str
) -> tuple[pd.DataFrame, list[str]]:
    """Every seed at every point that any seed has, NaN where it has none; and what is missing."""
    absent = [name for name in ("run", "seed", *axes, value) if name not in table]
    if absent:
        raise ValueError(f"the table has no column {', '.join(absent)}; it has {list(table)}")
    keys = ["seed", *axes]
    twice = table[table.duplicated(keys)]
    if len(twice):
        point = ", ".join(f"{key}={twice.iloc[0][key]}" for key in keys)
        raise ValueError(f"several rows at {point}: select one, or name the other column in `by`")
    numbers = table[value].astype(float)
    rows = table[["run", *keys]].assign(**{value: numbers.where(np.isfinite(numbers))})
    points = rows[list(axes)].drop_duplicates()
    grid = rows[["seed"]].drop_duplicates().merge(points, how="cross").merge(rows, "left", on=keys)
    lost = rows.loc[rows[value].isna(), "run"].nunique()
    missing = [f"{lost} of {rows['run'].nunique()} runs without a value"] if lost else []
    if len(grid) > len(rows):
        missing.append(f"{len(grid) - len(rows)} of {len(grid)} points were not run")
    return grid, missing if len(rows) else ["no rows"]
