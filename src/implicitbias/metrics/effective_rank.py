"""Effective rank is the exponential of the entropy of the normalised spectrum."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric
from ._spectrum import relative_spectrum


@layer_metric(of="spectrum")
def effective_rank(s: ArrayLike) -> NDArray[np.float64]:
    """Return exp(-sum_i p_i log p_i), p_i = s_i / sum_j s_j, of spectra s (..., r) as (...).

    0 log 0 = 0. In [1, rank W]; of s, not of s^2 (see participation_ratio for that one).
    Zero matrix: NaN (0/0: p is not defined). NaN or infinite spectrum: NaN.
    Source: Roy & Vetterli (2007), EUSIPCO.
    """
    relative = relative_spectrum(s)
    total = relative.sum(axis=-1, keepdims=True)
    share = relative / np.where(total == 0, np.nan, total)
    log_share = np.log(np.where(share == 0, 1.0, share))  # 0 log 0 = 0
    return np.asarray(np.exp(-(share * log_share).sum(axis=-1)), dtype=np.float64)
