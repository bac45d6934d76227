"""Stable rank is the squared Frobenius norm over the squared spectral norm."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric
from ._spectrum import relative_spectrum


@layer_metric(of="spectrum")
def stable_rank(s: ArrayLike) -> NDArray[np.float64]:
    """Return ||W||_F^2 / ||W||_2^2 = sum_i s_i^2 / s_1^2, from spectra s (..., r) to (...).

    In [1, rank W]; needs no tolerance. Zero matrix: NaN (0/0: there is no direction to count).
    NaN or infinite spectrum: NaN.
    Source: Rudelson & Vershynin (2007), Journal of the ACM 54(4).
    """
    total = np.square(relative_spectrum(s)).sum(axis=-1)
    return np.asarray(np.where(total == 0, np.nan, total), dtype=np.float64)
