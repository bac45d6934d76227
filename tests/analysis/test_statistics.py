"""Statistics over seeds: by hand, and over the points that all seeds have."""

import math

import pandas as pd
import pytest
from curves import curves

from implicitbias.analysis.statistics import complete, difference, line_ratio

NAN = math.nan


def test_the_line_runs_through_all_points():
    """log2 of (8, 4, 1) is (3, 2, 0): slope -1.5, so 2^-3 from end to end. (1, 1, 1): 1."""
    table = curves({0: {0.1: (8, 4, 1), 0.5: (1, 1, 1)}, 7: {0.1: (1, 2, 4), 0.5: (1, 1, 1)}})
    falls = line_ratio(table, "batch_size", by=["lr"])
    assert falls.by_seed == pytest.approx({0: 2**-1.5, 7: 2.0})  # geometric means over lr
    rises = line_ratio(table, "batch_size", by=["lr"], falls=False)
    assert rises.by_seed == pytest.approx({0: 2**1.5, 7: 0.5})
    assert falls.log and falls.missing == ""
    assert falls.sentence == (
        "rank_fro_3e-2 at largest / at smallest batch_size, line over all points, mean over lr"
    )


def test_the_middle_point_counts():
    """The ends alone would give 1 in both; the slope of log2 is -0.3 and 0.3."""
    one, other = (curves({0: {0.1: v}}, batch_sizes=(1, 2, 3, 4)) for v in
                  ((4, 8, 1, 4), (4, 1, 8, 4)))  # fmt: skip
    assert line_ratio(one, "batch_size", by=["lr"]).by_seed[0] == pytest.approx(2**-0.9)
    assert line_ratio(other, "batch_size", by=["lr"]).by_seed[0] == pytest.approx(2**0.9)


def test_the_order_of_rows_and_the_spacing_of_x_do_not_matter():
    table = curves({0: {0.1: (1, 3, 2)}, 1: {0.1: (9, 7, 8)}})
    mixed = table.sample(frac=1, random_state=0)
    spread = table.assign(batch_size=table["batch_size"] ** 2)
    found = [line_ratio(t, "batch_size", by=["lr"]).by_seed for t in (table, mixed, spread)]
    assert found[0] == found[1] == found[2]


def test_a_value_of_zero_has_no_ratio_and_is_counted():
    table = curves({0: {0.1: (0, 10, 20), 0.5: (5, 10, 20)}})
    found = line_ratio(table, "batch_size", by=["lr"], falls=False)
    assert found.by_seed == pytest.approx({0: 0.25})
    assert found.missing == "1 of 2 curves with a value of 0 left out"


def test_a_point_that_is_left_out_does_not_change_what_is_estimated():
    """A curve that halves with each step, with and without its last point: 1/8 over three steps."""
    table = curves({s: {0.1: (8, 4, 2, 1), 0.5: (16, 8, 4, 2)} for s in (0, 1)}, (1, 2, 3, 4))
    gap = (table["lr"] == 0.5) & (table["batch_size"] == 4)
    for rows in (table, table[~gap]):
        found = line_ratio(rows, "batch_size", by=["lr"])
        assert found.by_seed == pytest.approx({0: 1 / 8, 1: 1 / 8})


def test_difference_by_hand():
    table = curves({0: {0.1: (1, 2, 3), 0.5: (5, 5, 5)}, 1: {0.1: (0, 0, 0), 0.5: (1, 2, 6)}})
    found = difference(table, "lr", 0.5, 0.1, by=["batch_size"])
    assert found.by_seed == {0: 3, 1: 3}
    with pytest.raises(ValueError, match="lr has .* not both 0.5 and 0.2"):
        difference(table, "lr", 0.5, 0.2, by=["batch_size"])


# ------------------------------------------------------------------------- complete cases


def test_every_seed_has_the_same_points():
    """Seed 1 diverged at one point: that point is left out for seed 0 as well."""
    table = curves({0: {0.1: (1, 2, 3), 0.5: (1, 2, 3)}, 1: {0.1: (1, 2, 3), 0.5: (1, 2, NAN)}})
    kept, missing = complete(table, ["lr", "batch_size"])
    assert kept.groupby("seed").size().to_dict() == {0: 5, 1: 5}
    assert missing == (
        "1 of 12 runs without a value; 1 of 6 points left out: not every seed has them"
    )


def test_a_seed_that_was_run_at_one_point_is_no_repetition():
    table = curves({0: {0.1: (1, 2, 3)}, 1: {0.1: (4, 5, 6)}, 2: {0.1: (7, 8, 9)}})
    odd = table[(table["seed"] != 2) | (table["batch_size"] == 4)]
    kept, missing = complete(odd, ["lr", "batch_size"])
    assert sorted(kept["seed"].unique()) == [0, 1]
    assert len(kept) == 6
    assert missing == "1 of 3 seeds left out: they lack points"


def test_seeds_at_one_curve_of_many_do_not_stand_for_all():
    """Three seeds at lr 0.1 and one at 0.5: the block is the curve that all of them have."""
    table = curves({s: {0.1: (1, 2, 3), 0.5: (4, 5, 6)} for s in range(3)})
    uneven = table[(table["seed"] == 0) | (table["lr"] == 0.1)]
    kept, missing = complete(uneven, ["lr", "batch_size"])
    assert kept["lr"].unique().tolist() == [0.1]
    assert kept["seed"].nunique() == 3
    assert missing == "3 of 6 points left out: not every seed has them, only lr 0.1 is left"


def test_an_axis_that_was_forgotten_is_an_error():
    table = curves({0: {0.1: (1, 2, 3), 0.5: (1, 2, 3)}})
    with pytest.raises(ValueError, match="several rows at seed=0, batch_size=4"):
        line_ratio(table, "batch_size")
    with pytest.raises(ValueError, match="no column batch, lrr; it has"):
        line_ratio(table.rename(columns={"batch_size": "b"}).assign(x=1), "x", by=["batch", "lrr"])
    with pytest.raises(ValueError, match="column lr needs a number"):
        line_ratio(table.assign(lr="high"), "lr")


def test_nothing_at_all_says_so():
    empty = curves({0: {0.1: (1, 2, 3)}}).iloc[:0]
    found = line_ratio(empty, "batch_size")
    assert (found.by_seed, found.missing) == ({}, "no rows")
    lost = curves({0: {0.1: (NAN,) * 3}})
    assert complete(lost, ["lr", "batch_size"])[0].empty
    assert isinstance(complete(lost, ["lr", "batch_size"])[0], pd.DataFrame)
