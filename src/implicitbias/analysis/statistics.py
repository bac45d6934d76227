"""Statistics over the seeds of a table: trends, changes, differences, agreement with a reference.

The seed is the unit: the runs of one seed share initialisation and data order, so a statistic is
computed within each seed and averaged over the seeds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Statistic:
    """A number per seed, the sentence that says which, and what is missing from it ("" if nothing).

    A seed whose value could not be computed is NaN here: it is kept, so that it is counted.
    """

    sentence: str
    by_seed: dict[int, float]
    missing: str = ""

    @classmethod
    def of(cls, sentence: str, values: pd.Series, missing: str = "") -> "Statistic":
        """Return the statistic whose values are a series indexed by seed."""
        by_seed = {int(str(seed)): float(value) for seed, value in values.items()}
        return cls(sentence, by_seed, missing)


def monotone_trend(
    table: pd.DataFrame, x: str, value: str = "value", by: Sequence[str] = ()
) -> Statistic:
    """Return Kendall's tau-b between x and value within each group of `by`, averaged; in [-1, 1].

    Points without a value are left out of tau and counted. A group whose values are all equal
    counts as 0: a flat line is evidence against a trend, not missing.
    """
    _require_numbers(table, x)

    def tau(group: pd.DataFrame) -> float:
        seen = group[group[value].notna()]
        if len(seen) < 2:
            return math.nan
        return kendall_tau(*seen[[x, value]].to_numpy(dtype=np.float64).T)

    return _per_seed(table, [x], value, by, tau, f"Kendall tau-b of {{value}} against {x}")


def kendall_tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return tau-b of x and y (n,): concordant less discordant pairs, over the geometric mean of
    the pairs not tied in x and those not tied in y; in [-1, 1], 0 for a flat y, NaN for a flat x.

    As scipy.stats.kendalltau, which takes half a second to load. Source: Kendall (1945).
    """
    if (y == y[0]).all():
        return 0.0
    dx, dy = (np.sign(np.subtract.outer(v, v)) for v in (x, y))
    with np.errstate(invalid="ignore"):
        return float((dx * dy).sum() / np.sqrt((dx**2).sum() * (dy**2).sum()))


def relative_change(
    table: pd.DataFrame,
    x: str,
    value: str = "value",
    by: Sequence[str] = (),
    relative_to: Literal["smallest", "largest"] = "smallest",
) -> Statistic:
    """Return (value at smallest x - value at largest x) / |value at one of them|, averaged over
    `by`.

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


def share_within(
    table: pd.DataFrame,
    reference: pd.DataFrame,
    on: Sequence[str],
    value: str = "value",
    absolute: float = 3.0,
    relative: float = 0.05,
) -> Statistic:
    """Return the share of points with |ours - reference| <= max(absolute, relative * |reference|);
    in [0, 1].

    `on`: the columns that name a point in both tables; both have `value`. A point that we trained
    and that has no value is not within, so a diverged run never helps. Published points that were
    not trained are not compared, and counted. Seeds as in `fullest_seeds`.
    """
    if reference.duplicated(list(on)).any() or not np.isfinite(reference[value]).all():
        raise ValueError(f"the reference needs one finite {value} for each of {', '.join(on)}")
    published = reference[[*on, value]].rename(columns={value: "published"})
    every = table.merge(published, on=list(on), how="inner")
    both = fullest_seeds(every)
    nothing = not np.isfinite(both[value].astype(float)).any()

    def share(group: pd.DataFrame) -> float:
        if nothing:  # in no seed: that is no comparison, rather than a bad one
            return math.nan
        group = group[group["run"].notna()]
        allowed = np.maximum(absolute, relative * group["published"].abs())
        return float(((group[value] - group["published"]).abs() <= allowed).mean())

    sentence = (
        f"share of points with {{value}} within max({absolute:g}, {relative:.0%}) of the paper"
    )
    found = _per_seed(both, [*on, "published"], value, (), share, sentence)
    compared = len(both[list(on)].drop_duplicates())
    few = "" if compared == len(reference) else f"{compared} of {len(reference)} published points"
    left = every["seed"].nunique() - both["seed"].nunique()
    left_out = f"{left} seed{'s' if left > 1 else ''} run at fewer points left out" if left else ""
    missing = "; ".join(filter(None, [found.missing, few, left_out]))
    return Statistic(found.sentence, found.by_seed, missing)


def fullest_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the seeds that have the most rows.

    A further seed that was run at a few points, perhaps where something was odd, is no repetition
    of the others: the mean of its own points would count as much as that of all of theirs.
    """
    sizes = table.groupby("seed")["seed"].transform("size")
    kept: pd.DataFrame = table.loc[sizes == sizes.max()]
    return kept


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
