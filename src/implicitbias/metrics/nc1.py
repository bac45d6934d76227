"""NC1 is the collapse of the features of each class onto their mean, in three forms."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array, centred, ratio, trace
from ._registry import network_metric


@network_metric(of=("class_gram", "mean_scatter"))
def nc1(class_gram: ArrayLike, mean_scatter: ArrayLike) -> NDArray[np.float64]:
    """Return tr(Sigma_W Sigma_B^+), not divided by C, from (..., C, C) to (...); in [0, inf).

    Sigma_W = (1/N) sum_n (h_n - mu_c)(h_n - mu_c)^T, Sigma_B = (1/C) sum_c (mu_c - mu_G)(...)^T,
    and mu_G the mean of the class means. The pseudo-inverse takes the C - 1 largest eigenvalues.
    With K = P M^T M P it is C tr(K^+ P M^T Sigma_W M P K^+). Papyan et al. divide it by C.
    NaN for a diverged run, and where the means span fewer than C - 1 directions.
    Source: Papyan, Han, Donoho (2020), PNAS 117(40); without 1/C as in the code published with
    Rangamani et al. (2023), ICML.
    """
    gram = centred(class_gram)
    finite = np.asarray(np.isfinite(gram).all(axis=(-2, -1)))
    values, vectors = np.linalg.eigh(np.where(finite[..., None, None], gram, 0.0))
    values, vectors = values[..., 1:], vectors[..., 1:]  # ascending: the first is that of P's null
    small = values[..., :1] <= 1e-13 * values[..., -1:]
    inverse = 1.0 / np.where(small | (values <= 0), np.nan, values)
    scatter = np.swapaxes(vectors, -2, -1) @ centred(mean_scatter) @ vectors
    within = np.diagonal(scatter, axis1=-2, axis2=-1)
    total = gram.shape[-1] * (within * np.square(inverse)).sum(axis=-1)
    return np.asarray(np.where(finite, total, np.nan), dtype=np.float64)


@network_metric(of=("class_gram", "class_scatter", "class_counts"))
def nc1_quotient(
    class_gram: ArrayLike, class_scatter: ArrayLike, class_counts: ArrayLike
) -> NDArray[np.float64]:
    """Return tr Sigma_W / tr Sigma_B, from (..., C, C), (..., C), (..., C) to (...).

    In [0, inf). Sigma_W and Sigma_B as in `nc1`. Both numbers are called NC1 in the literature, and
    they differ. NaN for a diverged run, and where all class means coincide.
    Source: Tirer, Huang, Niles-Weed (2023), ICML.
    """
    counts = array(class_counts)
    within = (counts * array(class_scatter)).sum(axis=-1) / counts.sum(axis=-1)
    gram = centred(class_gram)
    return ratio(within * gram.shape[-1], trace(gram))


@network_metric(of=("class_gram", "class_scatter"))
def cdnv(class_gram: ArrayLike, class_scatter: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over pairs of classes of (v_i + v_j) / (2 ||mu_i - mu_j||^2), in [0, inf).

    v_c: mean over class c of ||h - mu_c||^2. From (..., C, C) and (..., C). NaN for a diverged run,
    and where two class means coincide.
    Source: Galanti, Gyorgy, Hutter (2022), ICLR, arXiv 2112.15121.
    """
    gram, v = array(class_gram), array(class_scatter)
    square = np.diagonal(gram, axis1=-2, axis2=-1)
    distance = square[..., :, None] + square[..., None, :] - 2 * gram
    pairs = ratio(v[..., :, None] + v[..., None, :], 2 * distance)
    upper = np.triu_indices(gram.shape[-1], 1)
    return np.asarray(pairs[..., *upper].mean(axis=-1))
