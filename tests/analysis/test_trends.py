"""The exact test of a trend, against scipy's tests and by hand."""

import math

import numpy as np
import pytest
from curves import curves
from scipy import stats

from implicitbias.analysis.trends import exact_trend

SIZES = (1, 2, 3, 4)


def test_one_seed_is_kendalls_exact_test():
    """scipy.stats.kendalltau counts the same permutations, for one series without ties."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = tuple(rng.normal(size=4))
        found = exact_trend(curves({0: {0.1: values}}, SIZES), "batch_size", by=["lr"])
        wanted = stats.kendalltau(SIZES, values, method="exact")
        assert (found.tau, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))


def test_several_seeds_are_scipys_permutation_test():
    """Ties included: every pair of permutations of two seeds, counted one by one."""
    table = {0: {0.1: (1, 2, 2, 5)}, 1: {0.1: (3, 1, 4, 4)}}
    rows = np.array([table[s][0.1] for s in (0, 1)], dtype=float)

    def net(values):
        i, j = np.triu_indices(4, 1)
        return np.sign(values[j] - values[i]).sum()

    one = stats.permutation_test((rows[0],), net, permutation_type="samples", n_resamples=np.inf)
    from itertools import permutations

    sums = [net(np.array(a)) + net(np.array(b)) for a in permutations(rows[0])
            for b in permutations(rows[1])]  # fmt: skip
    seen = net(rows[0]) + net(rows[1])
    wanted = min(1.0, 2 * min(np.mean(np.array(sums) >= seen), np.mean(np.array(sums) <= seen)))
    found = exact_trend(curves(table, SIZES), "batch_size", by=["lr"])
    assert found.p == pytest.approx(wanted)
    assert found.tau == pytest.approx(seen / 12)
    assert one.statistic == net(rows[0])


def test_groups_of_one_seed_are_no_repetitions():
    """Ten copies of one curve are as much evidence as one."""
    one = exact_trend(curves({0: {0.1: (1, 2, 3)}}), "batch_size", by=["lr"])
    ten = exact_trend(
        curves({0: {lr: (1, 2, 3) for lr in np.arange(1, 11) / 10}}), "batch_size", by=["lr"]
    )
    assert one.p == ten.p == pytest.approx(2 / 6)


def test_a_flat_line_and_two_points_show_no_trend():
    flat = exact_trend(curves({s: {0.1: (7, 7, 7)} for s in range(5)}), "batch_size", by=["lr"])
    assert (flat.tau, flat.sign, flat.p) == (0, 0, 1)
    two = exact_trend(curves({s: {0.1: (1, 2)} for s in range(5)}, (4, 8)), "batch_size", by=["lr"])
    assert math.isnan(two.p)


def test_the_direction_is_that_of_the_values():
    down = exact_trend(curves({s: {0.1: (3, 2, 1)} for s in range(3)}), "batch_size", by=["lr"])
    assert (down.tau, down.sign) == (-1, -1)
    assert down.p == pytest.approx(2 / 6**3)


def test_more_values_than_can_be_counted_are_drawn():
    """9! orders are too many; one draw in 20,001 is the identity's own."""
    sizes = tuple(range(9))
    table = curves({0: {0.1: sizes}}, sizes)
    found = exact_trend(table, "batch_size", by=["lr"])
    assert found.p <= 3 / 20_001
    assert found == exact_trend(table, "batch_size", by=["lr"])
