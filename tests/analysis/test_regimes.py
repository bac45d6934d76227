"""Regimes: for each, a table that meets it and one that does not."""

import math

import pandas as pd
import pytest

from implicitbias.analysis import regimes


def runs(accuracies=(), losses=None, **fields):
    """A row per run, epoch and metric: accuracies at the end, losses over epochs 0, 1, ..."""
    rows = []
    for i, accuracy in enumerate(accuracies):
        rows.append((f"r{i}", 10, "train_accuracy", accuracy))
    for i, curve in enumerate(losses or ()):
        rows += [(f"r{i}", epoch, "train_loss", v) for epoch, v in enumerate(curve)]
    table = pd.DataFrame(rows, columns=["run", "epoch", "metric", "value"])
    table = table.assign(layer="network", step=table["epoch"] * 5, **fields)
    return table


@pytest.mark.parametrize(
    ("part", "met", "unmet"),
    [
        (regimes.fit, runs([1.0, 0.99]), runs([1.0, 0.98])),
        (regimes.learn, runs([0.2, 1.0]), runs([0.1, 1.0])),
        (regimes.runs, runs([1.0]), runs()),
    ],
)
def test_every_part_can_be_met_and_not(part, met, unmet):
    assert part(met).met
    found = part(unmet)
    assert not found.met
    assert found.name == part(met).name


def test_what_was_measured_is_said():
    assert regimes.fit(runs([1.0, 0.43])).measured == (
        "least training accuracy 0.43, needed at least 0.99"
    )
    for lost in (runs(), runs([1.0, math.nan])):
        assert not regimes.fit(lost).met
        assert "no value" in regimes.fit(lost).measured


def test_networks_that_did_not_learn_are_left_out_and_counted():
    table = runs([0.1, 0.9, math.nan])
    kept, words = regimes.learnt(table)
    assert kept["run"].unique().tolist() == ["r1"]
    assert words == "2 of 3 networks that did not learn left out"
    assert regimes.learnt(runs([0.9]))[1] == ""
    words = regimes.learnt(runs([0.98, 1.0]), regimes.FIT)[1]
    assert words == "1 of 2 networks that did not fit left out"
    untold = runs(losses=[[1, 1]])
    assert regimes.learnt(untold)[0] is untold


def test_a_comparison_needs_two_values_of_what_is_compared():
    one, two = runs([1.0, 1.0], batch_size=4), runs([1.0, 1.0]).assign(batch_size=[4, 8])
    parts = [regimes.several(t, "batch_size", "networks that fit") for t in (two, one, one[:0])]
    assert [part.met for part in parts] == [True, False, False]
    assert parts[1].name == "there are networks that fit to compare"
    assert parts[1].measured == "batch_size of such networks: 1, needed at least 2"


def test_full_rank_is_told_from_less():
    ranks = pd.DataFrame({"value": [28.7, 28.7]})
    assert not regimes.below_full(ranks, 28.7).met
    assert regimes.below_full(ranks.assign(value=[28.7, 20.0]), 28.7).met
    assert not regimes.below_full(ranks.iloc[:0], 28.7).met


def decaying(decay):
    """10 epochs of 5 steps, the rate 0.5 for 5 epochs and 0.05 for the others."""
    return runs([1.0], lr=0.5, weight_decay=decay, lr_milestones="[6]", lr_factor=0.1)


def test_the_exponent_is_the_sum_over_steps_by_hand():
    wanted = -25 * math.log1p(-0.5 * 0.1) - 25 * math.log1p(-0.05 * 0.1)
    assert regimes.exponent(decaying(0.1)).to_dict() == pytest.approx({"r0": wanted})  # 1.41
    assert regimes.exponent(decaying(0.0)).to_dict() == {"r0": 0}
    assert regimes.forgets(decaying(0.1), 0.3).met  # log(1 / 0.3) = 1.20
    assert not regimes.forgets(decaying(0.1), 0.2).met  # 1.61
    assert not regimes.forgets(decaying(0.1).iloc[:0], 0.3).met


def test_the_terminal_phase_has_no_error_and_a_settled_loss():
    flat, falling = [5, 4, 3, 2, 1, 1, 1, 1, 1.0, 1, 1], [11 - i for i in range(11)]
    for curve, settled in ((flat, True), (falling, False)):
        parts = regimes.terminal(runs([1.0], losses=[curve]))
        assert [p.met for p in parts] == [True, settled]
    for lost in ([flat, [*flat[:-1], math.nan]], [[*flat[:-1], math.nan], flat]):
        assert not regimes.terminal(runs([1.0, 1.0], losses=lost))[1].met, "a run that diverged"
    for end, settled in ((0.0, True), (1.0, False)):
        assert regimes.terminal(runs([1.0], losses=[[*[0.0] * 10, end]]))[1].met is settled
    assert not regimes.terminal(runs([0.99], losses=[flat]))[0].met
    assert not regimes.terminal(runs([1.0]))[1].met


def test_a_condition_has_one_side():
    with pytest.raises(ValueError, match="at_least or at_most"):
        regimes.condition("a", 1.0, "b")
