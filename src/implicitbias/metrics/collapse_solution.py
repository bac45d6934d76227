"""Distances from the collapsed solution with centred targets are computed here, in its numbers.

With outputs o_n = alpha t_n, t_n = e_y - 1/C, and a head W at rest under decay, everything follows
from alpha and rho = ||W||_F, where mu_c are the class means of the features and mu_G is theirs:

    W_c = rho^2 / (alpha (C - 1)) (mu_c - mu_G)
    <V_c, V_d> = (delta_cd - 1/C) / (C - 1),  V = W / rho
    ||mu_c - mu_G||^2 = alpha^2 (C - 1)^2 / (C rho^2)
    lambda rho^2 = alpha (1 - alpha) (C - 1) / C

These are the paper's, whose targets are C / (C - 1) times ours. With one-hot targets and without
biases they need not hold.
Source: Xu, Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024, lemma 7, theorems 5 and 6 and
(42) to (45), as numbered in the author manuscript; the last two lines are derived.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import Array, array, centred, ratio, trace
from ._registry import network_metric


@network_metric(of=("output_mean",))
def collapse_scale(output_mean: ArrayLike) -> NDArray[np.float64]:
    """Return alpha = sum_c <mean output of class c, e_c - 1/C> / (C - 1), (..., C, C) to (...).

    The outputs are alpha t_n where they have collapsed. NaN for a diverged run.
    Source: the projection onto the targets of (42).
    """
    outputs = array(output_mean)
    return np.asarray(trace(centred(outputs)) / (outputs.shape[-1] - 1))


@network_metric(of=("output_mean", "head_gram", "head_means", "class_gram"))
def collapse_duality(
    output_mean: ArrayLike, head_gram: ArrayLike, head_means: ArrayLike, class_gram: ArrayLike
) -> NDArray[np.float64]:
    """Return ||W - kappa M~^T||_F / ||W||_F, kappa = rho^2 / (alpha (C - 1)), in [0, inf).

    M~ are the centred class means. NaN for a diverged run or W = 0.
    Source: (42), the head as a multiple of the class means.
    """
    square = trace(head_gram)
    kappa = ratio(square, _scale(output_mean))
    means = array(head_means)
    inner = trace(means - means.mean(axis=-1, keepdims=True))
    total = square - 2 * kappa * inner + kappa**2 * trace(centred(class_gram))
    return np.sqrt(ratio(total.clip(min=0), square))


@network_metric(of=("head_gram",))
def collapse_frame(head_gram: ArrayLike) -> NDArray[np.float64]:
    """Return ||V V^T - P / (C - 1)||_F sqrt(C - 1), P = I - 11^T / C, V = W / ||W||_F; in [0, inf).

    Relative to the norm of the frame. NaN for a diverged run or W = 0.
    Source: (43) to (45), norms and angles of the head.
    """
    gram = array(head_gram)
    classes = gram.shape[-1]
    frame = centred(np.eye(classes)) / (classes - 1)
    off = ratio(gram, trace(gram)[..., None, None]) - frame
    return np.asarray(np.sqrt(np.square(off).sum(axis=(-2, -1)) * (classes - 1)))


@network_metric(of=("output_mean", "head_gram", "class_gram"))
def collapse_size(
    output_mean: ArrayLike, head_gram: ArrayLike, class_gram: ArrayLike
) -> NDArray[np.float64]:
    """Return |sum_c ||mu_c - mu_G||^2 rho^2 / (alpha (C - 1))^2 - 1|, in [0, inf).

    How long the class means are.

    NaN for a diverged run or alpha = 0.
    Source: (45), the length of the class means, derived.
    """
    relative = ratio(trace(centred(class_gram)) * trace(head_gram), np.square(_scale(output_mean)))
    return np.asarray(np.abs(relative - 1))


def _scale(output_mean: ArrayLike) -> Array:
    """Return alpha (C - 1)."""
    return trace(centred(output_mean))
