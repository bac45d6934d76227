"""The singular values themselves are a metric too, in units of the Frobenius norm."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric
from ._spectrum import relative_spectrum


@layer_metric(of="spectrum")
def singular_values(s: ArrayLike) -> NDArray[np.float64]:
    """Return s_i / ||W||_F, descending, from spectra s (..., r) to (..., r); squares sum to 1.

    The one metric with a value per singular value: a table has them as a list in the column
    `values` and none in `value`, and no mean over layers. Zero matrix: zeros. NaN or infinite
    spectrum: NaN.
    Source: Galanti, Siegel, Gupte, Poggio (2025), PMLR 280, figures 18 and 19.
    """
    relative = -np.sort(-relative_spectrum(s), axis=-1)
    frobenius = np.sqrt(np.square(relative).sum(axis=-1, keepdims=True))
    return np.asarray(relative / np.where(frobenius == 0, 1.0, frobenius), dtype=np.float64)
