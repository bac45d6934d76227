"""Intervals and p-values at 95%, from scipy.stats, which is loaded only where a claim is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.05  # two-sided, of every test
STUDENT = "95%, Student's t over seeds"
ON_LOGS = "95%, Student's t over seeds, of logarithms"
BINOMIAL = "95%, binomial over points"


def student(values: Sequence[float], log: bool = False) -> tuple[float, float, float]:
    """Return mean, low and high: the 95% interval of Student's t for the mean of values (n,).

    log: compute on the logarithms, so that the mean is geometric. The ends are NaN if n < 2. If all
    values are equal, both ends are that value.
    """
    from scipy import stats

    seeds = np.log(values) if log else np.asarray(values, dtype=np.float64)
    n = len(seeds)
    if n == 0:
        return math.nan, math.nan, math.nan
    if (seeds == seeds[0]).all():  # a mean of equal numbers may round past them
        mean = float(values[0])
        return (mean, mean, mean) if n > 1 else (mean, math.nan, math.nan)
    mean = float(seeds.mean())
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1) * seeds.std(ddof=1) / math.sqrt(n))
    found = (mean, mean - half, mean + half)
    return tuple(map(math.exp, found)) if log else found  # type: ignore[return-value]


def p_value(values: Sequence[float], threshold: float, log: bool = False) -> float:
    """Return the two-sided p-value of Student's t test that the mean is the threshold.

    NaN below 2 values; equal values give 0, or 1 where they are the threshold.
    """
    from scipy import stats

    seeds = np.asarray(values, dtype=np.float64)
    if len(seeds) < 2 or (log and threshold <= 0):
        return math.nan
    if (seeds == seeds[0]).all():
        return float(seeds[0] == threshold)
    seeds, wanted = (np.log(seeds), math.log(threshold)) if log else (seeds, threshold)
    spread = seeds.std(ddof=1) / math.sqrt(len(seeds))
    if spread == 0:  # the logarithms differ by less than their rounding
        return float(seeds.mean() == wanted)
    return float(2 * stats.t.sf(abs(seeds.mean() - wanted) / spread, len(seeds) - 1))


def prediction(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the 95% prediction interval for one more draw beside values (n,).

    mean +- t s sqrt(1 + 1/n), Student's t with n - 1 degrees of freedom; NaN if n < 2.
    """
    from scipy import stats

    seeds = np.asarray(values, dtype=np.float64)
    n = len(seeds)
    if n < 2:
        return math.nan, math.nan
    spread = seeds.std(ddof=1) * math.sqrt(1 + 1 / n)
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1) * spread)
    return float(seeds.mean()) - half, float(seeds.mean()) + half


def binomial(successes: int, trials: int, share: float) -> tuple[float, float, float]:
    """Return the exact 95% interval (Clopper-Pearson) of a share, and the p-value of `share`."""
    from scipy import stats

    test = stats.binomtest(successes, trials, share)
    ends = test.proportion_ci(1 - LEVEL)
    return float(ends.low), float(ends.high), float(test.pvalue)
