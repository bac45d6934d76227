"""Every metric of a spectrum starts from the singular values relative to the largest."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def relative_spectrum(s: ArrayLike) -> NDArray[np.float64]:
    """Return s_i / s_1, in [0, 1], for spectra s (..., r), in float64 and of this shape.

    Dividing first keeps squares and fourth powers of recorded float32 values from overflowing,
    and makes every metric exactly as scale free as its formula. The order of the values does not
    matter. A spectrum with any NaN or infinity becomes NaN throughout (a diverged run has no rank);
    the spectrum of a zero matrix stays zero.
    """
    spectrum = np.asarray(s, dtype=np.float64)
    if spectrum.ndim == 0 or spectrum.shape[-1] == 0:
        raise ValueError(f"a spectrum has shape (..., r) with r >= 1, not {spectrum.shape}")
    if (spectrum < 0).any():
        raise ValueError("a spectrum holds singular values, which are never negative")
    largest = spectrum.max(axis=-1, keepdims=True)  # NaN if any value is NaN
    scale = np.where(largest == 0, 1.0, largest)
    with np.errstate(invalid="ignore"):  # inf / inf
        relative = spectrum / scale
    return np.where(np.isfinite(largest), relative, np.nan)


def or_missing(metric: NDArray[np.float64], relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metric where its spectrum has values, NaN where the run had diverged."""
    missing = np.isnan(relative[..., 0])
    return np.asarray(np.where(missing, np.nan, metric), dtype=np.float64)
