"""Inequalities that are proved for homogeneous networks on the square loss.

Recorded (`train/observers/identities.py`): flow_terms are rho, mu, M, T = mean ||t||^2, L and
lambda, with f = outputs / rho, mu = mean <t, f>, M = mean ||f||^2; for targets +-1, T is 1, mu is
the mean of the margins and M the mean of their squares. The paper writes the statements for one
output; with <t, f> for the margin they hold for any number of outputs. Identities are exact in real
numbers: both sides are summed in float64, of which `_ROOM` is the share of the terms that rounding
may cost. `head_gradients` are recorded for the head alone, so the inequalities that use them are
checked there. At rest the others are equalities; away from it the gradient of the head says by how
much they may miss. NaN where a run had diverged.
Source of all: Xu, Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024, numbered as in the
author manuscript; how far from rest they hold is derived.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._collapse import array, ratio
from ._registry import inequality

_ROOM = 1e-9


@inequality(of=("layer_pull", "flow_terms"))
def lemma2_multiplier(layer_pull: ArrayLike, flow_terms: ArrayLike) -> NDArray[np.float64]:
    """Return the sides of |nu_k - rho (mu - rho M)| <= rounding, nu_k = -<W_k, dL/dW_k> / 2.

    In every layer k, relative to rho |mu| + rho^2 M. The multiplier of every layer is the same
    number. NaN if the run diverged.
    Source: lemma 2 and (4).
    """
    rho, mu, m, *_ = array(flow_terms)
    nu = -array(layer_pull)[0] / 2
    return _identity(nu, rho * (mu - rho * m), rho * abs(mu) + rho**2 * m)


@inequality(of=("layer_pull", "flow_terms", "head_gradients"))
def lemma2_rho(
    layer_pull: ArrayLike, flow_terms: ArrayLike, head_gradients: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of |rho' - 2 (mu - rho (M + lambda))| <= rounding.

    rho' = -<V_L, d(L + lambda rho^2)/dW_L>. Relative to 2 |mu| + 2 rho (M + lambda). NaN if the run
    diverged.
    Source: lemma 2, (3) and (6).
    """
    rho, mu, m, _, _, lam = array(flow_terms)
    right = 2 * (mu - rho * (m + lam))
    return _identity(_rate(layer_pull, flow_terms), right, 2 * abs(mu) + 2 * rho * (m + lam))


