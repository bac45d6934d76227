"""Compute spectra and ranks of matrices, given as arrays.

The metrics of this package are functions of singular values. The functions here go from a matrix to
its singular values, so that each metric can be used on a matrix alone: `metrics.rank(w, 1e-3)`,
`metrics.value("stable_rank", w)`.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import resolve, with_parameter

Array = NDArray[np.float64]
Norm = Literal["frobenius", "spectral"]
STEMS = {"frobenius": "rank_fro", "spectral": "rank_spec"}
_PLAIN = 200  # where the largest entry lies between 2^-200 and 2^200, squares are finite
_FLOOR = 1e-5  # of the largest singular value; below it a Gram matrix has lost too many digits


def singular_values(matrix: ArrayLike) -> Array:
    """Return all singular values of W (m, n), descending, in float64.

    All are NaN if W is not finite. If the long side is over twice the short one, they come from the
    eigenvalues of the small Gram matrix, which is faster, unless one is below 1e-5 of the largest.
    Squaring costs half of the 16 digits of float64, so such spectra are computed by a singular
    value decomposition. W is converted to float64 first, because a float32 Gram matrix has errors
    of 1e-4. Entries of any size are scaled by a power of two.
    """
    w = np.asarray(matrix, dtype=np.float64)
    if not is_finite(w):
        return np.full(min(w.shape), np.nan)
    small, exponent = scaled(w)
    return np.asarray(np.ldexp(_of_scaled(small), exponent))


def is_finite(w: Array) -> bool:
    """Whether all entries are finite, without an array of truth values as large as W."""
    return bool(np.isfinite(w.min(initial=0.0)) and np.isfinite(w.max(initial=0.0)))


def frobenius(w: Array) -> float:
    """Return ||W||_F of W (m, n), also where squares of its entries overflow or vanish."""
    if not is_finite(w):
        return float(np.linalg.norm(w))
    small, exponent = scaled(w)
    return float(np.ldexp(np.linalg.norm(small), exponent))


def scaled(w: Array) -> tuple[Array, int]:
    """Return W / 2^e and e, with e = 0 unless squares of the entries could overflow or vanish."""
    largest = max(w.max(initial=0.0), -w.min(initial=0.0))  # a matrix of |w| would be a copy
    exponent = int(np.frexp(largest)[1])
    return (w, 0) if abs(exponent) < _PLAIN else (np.ldexp(w, -exponent), exponent)


def _of_scaled(w: Array) -> Array:
    m, n = w.shape
    if 0 < 2 * min(m, n) < max(m, n):
        gram = w @ w.T if m < n else w.T @ w
        eigenvalues = np.asarray(np.linalg.eigvalsh(gram)[::-1], dtype=np.float64)
        if eigenvalues[-1] > _FLOOR**2 * eigenvalues[0]:
            return np.asarray(np.sqrt(eigenvalues))
    return np.asarray(np.linalg.svd(w, compute_uv=False), dtype=np.float64)


def without_rounding(s: Array, shape: tuple[int, ...]) -> Array:
    """Return singular values s (r,) of a matrix of the given shape, with rounding set to 0.

    A value of at most max(m, n) x 2.2e-16 of the largest is rounding: no decomposition in float64
    can distinguish it from 0. A matrix of ones (3, 7) therefore has rank 1 at every tolerance.
    """
    noise = max(shape) * np.finfo(np.float64).eps
    return np.where(s > noise * s.max(initial=0.0), s, s * 0.0)  # NaN stays NaN


def spectrum(matrix: Any) -> Array:
    """Return the singular values of W (..., m, n), descending: (..., min(m, n)) in float64.

    matrix: a NumPy array, a PyTorch tensor on any device, or nested lists. Values that are rounding
    are 0 (`without_rounding`). NaN throughout where W is not finite. ValueError for fewer than two
    dimensions, for no entries and for complex numbers.
    """
    return _stacked(_array(matrix), lambda w: without_rounding(singular_values(w), w.shape))


def rank(matrix: Any, tolerance: float = 1e-3, norm: Norm = "frobenius") -> Array:
    """Return #{i : s_i > tolerance x ||W||} of W (..., m, n), an array (...), in either norm.

    norm: the norm to which the tolerance is relative, "frobenius" as in the code of Galanti et al.
    (2025) or "spectral" as in the text of the paper. NaN where W is not finite. ValueError for a
    tolerance outside (0, 1).
    """
    if norm not in STEMS:
        raise ValueError(f"norm is 'frobenius' or 'spectral', not {norm!r}")
    return value(with_parameter(STEMS[norm], float(tolerance)), matrix)


def value(name: str, matrix: Any) -> Array:
    """Return a metric of singular values, as `stable_rank`, of W (..., m, n): an array (...).

    ValueError for an unknown name, and for a metric that needs more than a matrix.
    """
    metric = resolve(name)
    if metric.of != "spectrum":
        raise ValueError(f"{name!r} is no metric of a matrix: it needs {', '.join(metric.needs)}")
    return np.asarray(metric.compute(_stacked(_array(matrix), relative_values)))


def relative_values(w: Array) -> Array:
    """Return singular values of W (m, n) in a unit in which no entry is too large or small."""
    if not is_finite(w):
        return singular_values(w)
    return without_rounding(singular_values(scaled(w)[0]), w.shape)


def _stacked(w: Array, compute: Callable[[Array], Array]) -> Array:
    rows = [compute(one) for one in w.reshape(-1, *w.shape[-2:])]
    return np.stack(rows).reshape(*w.shape[:-2], -1)


def _array(matrix: Any) -> Array:
    if hasattr(matrix, "detach"):  # a tensor of PyTorch, without importing it
        matrix = matrix.detach().cpu().double().numpy()
    w = np.asarray(matrix)
    if w.ndim < 2 or 0 in w.shape:
        raise ValueError(f"a matrix has shape (..., m, n) with m, n >= 1, not {w.shape}")
    if np.iscomplexobj(w):
        raise ValueError("a matrix of complex numbers; the metrics are of real ones")
    return np.asarray(w, dtype=np.float64)
