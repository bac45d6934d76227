"""The bounds against hand-computed values, each other, and simulated complexities."""

import math

import numpy as np
import pytest

from implicitbias.metrics import rademacher


def test_by_hand():
    # L = 2, norms 2 and 3, sum of squares 16, N = 4: 6 (1 + sqrt(4 log 2)) 4 / 4
    assert rademacher.dense_bound([2, 3], 16.0, 4) == pytest.approx(6 * (1 + 1.6651092223))
    # p = (9, 4): the first is the patch's; log 2 + log 2 + log 4 = 4 log 2, and sqrt(4 x 16) / 4
    wanted = 6 * (1 + math.sqrt(8 * math.log(2))) * 2
    assert rademacher.patch_bound([2, 3], [9, 4], 16.0, 4) == pytest.approx(wanted)
    wanted = 0.25 + 2 / 0.5 * 0.1 + 3 * math.sqrt(math.log(200) / 200)
    assert rademacher.margin_bound(0.1, 0.25, 0.5, 100, 0.01) == pytest.approx(wanted)


def test_without_shared_kernels_the_patch_bound_is_the_dense_one():
    norms = [1.3, 0.4, 2.0]
    dense = rademacher.dense_bound(norms, 7.0, 50)
    assert rademacher.patch_bound(norms, [1, 1, 1], 7.0, 50) == pytest.approx(dense)


@pytest.mark.parametrize("bound", ["dense", "patch"])
def test_linear_functions_stay_below_and_a_tenth_of_the_bound_does_not(bound):
    """sup over ||w|| <= 1 of (1/N) sum_i s_i <w, x_i> is ||sum_i s_i x_i|| / N, exactly."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5))
    signs = rng.choice([-1.0, 1.0], size=(4000, 40))
    true = np.linalg.norm(signs @ x, axis=1).mean() / 40
    square = float(np.square(x).sum())
    found = (
        rademacher.dense_bound([1.0], square, 40)
        if bound == "dense"
        else rademacher.patch_bound([1.0], [5], square, 40)
    )
    assert 0.1 * found < true <= found


@pytest.mark.parametrize(
    "call",
    [
        lambda: rademacher.dense_bound([], 1.0, 1),
        lambda: rademacher.dense_bound([math.nan], 1.0, 1),
        lambda: rademacher.dense_bound([1.0], -1.0, 1),
        lambda: rademacher.patch_bound([1.0], [1, 2], 1.0, 1),
        lambda: rademacher.patch_bound([1.0, 1.0], [1, 0], 1.0, 1),
        lambda: rademacher.margin_bound(1.0, 0.0, 0.0, 1, 0.1),
        lambda: rademacher.margin_bound(1.0, 0.0, 1.0, 1, 1.0),
    ],
)
def test_what_a_bound_does_not_speak_of_is_refused(call):
    with pytest.raises(ValueError):
        call()