@inequality(of=("layer_pull", "flow_terms", "head_gradients"))
def lemma4(
    layer_pull: ArrayLike, flow_terms: ArrayLike, head_gradients: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of |L + lambda rho^2 - (T - rho (rho'/2 + mu))| <= rounding.

    Relative to the terms. NaN if the run diverged.
    Source: lemma 4, with T for 1.
    """
    rho, mu, m, t, loss, lam = array(flow_terms)
    right = t - rho * (_rate(layer_pull, flow_terms) / 2 + mu)
    return _identity(loss + lam * rho**2, right, t + rho * abs(mu) + rho**2 * (m + lam))


@inequality(of=("flow_terms", "head_gradients"))
def lemma1_rest(flow_terms: ArrayLike, head_gradients: ArrayLike) -> NDArray[np.float64]:
    """Return the sides of |rho - mu / (M + lambda)| <= ||gradient|| / (2 (M + lambda)).

    The gradient is that of L + lambda rho^2 in the head: 0 at rest, where (7) is an equality. NaN
    if the run diverged.
    Source: lemma 1 and (7).
    """
    rho, mu, m, _, _, lam = array(flow_terms)
    equilibrium = ratio(mu, m + lam)
    reach = ratio(array(head_gradients)[1], 2 * (m + lam))
    trivial = rho + abs(equilibrium)
    return _sides([abs(rho - equilibrium)], [reach + _ROOM * trivial], [trivial])


@inequality(of=("flow_terms", "head_gradients"))
def lemma6_rest(flow_terms: ArrayLike, head_gradients: ArrayLike) -> NDArray[np.float64]:
    """Return the sides of how far the gap T - rho mu may be from its value at rest.

    |T - rho mu - (T (M + lambda) - mu^2) / (M + lambda)| <= mu ||gradient|| / (2 (M + lambda)).
    With T = 1 and sigma^2 = M - mu^2 the second term is (sigma^2 + lambda) / (mu^2 + sigma^2 +
    lambda). Also mu^2 / (M + lambda) <= T M / (M + lambda): at rest rho mu < T if lambda > 0. NaN
    if the run diverged.
    Source: lemma 6 and (8).
    """
    rho, mu, m, t, _, lam = array(flow_terms)
    eps = ratio(t * (m + lam) - mu**2, m + lam)
    reach = abs(mu) * ratio(array(head_gradients)[1], 2 * (m + lam))
    size = t + rho * abs(mu)
    left = [abs(t - rho * mu - eps), ratio(mu**2, m + lam)]
    right = [reach + _ROOM * size, ratio(t * m, m + lam) * (1 + _ROOM)]
    return _sides(left, right, [size, np.inf])


@inequality(of=("layer_pull", "flow_terms", "head_gradients"))
def lemma3_fit(
    layer_pull: ArrayLike, flow_terms: ArrayLike, head_gradients: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of |rho' + 2 lambda rho| <= 2 sqrt(L M) and of the head's gradient.

    ||dL/dW_L|| <= 2 sqrt(L mean ||h||^2). Without decay the velocities of rho and of the head go to
    0 with the loss. NaN if the run diverged.
    Source: lemma 3; the rates are derived (Cauchy and Schwarz).
    """
    rho, _, m, _, loss, _ = array(flow_terms)
    gradient, _, square = array(head_gradients)
    right = 2 * np.sqrt(loss * np.array([m, square])) * (1 + _ROOM)
    return _sides([abs(array(layer_pull)[0]) / rho, gradient], right, [np.inf, np.inf])


@inequality(of=("turn_norm", "sample_gap", "sample_residual"))
def lemma3_turn(
    turn_norm: ArrayLike, sample_gap: ArrayLike, sample_residual: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of how fast the direction of a layer turns and the loss.

    ||mean_n e_n r_n|| <= sqrt(mean e_n^2 mean ||r_n||^2) in every layer, r_n = df_n/dV_k - f_n V_k,
    e_n = 1 - rho f_n, of the recorded examples: the velocity of V_k over 2 rho goes to 0 with the
    loss. NaN if the run diverged.
    Source: lemma 3 and the equation of V_k in (5); the rate is derived (Cauchy and Schwarz).
    """
    e, r = array(sample_gap), array(sample_residual)
    right = np.sqrt(np.square(e).mean() * np.square(r).mean()) * (1 + _ROOM)
    return _sides([array(turn_norm)[0]], [right], [np.inf])


@inequality(of=("head_rotation",))
def lemma5(head_rotation: ArrayLike) -> NDArray[np.float64]:
    """Return the sides of max_n |f'_n - a f_n| / ||h_n - <h_n, V_L> V_L|| <= sqrt(1 - a^2).

    For each cosine a; f' is of the head rotated by that angle: margins scale by a where every h_n,
    what enters the head, is parallel to it, and else miss that by at most this. NaN if the run
    diverged.
    Source: lemma 5, which assumes the first case; the inequality is derived.
    """
    cosines, off = array(head_rotation)
    return _sides(off, np.sqrt(1 - cosines**2) * (1 + _ROOM), np.full(len(cosines), np.inf))


@inequality(of=("spectrum", "sample_residual", "sample_margin", "sample_patches"))
def lemma8_rank(
    spectrum: ArrayLike,
    sample_residual: ArrayLike,
    sample_margin: ArrayLike,
    sample_patches: ArrayLike,
) -> NDArray[np.float64]:
    """Return the sides of the distance to rank m and the least distance of an example from rest.

    sqrt(sum_(i > m) s_i^2) / ||W||_F <= min_n ||f_n V_k - df_n/dV_k|| / |f_n|, m = m_k. df_n/dV_k
    is a sum over the m_k places where the layer is applied, so of that rank, 1 for a dense layer. A
    layer that were stationary on every example would have it. NaN if the run diverged.
    Source: lemma 8, whose hypotheses leave only rank 1 (it claims 2); the distance is derived, by
    Eckart and Young. A shared kernel sums over its positions, which the proof does not.
    """
    s, f = array(spectrum), np.abs(array(sample_margin))
    rank = min(int(array(sample_patches)[0]), len(s))
    norm = np.sqrt(np.square(s).sum())
    right = np.nan_to_num(ratio(array(sample_residual), f), nan=np.inf).min()  # f_n = 0: no bound
    left = ratio(np.sqrt(np.square(s[rank:]).sum()), norm)
    # A recorded spectrum comes from a Gram matrix, which costs half the digits of float64.
    return _sides([left], [right * (1 + _ROOM) + len(s) * 2.0**-26], [1.0])


def _rate(layer_pull: ArrayLike, flow_terms: ArrayLike) -> float:
    """Return rho' of the head, by autograd: -(<W_L, dL/dW_L> / rho + 2 lambda rho)."""
    rho, *_, lam = array(flow_terms)
    return float(-(array(layer_pull)[0] / rho + 2 * lam * rho))


def _identity(left: float, right: float, terms: float) -> NDArray[np.float64]:
    """Return |left - right| / terms against rounding."""
    return _sides([ratio(abs(left - right), terms)], [_ROOM], [np.inf])


def _sides(left: ArrayLike, right: ArrayLike, trivial: ArrayLike) -> NDArray[np.float64]:
    return np.stack([array(left), array(right), array(trivial)])
