"""Compute bounds on the complexity and the error of ReLU networks from norms.

Pure functions of norms and sums of squares, which runs record (`train/observers/bounds.py`). All
concern networks without biases. rho is the product of the layers' Frobenius norms, where a
convolution counts with the norm of its kernel unless a function says otherwise. The paper is Xu,
Rangamani, Liao, Galanti, Poggio (2023), Research 6:0024, numbered as in the author manuscript; its
follow-up Galanti, Xu, Galanti, Poggio, arXiv 2301.12033, in the first version and in that of
NeurIPS 2023, which differ.
"""

import math
from collections.abc import Sequence
from typing import Literal

TREE = Literal["printed", "proof", "depth"]


def dense_bound(norms: Sequence[float], input_square_sum: float, n: int) -> float:
    """Return (1/N) prod_k ||W_k||_F (1 + sqrt(2 L log 2)) sqrt(sum_i ||x_i||^2), in [0, inf).

    norms (L,): Frobenius norms, for a convolution the norm of its Toeplitz matrix; with the norms
    of kernels the formula is not a theorem. ValueError for no layer, a negative number or n < 1.
    Source: Golowich, Rakhlin, Shamir (2018), COLT, theorem 1.
    """
    _check([*norms, input_square_sum], len(norms), n)
    return math.prod(norms) * dense_factor(len(norms)) * math.sqrt(input_square_sum) / n


def dense_factor(depth: int) -> float:
    """Return 1 + sqrt(2 L log 2), at least R_N sqrt(N) of dense networks, rho = 1, ||x|| <= 1.

    Source: Golowich, Rakhlin, Shamir (2018); as Xu et al. (2023) use it below (12).
    """
    return 1 + math.sqrt(2 * depth * math.log(2))


def confidence(rho: float, n: float, delta: float) -> float:
    """Return 3 sqrt(log(2 rho^2 / delta) / (2 N)), the price of confidence 1 - delta; in [0, inf).

    rho: the quantity that is squared in the theorem, such as rho + 1. ValueError outside rho >= 1,
    delta in (0, 1).
    Source: Xu et al. (2023), the last term of (12).
    """
    if not (rho >= 1 and 0 < delta < 1 and n >= 1):
        raise ValueError(f"rho {rho} >= 1, delta {delta} in (0, 1) and n {n} >= 1 are needed")
    return 3 * math.sqrt(math.log(2 * rho**2 / delta) / (2 * n))


def fitted_bound(rho: float, depth: int, n: int, delta: float, printed: bool = False) -> float:
    """Return the bound 2 (rho + 1) (1 + sqrt(2 L log 2)) / sqrt(N) + confidence on the error.

    Of a dense network without training errors, ||x|| <= 1; vacuous from 1 on. By theorem 3, (12),
    the confidence has rho + 1. printed: as (16) prints it, with log(rho) + 1 in its place, which
    theorem 3 does not give (rho >= 1 then).
    Source: Xu et al. (2023), theorem 3 and (16). R_N is taken with 1/N: their definition 1 has 2/N,
    which would double the first term.
    """
    _check([rho], depth, n)
    first = 2 * (rho + 1) * dense_factor(depth) / math.sqrt(n)
    return first + confidence(math.log(rho) + 1 if printed else rho + 1, n, delta)


def tree_bound(
    rho: float, depth: int, input_square_sum: float, n: int, constant: TREE = "printed"
) -> float:
    """Return the bound 2^L rho sqrt(sum_i ||x_i||^2) / N on R_N of a convolutional tree.

    A tree: kernels that do not overlap, of size 2 and stride 2. constant: `printed` 2^L; `proof`
    2^(L-1), which the proof gives; `depth` 1 + sqrt(2 L log 2), which the proof of Golowich et al.
    would give.
    Source: Xu et al. (2023), theorem 4, (19); the last constant is derived.
    """
    _check([rho, input_square_sum], depth, n)
    factor = {"printed": 2.0**depth, "proof": 2.0 ** (depth - 1), "depth": dense_factor(depth)}
    return factor[constant] * rho * math.sqrt(input_square_sum) / n


def tree_toeplitz_bound(rho: float, depth: int, input_square_sum: float, n: int) -> float:
    """Return 2^(L^2/4 + 5L/4) rho sqrt(sum_i ||x_i||^2) / N: `tree_bound` by Toeplitz norms.

    A kernel at p positions has a Toeplitz matrix sqrt(p) times its norm. The positions are
    2^L, ..., 4, 2 from the first layer to the last: the ratio of the two bounds is
    2^((L^2 + L) / 4).
    Source: Xu et al. (2023), (25).
    """
    return tree_bound(rho, depth, input_square_sum, n) * 2 ** ((depth**2 + depth) / 4)


