"""Inequalities proved for plain SGD with weight decay, which every trained run must keep.

Galanti, Siegel, Gupte, Poggio (2025), section 3: after n steps W_T = p W_{T-n} - (a sum of n
mini-batch gradients), p = prod (1 - lr_t weight_decay), and the sum has rank at most `window_rank`
= m_l x (examples in the n batches). Exact in real numbers; in floating point each step rounds W, so
the sides leave room for `_room`. Each gives three rows: the left sides, the right sides, and a
value that no matrix of the shape exceeds. Where the right side is no smaller than this value, the
bound is vacuous. NaN where a run had diverged.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import inequality

# Roundings of a weight in one step (the factor, its product with W, the sum), each at most one unit
# roundoff of W in Frobenius norm, and as many again for the rounding of the gradient.
_ROUNDINGS = 8
_DOUBLE = 2.0**-52


@inequality(
    of=("window_rest", "window_rank", "window_steps", "window_fro", "spectrum", "unit_roundoff")
)
def unrolled_rank(
    window_rest: ArrayLike,
    window_rank: ArrayLike,
    window_steps: ArrayLike,
    window_fro: ArrayLike,
    spectrum: ArrayLike,
    unit_roundoff: ArrayLike,
) -> NDArray[np.float64]:
    """Return the sides of #{i : s_i(W_T - p W_{T-n}) > room} <= window_rank, for each window.

    room: the most that the rounding of n steps can add to a singular value. NaN if the run
    diverged.
    Source: Galanti et al. (2025), the identity in the proof of lemma 3.2.
    """
    rest, s = np.asarray(window_rest), np.asarray(spectrum)
    room = _room(window_steps, window_fro, s, unit_roundoff)
    ranks = np.count_nonzero(rest > room[:, None], axis=1).astype(np.float64)
    ranks[np.isnan(rest).any(axis=1)] = np.nan
    return _counted(ranks, np.asarray(window_rank), len(s))


@inequality(of=("unrolling",))
def unrolled_identity(unrolling: ArrayLike) -> NDArray[np.float64]:
    """Return the sides of ||W_T - (p W_{T-n} - S)||_F / ||W_T||_F <= rounding.

    S is the sum of gradients recomputed by autograd, over one window: w = 1. unrolling: n, that
    norm, ||W_{T-n}||, ||W_T||, ||S||, of a float64 run. The room for S is 10^4 roundings of its own
    norm, because batch normalisation of a unit that hardly varies magnifies them. NaN if the run
    diverged.
    Source: Galanti et al. (2025), the identity in the proof of lemma 3.2.
    """
    n, off, before, after, total = np.asarray(unrolling, dtype=np.float64)
    room = _DOUBLE / 2 * (_ROUNDINGS * n * max(before, after) + 1e4 * total)
    return np.array([[off / after], [room / after], [np.inf]])


@inequality(
    of=("spectrum", "window_rank", "window_product", "window_spec", "window_steps", "window_fro",
        "unit_roundoff")
)  # fmt: skip
def lemma_spec(
    spectrum: ArrayLike,
    window_rank: ArrayLike,
    window_product: ArrayLike,
    window_spec: ArrayLike,
    window_steps: ArrayLike,
    window_fro: ArrayLike,
    unit_roundoff: ArrayLike,
) -> NDArray[np.float64]:
    """Return the sides of s_{k+1} / s_1 <= p ||W_{T-n}||_2 / ||W_T||_2, for each window.

    k is window_rank. The left side is the distance of W_T / ||W_T||_2 to rank k in the spectral
    norm (Eckart-Young); 0 where k is the size. NaN if the run diverged.
    Source: Galanti et al. (2025), lemma 3.2.
    """
    s = np.asarray(spectrum, dtype=np.float64)
    ranks = np.minimum(np.asarray(window_rank), len(s)).astype(int)
    distance = np.append(s, 0.0)[ranks] + 0 * s[0]
    room = _room(window_steps, window_fro, s, unit_roundoff) + _of_spectrum(s)
    right = np.asarray(window_product) * np.asarray(window_spec) + room
    return _distances(distance / s[0], right / s[0])


@inequality(of=("spectrum", "window_rank", "window_product", "window_fro", "window_steps",
                "unit_roundoff"))  # fmt: skip
def lemma_fro(
    spectrum: ArrayLike,
    window_rank: ArrayLike,
    window_product: ArrayLike,
    window_fro: ArrayLike,
    window_steps: ArrayLike,
    unit_roundoff: ArrayLike,
) -> NDArray[np.float64]:
    """Return the sides of sqrt(sum_{i > k} s_i^2) / ||W_T||_F <= p ||W_{T-n}||_F / ||W_T||_F.

    k is window_rank, for each window. As `lemma_spec`, in the Frobenius norm. NaN if the run
    diverged.
    Source: Galanti et al. (2025), lemma 3.2.
    """
    s = np.asarray(spectrum, dtype=np.float64)
    ranks = np.minimum(np.asarray(window_rank), len(s)).astype(int)
    distance = _tails(s)[ranks]
    room = _room(window_steps, window_fro, s, unit_roundoff) + _of_spectrum(s)
    right = np.asarray(window_product) * np.asarray(window_fro) + room
    norm = np.sqrt(np.square(s).sum())
    return _distances(distance / norm, right / norm)


@inequality(of=("spectrum", "window_rank", "window_product", "window_spec"))
def theorem_rank(
    spectrum: ArrayLike, window_rank: ArrayLike, window_product: ArrayLike, window_spec: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of #{i : s_i / s_1 > eps} <= window_rank at eps = 2 p, for each window.

    The rank count of the theorem for the n that its proof takes: p <= eps / 2. Where eps >= 1, or
    the norm has not settled (||W_{T-n}||_2 > 2 ||W_T||_2, while the theorem assumes that the ratio
    of successive norms tends to 1), it says nothing: NaN throughout. NaN if the run diverged.
    Source: Galanti et al. (2025), theorem 3.3.
    """
    s = np.asarray(spectrum, dtype=np.float64)
    eps = 2 * np.asarray(window_product)
    ranks = np.count_nonzero(s[None] > eps[:, None] * s[0], axis=1).astype(np.float64)
    sides = _counted(ranks, np.asarray(window_rank), len(s))
    says = (eps < 1) & (np.asarray(window_spec) <= 2 * s[0])
    return np.where(says, sides, np.nan)


