"""The distribution of the training margins, as it was recorded."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric


@layer_metric(of="margin_quantiles")
def margin_distribution(q: ArrayLike) -> NDArray[np.float64]:
    """Return quantiles of y_n g_n at the levels 0, 0.005, ..., 1, as recorded (..., 201).

    They are not divided by rho. A table has them as a list in the column `values` and none in
    `value`. NaN for a diverged run.
    Source: numpy.quantile, linear interpolation (Hyndman & Fan (1996), type 7).
    """
    return np.asarray(q, dtype=np.float64)
