"""Numerical rank counts the singular values above a tolerance, relative to one of two norms.

The paper's text divides W by its spectral norm, its published code by its Frobenius norm. The two
ranks differ, so neither has the bare name: the column says which norm and which tolerance.
For any W and tolerance rank_fro <= rank_spec, because ||W||_2 <= ||W||_F.

A tolerance below the noise of the arithmetic means nothing: for float32 weights of shape (m, n)
singular values below about max(m, n) * 1.2e-7 * s_1 are rounding.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric
from ._spectrum import or_missing, relative_spectrum


@layer_metric(of="spectrum", parameter="tolerance")
def rank_fro(s: ArrayLike, tolerance: float) -> NDArray[np.float64]:
    """Return #{i : s_i / ||W||_F > tolerance}, ||W||_F = ||s||_2, of spectra s (..., r) as (...).

    Whole numbers in [0, rank W]; can be 0 for W != 0 (r equal values count only if
    tolerance < r^-1/2). Zero matrix: 0. NaN or infinite spectrum: NaN.
    Source: the code published with Galanti, Siegel, Gupte, Poggio (2025), PMLR 280.
    """
    relative = relative_spectrum(s)
    frobenius = np.sqrt(np.square(relative).sum(axis=-1, keepdims=True))
    above = np.count_nonzero(relative > tolerance * frobenius, axis=-1)
    return or_missing(np.asarray(above, dtype=np.float64), relative)


@layer_metric(of="spectrum", parameter="tolerance")
def rank_spec(s: ArrayLike, tolerance: float) -> NDArray[np.float64]:
    """Return #{i : s_i / ||W||_2 > tolerance}, ||W||_2 = s_1, of spectra s (..., r) as (...).

    Whole numbers in [1, rank W] for W != 0: the smallest r for which some matrix of rank r is
    within tolerance * ||W||_2 of W in the spectral norm (Eckart-Young).
    Zero matrix: 0. NaN or infinite spectrum: NaN.
    Source: Galanti, Siegel, Gupte, Poggio (2025), PMLR 280, section 4.1.
    """
    relative = relative_spectrum(s)
    above = np.count_nonzero(relative > tolerance, axis=-1)
    return or_missing(np.asarray(above, dtype=np.float64), relative)
