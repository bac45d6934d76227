"""Bounds on the Rademacher complexity of ReLU networks, and the margin bound, are computed here.

Pure functions of norms and sums of squares; the runs record these (`train/observers/bounds.py`).
All are of networks without biases whose layers have at most the given Frobenius norms.
"""

import math
from collections.abc import Sequence


def dense_bound(norms: Sequence[float], input_square_sum: float, n: int) -> float:
    """Return (1/N) prod_k ||W_k||_F (1 + sqrt(2 L log 2)) sqrt(sum_i ||x_i||^2), in [0, inf).

    norms (L,): Frobenius norms, for a convolution those of its Toeplitz matrix; with the norms of
    the kernels it is the same formula and no theorem. ValueError for no layer, a negative number or
    n < 1.
    Source: Golowich, Rakhlin, Shamir (2018), COLT, theorem 1.
    """
    _check(norms, input_square_sum, n)
    depth = 1 + math.sqrt(2 * len(norms) * math.log(2))
    return math.prod(norms) * depth * math.sqrt(input_square_sum) / n


def patch_bound(
    norms: Sequence[float], positions: Sequence[int], patch_square_sum: float, n: int
) -> float:
    """Return the bound on the complexity of a ReLU network of L layers of patches, in [0, inf).

    (rho/N) (1 + sqrt(2 (L log 2 + sum_l log p_l))) sqrt(prod_l p_l sum_i ||patch(x_i)||^2).

    norms (L,): Frobenius norms of the kernels, first layer first; rho their product. positions:
    p_l, the input positions that a unit of layer l sees. The sum and the product leave out the
    first layer, whose share is the patch: patch_square_sum is the largest over positions of
    sum_i ||patch(x_i)||^2. For dense layers (p_l = 1) it is `dense_bound`. ValueError as there, and
    for a position below 1.
    Source: Galanti, Xu, Galanti, Poggio (2023), arXiv 2301.12033, recalled and not verified; which
    layers the sum and the product take is our reading.
    """
    _check(norms, patch_square_sum, n)
    if len(positions) != len(norms) or min(positions) < 1:
        raise ValueError(f"positions are {len(norms)} numbers from 1 on, not {list(positions)}")
    later = positions[1:]
    inner = len(norms) * math.log(2) + sum(math.log(p) for p in later)
    paths = math.prod(later) * patch_square_sum
    return math.prod(norms) * (1 + math.sqrt(2 * inner)) * math.sqrt(paths) / n


def margin_bound(
    complexity: float, share_below: float, gamma: float, n: int, delta: float
) -> float:
    """Return share_below + (2/gamma) R_N + 3 sqrt(log(2/delta) / (2 N)), a bound on P(y f <= 0).

    share_below: examples with margin at most gamma > 0; R_N: the (empirical) complexity; with
    probability 1 - delta over the sample. Vacuous from 1 on. ValueError outside gamma > 0,
    delta in (0, 1).
    Source: Mohri, Rostamizadeh, Talwalkar (2018), Foundations of Machine Learning, theorem 5.8.
    """
    if not (gamma > 0 and 0 < delta < 1 and n >= 1):
        raise ValueError(f"gamma {gamma} > 0, delta {delta} in (0, 1) and n {n} >= 1 are needed")
    return share_below + 2 / gamma * complexity + 3 * math.sqrt(math.log(2 / delta) / (2 * n))


def _check(norms: Sequence[float], square_sum: float, n: int) -> None:
    """Raise ValueError for a number outside its range, NaN included."""
    if not norms or not all(v >= 0 for v in (*norms, square_sum)) or n < 1:
        raise ValueError("a bound needs layers, norms and a sum of squares from 0 on, and examples")