def overlap_factor(kernel: int, overlap: int) -> float:
    """Return sqrt(K / (K - O)), by which kernels of size K that overlap by O enlarge a bound.

    The bound is that of a tree. In [1, inf); a conjecture. ValueError outside 0 <= O < K.
    Source: Xu et al. (2023), conjecture 1, (24).
    """
    if not 0 <= overlap < kernel:
        raise ValueError(f"overlap: {overlap} is not from 0 to below the kernel's {kernel}")
    return math.sqrt(kernel / (kernel - overlap))


def rank_factor(rank: float, size: int) -> float:
    """Return sqrt(r / n), the factor of an n x n layer of rank r in a bound, in place of 1.

    In [0, 1]. ValueError outside 0 <= r <= n.
    Source: Xu et al. (2023), theorem 7. For m x n we take the smaller side.
    """
    if not 0 <= rank <= size:
        raise ValueError(f"rank: {rank} is not from 0 to {size}")
    return math.sqrt(rank / size)


def kernel_bound(
    rho: float, degrees: Sequence[int], pixel_square_sum: float, n: int, delta: float = 1e-3
) -> float:
    """Return the bound by norms of kernels on the error of a network of one output that fits.

    (rho+1)/N (1 + sqrt(2 L log(2 d))) sqrt(prod_l d_l S) + confidence.

    degrees (L,): d_l, the positions that a unit of layer l sees, first layer first; d is their
    maximum. S = pixel_square_sum, the largest over pixels of sum_i ||x_i at the pixel||^2. The
    confidence has rho + 2. The factor 2 of the theorem's own lemma 2.2 is missing, and is left out
    here too.
    Source: arXiv 2301.12033, first version, theorem 3.2.
    """
    _check([rho, pixel_square_sum], min([len(degrees), *degrees]), n)
    inner = 2 * len(degrees) * math.log(2 * max(degrees))
    paths = math.prod(degrees) * pixel_square_sum
    first = (rho + 1) / n * (1 + math.sqrt(inner)) * math.sqrt(paths)
    return first + confidence(rho + 2, n, delta)


def kernel_margin_bound(
    rho: float, degrees: Sequence[int], pixel_square_sum: float, n: int, n_classes: int,
    gamma: float = 1.0, delta: float = 1e-3,
) -> float:  # fmt: skip
    """Return the bound by norms of kernels on the excess of the error over the margin error.

    2 sqrt2 (rho+1)/(gamma N) (1 + sqrt(2 s)) sqrt(prod_(l<L) d_l S) + confidence.

    A bound on the error less the share of training margins below gamma, of C classes; s = L log 2 +
    sum_(l<L) log d_l + log C. Arguments as of `kernel_bound`. With d_l = 1, norms of Toeplitz
    matrices in rho and the whole input for S it is the bound of a dense network.

    As printed, the last layer's degree does not enter. Taken literally this is too small: on
    constant images one convolution and a head over its positions have a larger complexity
    (`tests/metrics/test_rademacher.py`). `kernel_bound` has that degree.
    Source: Galanti, Xu, Galanti, Poggio (2023), NeurIPS, theorem 3.2; the values gamma 1 and delta
    .001 are the paper's.
    """
    inner = degrees[:-1]
    logs = len(degrees) * math.log(2) + sum(map(math.log, inner)) + math.log(n_classes)
    return _margin(rho, logs, math.prod(inner) * pixel_square_sum, n, gamma, delta)


def kernel_margin_bound_as_coded(
    rho: float, degrees: Sequence[int], raw_pixel_square_sum: float, n: int, n_classes: int,
    gamma: float = 1.0, delta: float = 1e-3,
) -> float:  # fmt: skip
    """Return `kernel_margin_bound` with three slips of the authors' code.

    raw_pixel_square_sum: S of images in [0, 1], while the network sees standardised ones; N is 5/6
    of the examples (50,000 where 60,000 are trained and summed); s = L log(2 x 4) + log C for 2x2
    kernels, one log 4 more.
    Source: code of Galanti et al. (2023), lianegalanti/gen on GitHub, read.
    """
    logs = len(degrees) * math.log(2 * degrees[0]) + math.log(n_classes)
    paths = math.prod(degrees[:-1]) * raw_pixel_square_sum
    return _margin(rho, logs, paths, 5 * n / 6, gamma, delta)


def _margin(rho: float, s: float, paths: float, n: float, gamma: float, delta: float) -> float:
    if not (s > 0 and gamma > 0):
        raise ValueError(f"two classes and layers, degrees from 1 on, gamma {gamma} > 0 are needed")
    _check([rho, paths], 1, n)
    first = 2 * math.sqrt(2) * (rho + 1) / (gamma * n) * (1 + math.sqrt(2 * s)) * math.sqrt(paths)
    return first + confidence(rho + 2, n, delta)


def _check(numbers: Sequence[float], least: int, n: float) -> None:
    """Raise ValueError for numbers outside their range, NaN included.

    least: the number of layers, or the least degree.
    """
    if not all(v >= 0 for v in numbers) or least < 1 or n < 1:
        raise ValueError("a bound needs layers, norms and a sum of squares from 0 on, and examples")