@inequality(of=("batch_gradients", "batch_summands", "gradient_sizes", "patches"))
def gradient_rank(
    batch_gradients: ArrayLike,
    batch_summands: ArrayLike,
    gradient_sizes: ArrayLike,
    patches: ArrayLike,
) -> NDArray[np.float64]:
    """Return the sides of rank <= m_l b for the gradient on a batch of b, for each recorded b.

    Of self-attention, m_l is the number of tokens. Singular values above the rounding of the sum of
    m_l b products in float64 count: a dead unit has a gradient of rounding. NaN if diverged.
    Source: Galanti et al. (2025), lemma 3.1, and lemma A.1 for self-attention.
    """
    terms = np.asarray(gradient_sizes, dtype=np.float64) * np.asarray(patches)
    return _gradients(batch_gradients, batch_summands, terms)


@inequality(of=("sample_gradients", "sample_summands", "patches"))
def sample_gradient_rank(
    sample_gradients: ArrayLike, sample_summands: ArrayLike, patches: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of rank <= m_l for the gradient on each recorded example.

    As `gradient_rank`; only of networks without batch normalisation. NaN if the run diverged.
    Source: Galanti et al. (2025), lemma 3.1, and lemma A.1 for self-attention.
    """
    terms = np.repeat(np.asarray(patches, dtype=np.float64), len(np.asarray(sample_gradients)))
    return _gradients(sample_gradients, sample_summands, terms)


@inequality(of=("spectrum", "batch_residual", "residual_rank"))
def near_convergence(
    spectrum: ArrayLike, batch_residual: ArrayLike, residual_rank: ArrayLike
) -> NDArray[np.float64]:
    """Return the sides of dist_k(W) <= min over S' of ||G_S' + wd W||_F / (wd ||W||_F).

    dist_k(W) = sqrt(sum_{i > k} s_i^2) / ||W||_F; there is one inequality, w = 1. k = residual_rank
    = m_l B: the distance of W / ||W||_F to rank k, bounded by how nearly the best of the
    mini-batches S' is stationary; wd is torch's weight_decay, 2 lambda. NaN if diverged.
    Source: Galanti, Poggio, versions 1 and 2 of arXiv 2206.05794, statement recalled.
    """
    s = np.asarray(spectrum, dtype=np.float64)
    rank = int(min(np.asarray(residual_rank)[0], len(s)))
    left = _tails(s)[rank] / np.sqrt(np.square(s).sum())
    right = np.asarray(batch_residual, dtype=np.float64).min()
    room = _of_spectrum(s) / np.sqrt(np.square(s).sum())
    return _distances(np.array([left]), np.array([right * (1 + 1e-6) + room]))


def _tails(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Frobenius distances to rank k = 0 ... r, sqrt(sum_{i > k} s_i^2): (r + 1,)."""
    return np.asarray(np.sqrt(np.append(np.cumsum(np.square(s)[::-1])[::-1], 0.0)) + 0 * s[0])


def _room(
    steps: ArrayLike, before: ArrayLike, spectrum: ArrayLike, unit_roundoff: ArrayLike
) -> NDArray[np.float64]:
    """Return the most that rounding of n steps and of one SVD can add in Frobenius norm."""
    s = np.asarray(spectrum, dtype=np.float64)
    largest = np.maximum(np.asarray(before, dtype=np.float64), np.sqrt(np.square(s).sum()))
    unit = float(np.asarray(unit_roundoff)[0])
    return np.asarray(largest * (_ROUNDINGS * unit * np.asarray(steps) + len(s) * _DOUBLE))


def _of_spectrum(s: NDArray[np.float64]) -> float:
    """Return the error of a recorded spectrum: squaring costs half the digits of float64."""
    return float(len(s) * np.sqrt(_DOUBLE) * s[0])


def _gradients(
    spectra: ArrayLike, summands: ArrayLike, terms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sides for ranks of gradients, sums of `terms` products of size `summands`."""
    s = np.asarray(spectra, dtype=np.float64)
    room = _DOUBLE * (terms * np.asarray(summands) + s.shape[1] * s[:, 0])
    ranks = np.count_nonzero(s > room[:, None], axis=1).astype(np.float64)
    ranks[np.isnan(s).any(axis=1)] = np.nan
    return _counted(ranks, terms, s.shape[1])


def _counted(
    ranks: NDArray[np.float64], bounds: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return ranks, their bounds, and the trivial bound: no rank exceeds the size."""
    return np.stack([ranks, bounds, np.full(len(ranks), float(size))])


def _distances(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return both sides and the trivial bound 1: no matrix of norm 1 is further from any rank."""
    return np.stack([left, right, np.ones(len(left))])
