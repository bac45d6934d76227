"""Decay against none, equal steps, widths and depths, from tables with and without the effect."""

import pandas as pd
import pytest
from convnets import judged, plotted, table

SEEDS = (0, 1, 2)
GRID = [(b, lr, wd) for b in (4, 8, 16) for lr in (0.1, 0.5) for wd in (0, 5e-4, 2e-3)]
MLP = {"model": "mlp_bn", "depth": 10, "width": 100}


def by_id(claims):
    return {c.id: c for c in claims}


def verdict(rows, figure, name):
    return by_id(judged(figure, rows))[name].verdict


def of_decay(b, lr, wd):
    return 220 * (0.5 if wd else 0.99)


@pytest.mark.parametrize(
    ("rank", "name"),
    [
        (lambda b, lr, wd: 100.0, "decay-is-necessary"),  # lost without decay as well
        (lambda b, lr, wd: 220.0 - wd, "decay-lowers-rank"),
    ],
)
def test_decay_is_what_lowers_the_rank(rank, name):
    assert verdict(table(GRID, rank=of_decay), "exp_decay", name) == "holds"
    assert verdict(table(GRID, rank=rank), "exp_decay", name) in ("fails", "not tested")


@pytest.mark.parametrize(("gain", "marginal", "noticeable"),
                         [(0.01, "holds", "holds"), (0.05, "fails", "holds"),
                          (-0.01, "holds", "fails")])  # fmt: skip
def test_the_effect_on_test_accuracy_is_that_of_networks_that_fit(gain, marginal, noticeable):
    rows = table(GRID, rank=of_decay)
    test, decayed = rows["metric"] == "test_accuracy", rows["weight_decay"] > 0
    rows.loc[test, "value"] = 0.9
    rows.loc[test & decayed, "value"] = 0.9 + gain
    weak = rows["batch_size"] == 4  # these do not fit, and would turn the sign
    rows.loc[weak & test & decayed, "value"] = 0.9 - 20 * gain
    rows.loc[weak & (rows["metric"] == "train_accuracy"), "value"] = 0.9
    assert verdict(rows, "exp_decay", "marginal-effect-on-accuracy") == marginal
    assert verdict(rows, "exp_decay", "noticeable-effect-on-accuracy") == noticeable


def test_a_dot_of_decay_is_a_ratio_of_two_runs_of_one_seed():
    drawn = plotted("exp_decay", table(GRID, rank=of_decay))
    ranks = drawn[drawn["panel"] == "rank"]
    assert len(ranks) == 3 * 2 * 2
    assert ranks["mean"].to_numpy() == pytest.approx(0.5 / 0.99)
    assert set(ranks["n"]) == {3}


def steps_table(rank):
    """Runs of equal epochs, 500, and runs of the steps of batch size 16."""
    runs = [(b, 0.1, wd) for b in (8, 16, 32, 64) for wd in (0, 2e-4)]
    parts = [table(runs, rank=rank, **MLP)]
    for b in (8, 32, 64):
        part = [run for run in runs if run[0] == b]
        longer = table(part, rank=lambda b, lr, wd: rank(16, lr, wd), epoch=500 * b // 16, **MLP)
        parts.append(longer.assign(epochs=500 * b // 16, run=longer["run"] + "-steps"))
    return pd.concat(parts)


def test_a_fall_with_the_number_of_steps_alone_holds_at_equal_epochs_and_fails_at_equal_steps():
    rows = steps_table(lambda b, lr, wd: 200 * (b / 64) ** 0.5 if wd else 220.0)
    claims = by_id(judged("exp_equal_steps", rows))
    assert claims["rank-falls-with-smaller-batch-equal-epochs"].verdict == "holds"
    assert claims["rank-falls-with-smaller-batch-equal-steps"].verdict == "fails"
    assert claims["flat-without-decay-batch-equal-steps"].verdict == "holds"
    drawn = plotted("exp_equal_steps", rows)
    ranks = drawn[(drawn["panel"] == "equal steps") & (drawn["series"] == "weight decay 0.0002")]
    assert list(ranks["x"]) == [8, 16, 32, 64]
    assert ranks["mean"].nunique() == 1


def test_without_the_reference_nothing_is_equal():
    rows = steps_table(lambda b, lr, wd: 200.0)
    rows = rows[rows["batch_size"] == 64]
    assert {claim.verdict for claim in judged("exp_equal_steps", rows)} == {"not tested"}
    assert plotted("exp_equal_steps", rows).empty


def shapes_table(ratio):
    """ratio(width, depth): the rank with decay over that without."""
    parts = []
    for width, depth in ((100, 10), (50, 10), (200, 10), (100, 2), (100, 5)):
        kept = ratio(width, depth)
        part = table(
            [(32, 0.1, 0), (32, 0.1, 8e-4)], lambda b, lr, wd, kept=kept: 200 * (kept if wd else 1),
            **{**MLP, "width": width, "depth": depth},
        )  # fmt: skip
        parts.append(part.assign(run=part["run"] + f"-{width}-{depth}"))
    return pd.concat(parts)


def test_one_shape_whose_rank_stays_refutes_any_width_and_depth():
    name = "any-width-and-depth"
    assert verdict(shapes_table(lambda w, d: 0.5), "exp_shapes", name) == "holds"
    rows = shapes_table(lambda w, d: 1.0 if d == 2 else 0.5)
    assert verdict(rows, "exp_shapes", name) == "fails"
    drawn = plotted("exp_shapes", rows)
    kept = drawn[(drawn["panel"] == "depth, rank") & (drawn["series"] == "weight decay 0.0008")]
    assert list(kept["x"]) == [2, 5, 10]
    assert kept["mean"].to_numpy() == pytest.approx([200 / 230, 100 / 230, 100 / 230], rel=0.01)
