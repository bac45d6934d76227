"""Statistics over the seeds of a table: ends of a line, differences, and complete cases.

The seed is the statistical unit: the runs of one seed share initialisation and data order, so a
statistic is computed within each seed. All seeds enter with equal points: the largest complete
block of seeds and points is taken, and the points left out are counted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Statistic:
    """A number per seed, the sentence that describes it, and what is missing ("" if nothing is).

    A seed whose value could not be computed is NaN here; it is kept so that it is counted. log: the
    numbers are ratios, whose mean and interval are computed on logarithms; a ratio of 0 has no
    logarithm and is missing.
    """

    sentence: str
    by_seed: dict[int, float]
    missing: str = ""
    log: bool = False

    @classmethod
    def of(
        cls, sentence: str, values: pd.Series, missing: str = "", log: bool = False
    ) -> "Statistic":
        """Return the statistic whose values are a series indexed by seed."""
        by_seed = {int(str(seed)): float(value) for seed, value in values.items()}
        return cls(sentence, by_seed, missing, log)

    @property
    def values(self) -> list[float]:
        """The numbers that can be averaged, by seed."""
        found = [v for _, v in sorted(self.by_seed.items()) if math.isfinite(v)]
        return [v for v in found if v > 0] if self.log else found


def line_ratio(
    table: pd.DataFrame,
    x: str,
    value: str = "value",
    by: Sequence[str] = (),
    falls: bool = True,
) -> Statistic:
    """Return the ratio of the ends of the least-squares line through log value, over all points.

    The line is fitted against the position of x in its order, so that every point has equal weight
    whatever the spacing of x. It spans all values of x, so that a missing point changes the error
    and not the estimated quantity. Each group of `by` has its own level, and all share the slope,
    which without gaps is the mean of their slopes. falls: the value at the largest x over the value
    at the smallest; otherwise the inverse, so that a ratio below 1 is the expected trend. A group
    with a value of 0 or less has no logarithm; it is left out and counted.
    """
    _require_numbers(table, x)
    rows, missing = complete(table, [*by, x], value)
    places = {v: i for i, v in enumerate(sorted(table[x].unique()))} if len(rows) else {}
    by_seed: dict[int, float] = {}
    empty, groups = 0, 0
    for seed, own in rows.groupby("seed"):
        over, under = 0.0, 0.0
        for part in split(own, by):
            values = part[value].to_numpy(dtype=np.float64)
            groups += 1
            if not (values > 0).all():
                empty += 1
                continue
            at = part[x].map(places).to_numpy(dtype=np.float64)
            at = at - at.mean()
            over, under = over + float(at @ np.log(values)), under + float(at @ at)
        reach = (len(places) - 1) * (1 if falls else -1)
        by_seed[int(str(seed))] = math.exp(over / under * reach) if under else math.nan
    left = f"{empty} of {groups} curves with a value of 0 left out" if empty else ""
    ends = f"largest / at smallest {x}" if falls else f"smallest / at largest {x}"
    sentence = f"{_named(table, value)} at {ends}, line over all points{_averaged(by)}"
    return Statistic(sentence, by_seed, "; ".join(filter(None, [missing, left])), log=True)


def difference(
    table: pd.DataFrame,
    column: str,
    first: object,
    second: object,
    value: str = "value",
    by: Sequence[str] = (),
) -> Statistic:
    """Return value where column is `first` minus value where it is `second`, averaged over `by`."""
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


def complete(
    table: pd.DataFrame, axes: Sequence[str], value: str = "value"
) -> tuple[pd.DataFrame, str]:
    """Return the largest complete block of seeds and points that have a value, and what it lacks.

    Seeds are added in the order of their numbers of points, and a block has the points that all its
    seeds have. Among equally large blocks the one with more seeds is taken. A seed that was run at
    a single point therefore does not count, nor does a point that a single seed has.
    """
    if table.empty:
        return table, "no rows"
    absent = [name for name in ("run", "seed", *axes, value) if name not in table]
    if absent:
        raise ValueError(f"the table has no column {', '.join(absent)}; it has {list(table)}")
    keys = ["seed", *axes]
    twice = table[table.duplicated(keys)]
    if len(twice):
        point = ", ".join(f"{key}={twice.iloc[0][key]}" for key in keys)
        raise ValueError(f"several rows at {point}: select one, or name the other column in `by`")
    numbers = table[value].astype(float)
    rows = table[np.isfinite(numbers)].assign(**{value: numbers})
    points = {
        seed: frozenset(own[list(axes)].itertuples(index=False, name=None))
        for seed, own in rows.groupby("seed")
    }
    ordered = sorted(points, key=lambda seed: (-len(points[seed]), str(seed)))
    blocks = [
        (frozenset.intersection(*(points[s] for s in ordered[:m])), ordered[:m])
        for m in range(1, len(ordered) + 1)
    ]
    common, seeds = max(blocks, key=lambda b: (len(b[0]) * len(b[1]), len(b[1])),
                        default=(frozenset(), []))  # fmt: skip
    at = pd.Series(list(rows[list(axes)].itertuples(index=False, name=None)), index=rows.index)
    kept = rows[rows["seed"].isin(seeds) & at.isin(common)]
    return kept, "; ".join(_missing(table, rows, kept, list(axes)))


def split(rows: pd.DataFrame, by: Sequence[str]) -> list[pd.DataFrame]:
    """Return the groups of `by`, or all rows as one."""
    return [part for _, part in rows.groupby(list(by), dropna=False)] if by else [rows]


def _missing(
    table: pd.DataFrame, rows: pd.DataFrame, kept: pd.DataFrame, axes: list[str]
) -> list[str]:
    missing = []
    if lost := table["run"].nunique() - rows["run"].nunique():
        missing.append(f"{lost} of {table['run'].nunique()} runs without a value")
    points, left = (len(part[axes].drop_duplicates()) for part in (table, kept))
    if left < points:
        words = f"{points - left} of {points} points left out: not every seed has them"
        for axis in axes:  # what a sentence about all values of an axis then rests on
            if len(kept) and kept[axis].nunique() == 1 < table[axis].nunique():
                words += f", only {axis} {kept[axis].iloc[0]} is left"
        missing.append(words)
    if seeds := table["seed"].nunique() - kept["seed"].nunique():
        missing.append(f"{seeds} of {table['seed'].nunique()} seeds left out: they lack points")
    return missing


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
    rows, missing = complete(table, [*by, *axes], value)
    by_seed: dict[int, float] = {}
    empty, groups = 0, 0
    for seed, own in rows.groupby("seed"):
        numbers = np.array([of_group(part) for part in split(own, by)])
        finite = numbers[np.isfinite(numbers)]
        by_seed[int(str(seed))] = float(finite.mean()) if len(finite) else math.nan
        empty, groups = empty + len(numbers) - len(finite), groups + len(numbers)
    left = f"no statistic in {empty} of {groups} groups" if empty and by else ""
    said = sentence.format(value=_named(table, value)) + _averaged(by)
    return Statistic(said, by_seed, "; ".join(filter(None, [missing, left])))


def _named(table: pd.DataFrame, value: str) -> str:
    metrics = list(table["metric"].unique()) if "metric" in table else []
    return str(metrics[0]) if len(metrics) == 1 else value


def _averaged(by: Sequence[str]) -> str:
    return f", mean over {', '.join(by)}" if by else ""
