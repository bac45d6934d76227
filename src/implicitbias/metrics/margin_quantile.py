"""Quantiles of the training margins describe their distribution, from the recorded values."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric


@layer_metric(of="margins", parameter="level")
def margin_quantile(margins: ArrayLike, level: float) -> NDArray[np.float64]:
    """Return the level-quantile (...) of the margins y_n g_n (..., N), interpolated.

    Not divided by rho. NaN if any margin is not finite: a diverged run has no margins.
    Source: numpy.quantile, linear interpolation (Hyndman & Fan (1996), type 7).
    """
    values = np.asarray(margins, dtype=np.float64)
    finite = np.isfinite(values).all(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(finite, np.quantile(values, level, axis=-1), np.nan))
