"""Published points beside ours: prediction intervals, the fixed tolerance, what is left out."""

import math

import pandas as pd
import pytest

from implicitbias.analysis.agreement import agreement, beside

WORDS = {"figure": "p2020x/fig01", "id": "i", "claim": "s", "reference": "figure 1"}


def ours(by_x):
    return pd.DataFrame([{"x": x, "value": v} for x, values in by_x.items() for v in values])


def theirs(by_x, **other):
    cells = [{"panel": "B=4", "series": "average", "x": x, "value": v} for x, v in by_x.items()]
    return pd.DataFrame(cells).assign(**other)


def test_three_seeds_give_a_prediction_interval_and_fewer_the_fixed_tolerance():
    """1, 2, 3: 2 -+ 4.968; one seed of 20: +-3; of 100: +-5% of the published."""
    mine = ours({1: [1, 2, 3], 2: [20], 3: [100]})
    reference = theirs({1: 6.9, 2: 23.0, 3: 104.0, 9: 1.0})
    points = beside(mine, reference, ["x"], absolute=3.0)
    assert [(p.n, p.basis, p.agrees) for p in points] == [
        (3, "prediction", True), (1, "fixed", True), (1, "fixed", True),
    ]  # fmt: skip
    assert (points[0].low, points[0].high) == pytest.approx((-2.9683, 6.9683), abs=1e-4)
    out = beside(mine, theirs({1: 7.0, 2: 23.1, 3: 94.0}), ["x"], absolute=3.0)
    assert [p.agrees for p in out] == [False, False, False]
    read = beside(mine, theirs({1: 7.0}), ["x"], absolute=3.0, reading=0.05)
    assert read[0].agrees


def test_a_point_that_diverged_does_not_agree():
    points = beside(ours({1: [math.nan]}), theirs({1: 0.0}), ["x"], absolute=3.0)
    assert not points[0].agrees


def test_single_seeds_are_shown_and_decide_nothing():
    points = beside(ours({x: [x] for x in range(1, 41)}), theirs({x: x for x in range(1, 41)}),
                    ["x"], absolute=3.0)  # fmt: skip
    claim = agreement(points, 50, **WORDS)
    assert (claim.verdict, claim.value, claim.n, claim.kind) == ("undecided", 1.0, 1, "published")
    assert math.isnan(claim.ci_low)
    assert claim.note == (
        "40 of 40 points with fewer than 3 seeds are within the fixed tolerance, which decides"
        " nothing; 40 of 50 published points were run"
    )
    assert claim.points == points


@pytest.mark.parametrize(("published", "verdict"), [(2.0, "holds"), (99.0, "fails")])
def test_forty_points_of_three_seeds_decide(published, verdict):
    """Clopper-Pearson: 40 of 40 is at least 0.912, 0 of 40 at most 0.088."""
    mine = ours({x: [1, 2, 3] for x in range(40)})
    reference = theirs(dict.fromkeys(range(40), published))
    claim = agreement(beside(mine, reference, ["x"], absolute=3.0), 40, **WORDS)
    assert (claim.verdict, claim.n) == (verdict, 3)


def test_ten_points_are_too_few_to_claim_nine_of_ten():
    mine = ours({x: [1, 2, 3] for x in range(10)})
    claim = agreement(beside(mine, theirs(dict.fromkeys(range(10), 2.0)), ["x"], absolute=3.0), 10,
                      **WORDS)  # fmt: skip
    assert (claim.verdict, claim.value) == ("undecided", 1.0)


def test_a_point_of_which_one_network_learnt_is_left_out():
    mine = ours({1: [1, 2, 3], 2: [1, 2, 3]})
    reference = theirs({1: 2.0, 2: 50.0}, apart=[False, True])
    claim = agreement(beside(mine, reference, ["x"], absolute=3.0), 2, **WORDS)
    assert (claim.value, len(claim.points)) == (1.0, 2)
    assert claim.note == "1 points left out: only one of the two networks learnt"


def test_a_reference_needs_one_finite_value_for_each_point():
    for bad in ({1: math.nan},):
        with pytest.raises(ValueError, match="reference needs one finite value"):
            beside(ours({1: [1]}), theirs(bad), ["x"], absolute=3.0)
    twice = pd.concat([theirs({1: 1.0}), theirs({1: 2.0})])
    with pytest.raises(ValueError, match="reference needs one finite value"):
        beside(ours({1: [1]}), twice, ["x"], absolute=3.0)
