"""An exact test of a trend: x is permuted within each seed, over all points of all groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .statistics import complete, split

_ALL = 7  # values of x up to which every permutation is counted; beyond, that many are drawn
_DRAWN = 20_000


@dataclass(frozen=True)
class Trend:
    """Kendall's tau over all pairs of points, its sign, and the two-sided p-value; p NaN if none.

    points: of x, at most. The test needs three of them.
    """

    tau: float
    p: float
    points: int

    @property
    def sign(self) -> int:
        """1 if the value rises with x, -1 if it falls, 0 without a direction."""
        return int(np.sign(self.tau))


def exact_trend(table: pd.DataFrame, x: str, value: str = "value", by: Sequence[str] = ()) -> Trend:
    """Return the test of "within a seed the value does not depend on x" against a trend.

    The statistic is the number of rising pairs of points minus the number of falling pairs, within
    each group of `by` and each seed. Under the hypothesis the values of a seed are exchangeable
    along x: all permutations of x, one for all groups of the seed, are equally likely, and seeds
    are independent. Groups of one seed, which share initial weights and data, therefore do not
    count as repetitions.
    """
    rows, _ = complete(table, [*by, x], value)
    places = {v: i for i, v in enumerate(sorted(rows[x].unique()))} if len(rows) else {}
    if len(places) < 3:
        return Trend(math.nan, math.nan, len(places))
    orders = _orders(len(places))
    first, second = np.triu_indices(len(places), 1)
    signs = np.sign(orders[:, second] - orders[:, first])
    sums, seen, pairs = np.ones(1), 0.0, 0.0
    for _, own in rows.groupby("seed"):
        net = np.zeros((len(places), len(places)))
        for part in split(own, by):
            at = part[x].map(places).to_numpy()
            v = part[value].to_numpy(dtype=np.float64)
            net[np.ix_(at, at)] += np.sign(v[None, :] - v[:, None])
            pairs += len(at) * (len(at) - 1) / 2
        possible = signs @ net[first, second]
        seen += float(possible[0])  # of the order as it is
        sums = _added(sums, possible)
    if not pairs:
        return Trend(math.nan, math.nan, len(places))
    middle = (len(sums) - 1) // 2
    offsets = np.arange(len(sums)) - middle
    tail = min(sums[offsets >= seen].sum(), sums[offsets <= seen].sum())
    return Trend(seen / pairs, float(min(1.0, 2 * tail)), len(places))


def _orders(k: int) -> NDArray[np.int64]:
    """Permutations (., k) of k places, the identity first: all of them, or many drawn."""
    if k <= _ALL:
        return np.array(list(permutations(range(k))))
    rng = np.random.default_rng(0)  # the same in every call: a claim does not depend on the clock
    drawn = rng.permuted(np.tile(np.arange(k), (_DRAWN, 1)), axis=1)
    return np.vstack([np.arange(k), drawn])


def _added(sums: NDArray[np.float64], possible: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of the sum after one more seed; whole numbers, 0 in the middle."""
    whole = np.rint(possible).astype(int)
    reach = int(np.abs(whole).max())
    own = np.bincount(whole + reach, minlength=2 * reach + 1) / len(whole)
    return np.convolve(sums, own)
