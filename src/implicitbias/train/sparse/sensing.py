"""Compressed sensing: the instance that a seed draws, and basis pursuit as its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray
from scipy.optimize import linprog

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Instance:
    """A sensing problem with matrix A (M, N), truth x* (N,) and measurements y (M,)."""

    matrix: Array
    truth: Array
    y: Array


def draw(seed: int, n: int, m: int, sparsity: int, signed: bool, noise: float) -> Instance:
    """Return the instance that the seed's stream draws: A, support, signs and noise, in this order.

    Entries of the truth are 1 or +-1.
    """
    rng = default_rng(seed)
    matrix = rng.normal(size=(m, n)) / np.sqrt(m)
    support = rng.choice(n, sparsity, replace=False)
    truth = np.zeros(n)
    truth[support] = rng.choice([-1.0, 1.0], sparsity) if signed else 1.0
    y = matrix @ truth
    if noise:
        y = y + noise * rng.normal(size=m)
    return Instance(matrix, truth, y)


def basis_pursuit(matrix: Array, y: Array, signed: bool) -> Array:
    """Return argmin ||z||_1 with A z = y, (N,), over z >= 0 unless signed; NaN if none.

    A linear program, by HiGHS; signed in the two halves z = p - q, p, q >= 0.
    """
    both = np.hstack([matrix, -matrix]) if signed else matrix
    solution = linprog(np.ones(both.shape[1]), A_eq=both, b_eq=y, bounds=(0, None), method="highs")
    n = matrix.shape[1]
    if not solution.success:
        return np.full(n, np.nan)
    halves = np.asarray(solution.x, dtype=np.float64)
    return halves[:n] - halves[n:] if signed else halves


def single_solution_probability(n: int, m: int, sparsity: int) -> float:
    """Return the share of instances whose truth is the only z >= 0 with A z = y.

    The instances are those of `draw` with a truth of all ones. It is 1 - P(n - m, n - s), P(k, K) =
    2^{1-K} sum_{l<k} binomial(K - 1, l): Wendel's probability that K symmetric random vectors in
    dimension k lie in a half-space; s = sparsity, no noise. Where it holds, whatever fits the
    measurements finds the truth. Source: Donoho & Tanner (2010), Counting the Faces of
    Randomly-Projected Hypercubes and Orthants.
    """
    others = n - sparsity - 1
    return 1 - sum(comb(others, k) for k in range(n - m)) / 2.0**others
