"""Gaps of the relations that a limit point of relaxed variable splitting satisfies.

With t = angle(w, w*), g = angle(w, u), B = k pi beta / (pi - t) and
C = cos t / ||w|| - B (1 - ||u|| cos g / ||w||), a limit has
  (i)   w* = B (w - u) + C w
  (ii)  (pi - t) sin t = k pi beta ||u|| sin g
  (iii) ||w - w*|| <= sqrt(2) sin t <= 2 sqrt(2) k beta ||u|| sin g, if t <= pi/2 and ||w|| = 1
  (iv)  w is a thresholding of w* itself: see `new_threshold`
These relations are derived from the stationarity of f(w) + (beta/2) ||w - u||^2, on the unit sphere
or free.
"""

from __future__ import annotations

import numpy as np

from ..sparse import relu_patches as relu
from ..sparse import thresholds
from ._rvsm_pack import Array, Splitting


def at_the_end(pack: Splitting, start: Array) -> dict[str, Array]:
    """Return every final quantity (K,), and `new_threshold` (K, d)."""
    w, u, truth = pack.w, pack.u, pack.truth
    theta, gamma = relu.angle(w, truth), np.nan_to_num(relu.angle(w, u))
    size = relu.norm(u)
    b = pack.patches * np.pi * pack.beta / (np.pi - theta)
    length = relu.norm(w)
    c = np.cos(theta) / length - b * (1 - size * np.cos(gamma) / length)
    drag = pack.patches * pack.beta * size * np.sin(gamma)
    new = new_threshold(pack, b, c)
    support, kept = truth != 0, u != 0
    started = relu.angle(start, truth)
    delta = np.pi - started
    oracle = _keep_above(truth, pack.cutoff)
    with np.errstate(divide="ignore", invalid="ignore"):
        rescaled = u / size[:, None]
    return {
        "split_angle": gamma,
        "split_norm": size,
        "weight_norm": length,
        "distance": relu.norm(w - truth),
        "true_positives": (kept & support).sum(axis=1).astype(float),
        "off_support": (kept & ~support).sum(axis=1).astype(float),
        "off_support_max": np.where(support, 0, np.abs(w)).max(axis=1),
        "split_loss": _loss(pack, u),
        "rescaled_split_loss": _loss(pack, rescaled),
        "oracle_nonzeros": (oracle != 0).sum(axis=1).astype(float),
        "oracle_loss": _loss(pack, oracle),
        "residual_stationarity": np.abs(b[:, None] * (w - u) + c[:, None] * w - truth).max(axis=1),
        "residual_balance": np.abs((np.pi - theta) * np.sin(theta) - np.pi * drag),
        "residual_threshold": np.abs(new - w).max(axis=1),
        "closeness_bound": 2 * np.sqrt(2) * drag,
        "start_angle_used": started,
        "beta_limit": delta * np.sin(delta) / (pack.patches * np.pi),
        "new_threshold": new,
    }


def new_threshold(pack: Splitting, b: Array, c: Array) -> Array:
    """Return w (K, d) as an entrywise function of w*, given B and C (K,).

    l1: w*/(B+C) where |w*| <= (B+C) tau, else (w* - sgn(w*) B tau)/C. l0: w*/(B+C) or w*/C; both
    are possible for C tau < |w*| <= (B+C) tau, where the branch is read off u, because it depends
    on the path. tl1: the inverse of s -> C s + B (s - T(s)); with t = T(s), s = t + mu a (a+1) /
    (a+t)^2, t is the operator's own root for |w*|/C and mu (B+C)/C. It has two branches, like l0,
    where T jumps, or rises so steeply that B (T' - 1) > C. none: w* / C.
    """
    new = np.empty_like(pack.w)
    for p, at in pack.rows.items():
        truth, tau = pack.truth[at], pack.cutoff[at, None]
        bb, cc = b[at, None], c[at, None]
        size = np.abs(truth)
        if p == "l1":
            above = (truth - np.sign(truth) * bb * tau) / cc
            new[at] = np.where(size <= (bb + cc) * tau, truth / (bb + cc), above)
        elif p == "l0":
            new[at] = np.where(pack.u[at] != 0, truth / cc, truth / (bb + cc))
        elif p == "tl1":
            mu, a = pack.mu[at, None], pack.shape[at, None]
            root = thresholds.tl1_root(size / cc, mu * (bb + cc) / cc, a)
            above = np.sign(truth) * (root + mu * a * (a + 1) / np.square(a + root))
            new[at] = np.where(pack.u[at] != 0, above, truth / (bb + cc))
        else:
            new[at] = truth / cc
    return new


def _keep_above(truth: Array, cutoff: Array) -> Array:
    """Return w* without its entries up to the cut-off: the best that any pruning could reach."""
    return np.where(np.abs(truth) > cutoff[:, None], truth, 0.0)


def _loss(pack: Splitting, u: Array) -> Array:
    """Return f(u) (K,); u = 0 has f = (b + k/2) ||w*||^2 / k^2."""
    return relu.population_loss(u, pack.truth, pack.patches)
