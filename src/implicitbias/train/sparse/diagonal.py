"""Invariants, magnification and bounds of diagonal linear networks with weight normalisation.

Flow of l = (1/2) ||B x^L - y||^2 in x = r u, ||u|| = 1, c = eta_u / eta_r:
r' = -eta_r <u, g>, u' = -eta_u r (I - u u^T) g, g = L x^{L-1} * h, h = B^T (B x^L - y).
These are derived for this model and checked against integration in the tests.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def invariant(x: Array, depth: int, c: float | None) -> Array:
    """Return what the flow of x (n,) keeps modulo the rows of B.

    That is log w for L = 2, w^{2-L} for L > 2. w = u exp(c r^2 / 2) with normalisation, x itself
    without (c None).
    """
    r = float(np.sqrt(np.square(x).sum()))
    log_w = np.log(x) if c is None else np.log(x / r) + c * r * r / 2
    return np.asarray(log_w if depth == 2 else np.exp((2 - depth) * log_w))


def log_magnification(r_start: float, r_end: float, c: float | None) -> float:
    """Return log rho, rho = (r_0 / r_end) exp(c (r_end^2 - r_0^2) / 2).

    It is 0 without normalisation. The flow with normalisation ends where the plain flow from x(0) /
    rho does.
    """
    if c is None:
        return 0.0
    return math.log(r_start / r_end) + c * (r_end**2 - r_start**2) / 2


def log_magnification_bound(r_start: float, q: float, depth: int, c: float | None) -> float:
    """Return log rho at r_end = Q^{1/L}, a lower bound known before training.

    It holds if Q^{1/L} >= 1/sqrt(c).
    """
    r_end = q ** (1 / depth)
    if c is not None and r_end < 1 / math.sqrt(c):
        return math.nan
    return log_magnification(r_start, r_end, c)


def excess_bound(n: int, r_start: float, q: float, depth: int, log_rho: float) -> float:
    """Return eps of 0 <= ||z||_1 - Q <= eps Q at an interpolating limit; NaN if void.

    The start is uniform. L = 2: log(beta_1 / beta_min) / (log(Q / beta_1) + 2 log rho). L > 2, p =
    1 - 2/L, with b, m the sum and the least entry of z(0) rho^{-L}: L (b^p - m^p) / (2 (Q^p -
    b^p)). n counts the entries of x, both halves of a signed network.
    """
    entry = (r_start / math.sqrt(n)) ** depth
    if depth == 2:
        below = math.log(q / (n * entry)) + 2 * log_rho
        return math.log(n) / below if below > 0 else math.nan
    shrink = math.exp(-depth * log_rho)
    b, m, p = n * entry * shrink, entry * shrink, 1 - 2 / depth
    return depth * (b**p - m**p) / (2 * (q**p - b**p)) if q > b else math.nan
