"""The loss of a hidden layer of ReLU units on non-overlapping patches with Gaussian input.

net(w) = (1/k) sum_i relu(<w, x_i>) on k patches x_i ~ N(0, I_d); f(w) = E (net(w) - net(w*))^2,
without a 1/2. Source: Brutzkus & Globerson (2017), Globally Optimal Gradient Descent for a ConvNet
with Gaussian Inputs; the formulas were derived anew and checked by Monte Carlo in the tests.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def norm(w: Array) -> Array:
    """Return the Euclidean norms (...) of vectors (..., d)."""
    return np.asarray(np.sqrt(np.square(w).sum(axis=-1)))


def angle(u: Array, v: Array) -> Array:
    """Return the angles (...) in [0, pi] between vectors (..., d); NaN for a zero vector.

    They are accurate near 0 and pi, as 2 atan2(||u' - v'||, ||u' + v'||) of the unit vectors;
    arccos would lose half the digits.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = u / norm(u)[..., None], v / norm(v)[..., None]
    return np.asarray(2 * np.arctan2(norm(a - b), norm(a + b)))


def population_loss(w: Array, truth: Array, patches: Array) -> Array:
    """Return f(w) (...) of weights and true weights (..., d) and patch counts k (...).

    k^2 f = a (||w||^2 + ||w*||^2) - 2 k g(w, w*) - 2 b ||w|| ||w*||, b = (k^2 - k)/(2 pi),
    a = b + k/2, g = ||w|| ||w*|| (sin t + (pi - t) cos t)/(2 pi), t the angle between them.

    Written as ||w|| ||w*|| times 1 - (sin t + (pi - t) cos t)/pi plus a multiple of the squared
    difference of the norms: both are accurate where f is small, the sum above is not.
    """
    k = patches
    size, true_size, t = norm(w), norm(truth), np.nan_to_num(angle(w, truth))
    apart = 1 - (np.sin(t) + (np.pi - t) * np.cos(t)) / np.pi
    # Its own series where 1 - (...) cancels: t^2/2 - t^3/(3 pi) - t^4/24 + t^5/(30 pi) + O(t^6)
    series = t**2 * (0.5 - t / (3 * np.pi) - t**2 / 24 + t**3 / (30 * np.pi))
    shape = np.where(t < 1e-3, series, apart)
    b = (k**2 - k) / (2 * np.pi)
    return np.asarray(((b + k / 2) * (size - true_size) ** 2 + k * size * true_size * shape) / k**2)


def population_gradient(w: Array, truth: Array, patches: Array) -> Array:
    """Return grad f (..., d); at w = 0, where f has a corner, NaN.

    (1/k^2) {[k + (k^2-k)/pi - (k/pi)(||w*||/||w||) sin t - ((k^2-k)/pi)(||w*||/||w||)] w
             - (k/pi)(pi - t) w*}.
    """
    k = patches[..., None]
    t = angle(w, truth)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (norm(truth) / norm(w))[..., None]
    along = k + (k**2 - k) / np.pi * (1 - ratio) - k / np.pi * ratio * np.sin(t)
    return np.asarray((along * w - k / np.pi * (np.pi - t) * truth) / k**2)


def sample_residuals(x: Array, w: Array, target: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return residuals net(w) - y (K, n) and active patches (K, n, k).

    Inputs x are (n, k, d), weights w (K, d). target: y (n,) or (K, n).
    """
    n, k, d = x.shape
    inputs_of_units = (w @ x.reshape(n * k, d).T).reshape(len(w), n, k)
    active = inputs_of_units > 0
    return np.where(active, inputs_of_units, 0.0).mean(axis=2) - target, active


def sample_loss_gradient(x: Array, w: Array, target: Array) -> tuple[Array, Array]:
    """Return the mean squared residual (K,) and its gradient (K, d) over n inputs.

    x is (n, k, d). The gradient is (2/n) sum_j r_j (1/k) sum_i 1[<w, x_ji> > 0] x_ji.
    """
    n, k, d = x.shape
    residual, active = sample_residuals(x, w, target)
    weights = active * residual[:, :, None]
    gradient = weights.reshape(len(w), n * k) @ x.reshape(n * k, d) * (2 / (n * k))
    return np.square(residual).mean(axis=1), gradient
