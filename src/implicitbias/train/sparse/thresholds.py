"""The thresholding operators of l1, l0 and transformed l1, given by their cut-off.

Each is T(w) = argmin_s mu P(s) + (s - w)^2 / 2 entrywise, which sends |w| <= cut-off to zero. mu =
lambda / beta is the penalty's weight over the splitting's. Penalties are compared at equal cut-off,
so mu follows from the cut-off, not the other way round.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Penalty = Literal["none", "l1", "l0", "tl1"]
PENALTIES: tuple[Penalty, ...] = ("none", "l1", "l0", "tl1")
Array = NDArray[np.float64]


def weight_of(penalty: str, cutoff: ArrayLike, shape: ArrayLike = 1.0) -> Array:
    """Return the mu whose operator has this cut-off tau (...); `shape` is a of transformed l1.

    l1: mu = tau; l0: mu = tau^2 / 2; tl1: tau a / (a + 1) for tau <= a / 2, where the operator is
    continuous, and (tau + a/2)^2 / (2 (a + 1)) beyond, where it jumps. Source: Zhang & Xin (2017),
    transformed l1 thresholding; the cut-offs are inverted here.
    """
    tau, a = np.asarray(cutoff, dtype=np.float64), np.asarray(shape, dtype=np.float64)
    if penalty == "l1":
        return np.asarray(tau * 1.0)
    if penalty == "l0":
        return np.asarray(tau**2 / 2)
    if penalty == "tl1":
        return np.where(tau <= a / 2, tau * a / (a + 1), np.square(tau + a / 2) / (2 * (a + 1)))
    if penalty == "none":
        return np.zeros_like(tau)
    raise ValueError(f"no penalty {penalty!r}; there are {', '.join(PENALTIES)}")


def value(penalty: str, u: Array, shape: ArrayLike = 1.0) -> Array:
    """Return P(u) (...) of u (..., d): sum |u|, count of non-zeros, sum (a+1)|u| / (a+|u|)."""
    size, a = np.abs(u), np.asarray(shape, dtype=np.float64)
    if penalty == "l1":
        return np.asarray(size.sum(axis=-1))
    if penalty == "l0":
        return np.asarray((size > 0).sum(axis=-1), dtype=np.float64)
    if penalty == "tl1":
        a = a[..., None]
        return np.asarray(((a + 1) * size / (a + size)).sum(axis=-1))
    return np.zeros(u.shape[:-1])


def threshold(penalty: str, w: Array, cutoff: ArrayLike, shape: ArrayLike = 1.0) -> Array:
    """Return T(w) entrywise (...): 0 where |w| <= cut-off; cut-off and shape broadcast.

    l1: soft. l0: hard. tl1: sgn(w) times the largest root t of t + mu a (a+1) / (a+t)^2 = |w|,
    mu of `weight_of`. none: the identity.
    """
    tau, size = np.asarray(cutoff, dtype=np.float64), np.abs(w)
    if penalty == "none":
        return np.array(w, dtype=np.float64)
    if penalty == "l1":
        return np.asarray(np.sign(w) * np.maximum(size - tau, 0))
    if penalty == "l0":
        return np.where(size > tau, w, 0.0)
    a = np.asarray(shape, dtype=np.float64)
    kept = tl1_root(size, weight_of(penalty, tau, a), a)
    return np.where(size > tau, np.sign(w) * kept, 0.0)


def tl1_root(size: Array, mu: Array, a: Array) -> Array:
    """Return the largest t >= 0 with t + mu a (a+1) / (a+t)^2 = size, entrywise; all broadcast.

    (2/3)(a+size) cos(phi/3) - 2a/3 + size/3, phi = arccos(1 - 27 mu a (a+1) / (2 (a+size)^3)).
    Only where there is such a t: elsewhere the argument of arccos leaves [-1, 1] and is clipped.
    Source: Zhang & Xin (2017).
    """
    total = a + size
    phi = np.arccos(np.clip(1 - 13.5 * mu * a * (a + 1) / total**3, -1, 1))
    return np.asarray((2 / 3) * total * np.cos(phi / 3) - 2 * a / 3 + size / 3)
