"""The participation ratio of the squared singular values is a rank that needs no tolerance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric
from ._spectrum import relative_spectrum


@layer_metric(of="spectrum")
def participation_ratio(s: ArrayLike) -> NDArray[np.float64]:
    """Return (sum_i s_i^2)^2 / sum_i s_i^4, from spectra s (..., r) to (...).

    In [stable rank, rank W]. Often called effective rank too: here that name is Roy & Vetterli's.
    Zero matrix: NaN (0/0). NaN or infinite spectrum: NaN.
    Source: Bell & Dean (1970), Discussions of the Faraday Society 50, for the ratio; here it is
    taken over the eigenvalues s_i^2 of W W^T.
    """
    square = np.square(relative_spectrum(s))
    fourth = np.square(square).sum(axis=-1)
    ratio = np.square(square.sum(axis=-1)) / np.where(fourth == 0, np.nan, fourth)
    return np.asarray(ratio, dtype=np.float64)
