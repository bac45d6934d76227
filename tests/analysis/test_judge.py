"""Verdicts: Student's t against scipy, the truth table, trend and size together."""

import math

import numpy as np
import pytest
from curves import FIGURE, curves
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from implicitbias.analysis.claims import Condition
from implicitbias.analysis.intervals import binomial, p_value, prediction, student
from implicitbias.analysis.judge import judge, trend
from implicitbias.analysis.statistics import Statistic

NAN = math.nan
NOT_MET = Condition("every compared network fits", False, "least training accuracy 0.43")
numbers = st.floats(-100, 100).map(lambda v: round(v, 6))


def verdict(values, log=False, **other):
    statistic = Statistic("a number", dict(enumerate(values)), log=log)
    return judge(statistic, figure=FIGURE, id="an-id", kind="paper", claim="a sentence", **other)


@given(st.lists(numbers | st.just(NAN), max_size=6), numbers)
def test_truth_table_of_verdicts(values, threshold):
    least, most = verdict(values, at_least=threshold), verdict(values, at_most=threshold)
    finite = [v for v in values if not math.isnan(v)]
    assert least.n == most.n == len(finite)
    if len(finite) < 3:
        assert least.verdict == most.verdict == "undecided"
        return
    low, high = least.ci_low, least.ci_high
    assert low <= least.value <= high
    assert (least.verdict == "holds") == (low >= threshold)
    assert (least.verdict == "fails") == (high < threshold)
    assert (most.verdict == "holds") == (high <= threshold)
    assert (most.verdict == "fails") == (low > threshold)
    for claim in (least, most):
        if claim.decided and low < high and threshold not in (low, high):
            assert claim.p <= 0.05 * (1 + 1e-9)


@given(st.lists(numbers, min_size=3, max_size=6), numbers)
def test_at_most_is_at_least_of_the_mirror_image(values, threshold):
    one = verdict(values, at_most=threshold)
    other = verdict([-v for v in values], at_least=-threshold)
    assert one.ci_low == pytest.approx(-other.ci_high, abs=1e-9)
    assert one.verdict == other.verdict


@pytest.mark.parametrize("bad", [{}, {"at_least": 1, "at_most": 2}, {"at_least": NAN}])
def test_a_claim_has_one_finite_threshold(bad):
    with pytest.raises(ValueError, match="fig09: give at_least or at_most"):
        verdict([1, 2], **bad)


def test_a_regime_that_is_not_met_comes_before_the_numbers():
    for values in ([5, 6, 7], [-5, -6, -7], [1.0], []):
        claim = verdict(values, at_least=0, regime=[NOT_MET])
        assert claim.verdict == "not tested"
    assert verdict([5, 6, 7], at_least=0, regime=[Condition("a", True, "b")]).verdict == "holds"


def test_what_is_missing_is_in_the_note():
    claim = verdict([1.0, NAN, 2.0, 3.0], at_least=-9, note="first")
    assert (claim.n, claim.value, claim.verdict) == (3, 2.0, "holds")
    assert claim.note == "first; 1 of 4 seeds have no value"
    assert "all 3 seeds have the same value" in verdict([1, 1, 1], at_least=0).note


# -------------------------------------------------------------------------------- intervals


def test_the_interval_is_scipys():
    values = np.random.default_rng(0).normal(size=7)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert student(values)[1:] == pytest.approx((wanted.low, wanted.high))
    logs = student(np.exp(values), log=True)
    assert logs == pytest.approx(np.exp([values.mean(), wanted.low, wanted.high]))
    assert p_value(np.exp(values), 2.0, log=True) == pytest.approx(
        stats.ttest_1samp(values, math.log(2)).pvalue
    )


def test_a_ratio_has_its_geometric_mean_and_0_has_none():
    claim = verdict([1, 4, 16], log=True, at_least=1)
    assert claim.value == pytest.approx(4)
    assert claim.interval == "95%, Student's t over seeds, of logarithms"
    assert (verdict([0, 4, 4, 4], log=True, at_least=1).n) == 3


@pytest.mark.parametrize("value", [0.1, 0.7, 0.8, 1.1])
@pytest.mark.parametrize("n", [3, 6, 7])
def test_equal_seeds_are_their_own_interval_without_rounding(value, n):
    """(0.1 + 0.1 + 0.1) / 3 > 0.1 in floating point, which must not turn a verdict."""
    for threshold in ({"at_least": value}, {"at_most": value}):
        claim = verdict([value] * n, **threshold)
        assert (claim.ci_low, claim.value, claim.ci_high) == (value, value, value)
        assert claim.verdict == "holds"


def test_prediction_and_binomial_by_hand():
    """Values 1, 2, 3: mean 2, s = 1, t = 4.302653: 2 -+ 4.302653 sqrt(4/3). 9 of 10 points:
    Clopper-Pearson (0.5550, 0.9975), from tables.
    """
    assert prediction([1, 2, 3]) == pytest.approx((2 - 4.96827, 2 + 4.96827), abs=1e-4)
    assert binomial(9, 10, 0.9) == pytest.approx((0.5550, 0.9975, 1.0), abs=1e-4)
    assert all(math.isnan(end) for end in prediction([1.0]))


# ------------------------------------------------------------------- trend and size together

RISING = {seed: {0.1: (10 + seed, 20, 40), 0.5: (5, 9 + seed, 30)} for seed in range(3)}


def judged(table, direction="rises", **other):
    return trend(
        table, figure=FIGURE, id="s", kind="paper", claim="s", x="batch_size", direction=direction,
        by=["lr"], **other,
    )  # fmt: skip


def test_a_trend_holds_and_the_reversed_one_fails():
    rising = curves(RISING)
    falling = rising.assign(batch_size=-rising["batch_size"])
    assert judged(rising).verdict == judged(falling, "falls").verdict == "holds"
    assert judged(rising, "falls").verdict == judged(falling).verdict == "fails"


def test_a_perfect_trend_of_no_size_fails():
    flat = curves({seed: {0.1: (100, 100.1 + 0.01 * seed, 100.2)} for seed in range(3)})
    found = judged(flat)
    assert found.verdict == "fails"
    assert "Kendall's tau 1.00" in found.note


def test_a_size_without_a_trend_over_all_points_is_undecided():
    """The ends of the line differ by a third, but the order of the points is no trend."""
    table = curves({s: {0.1: (60 + s, 101, 99, 98, 97)} for s in range(3)}, (1, 2, 3, 4, 5))
    found = judged(table)
    assert found.ci_high < 0.9  # the size alone would hold
    assert found.verdict == "undecided"
    assert found.p > 0.05


def test_a_single_seed_is_undecided_however_large_its_effect():
    assert judged(curves({0: {0.1: (100, 10, 1)}}), "falls").verdict == "undecided"
