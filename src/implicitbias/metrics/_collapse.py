"""The metrics of neural collapse share the geometry of class means, from their Gram matrix.

Recorded (`train/observers/collapse.py`), with M (D, C) the class means of the features h that enter
the last layer, W (C, D) the last layer, and C classes: class_gram M^T M, mean_scatter
M^T Sigma_W M, class_scatter v_c = mean over class c of ||h - mu_c||^2, class_counts, head_gram
W W^T, head_means W M.
Centred means are M P with P = I - 11^T / C: minus the mean of the class means.

Two traps. For C = 2 the centred means are mu and -mu whatever the network does, so NC2 of centred
features is 0 and says nothing: look at the weights and at the uncentred means. Networks without
biases and with one-hot targets align with the uncentred means, which go to an orthogonal frame.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def array(values: ArrayLike) -> Array:
    """Return values as an array in float64."""
    return np.asarray(values, dtype=np.float64)


def centred(gram: ArrayLike) -> Array:
    """Return P G P (..., C, C), the Gram matrix of the centred vectors."""
    g = array(gram)
    rows = g - g.mean(axis=-1, keepdims=True)
    return np.asarray(rows - rows.mean(axis=-2, keepdims=True))


def trace(matrix: ArrayLike) -> Array:
    """Return the trace over the last two axes."""
    return np.asarray(np.trace(array(matrix), axis1=-2, axis2=-1))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """Return the entrywise quotient; NaN where the denominator is not positive.

    0/0 is not collapse.
    """
    below = array(denominator)
    return np.asarray(array(numerator) / np.where(below > 0, below, np.nan))


def norm_variation(gram: ArrayLike) -> Array:
    """Return std / mean (...) of the vectors' norms, from their Gram matrix (..., C, C).

    The standard deviation is the unbiased one.
    """
    norms = np.sqrt(np.diagonal(array(gram), axis1=-2, axis2=-1).clip(min=0))
    return ratio(norms.std(axis=-1, ddof=1), norms.mean(axis=-1))


def angle_deviation(gram: ArrayLike, cosine: float) -> Array:
    """Return the mean over pairs of |cos(., .) - cosine| for a Gram matrix (..., C, C)."""
    g = array(gram)
    norms = np.sqrt(np.diagonal(g, axis1=-2, axis2=-1).clip(min=0))
    cosines = ratio(g, norms[..., :, None] * norms[..., None, :])
    upper = np.triu_indices(g.shape[-1], 1)
    return np.asarray(np.abs(cosines[..., *upper] - cosine).mean(axis=-1))


def simplex_cosine(gram: ArrayLike) -> float:
    """Return -1/(C-1), the cosine between vectors of a simplex equiangular tight frame."""
    return -1.0 / (int(array(gram).shape[-1]) - 1)
