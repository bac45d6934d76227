"""Sentences of the abstracts on sparsity: each claim on a table made to hold, and one to fail."""

import importlib
import itertools
import math

import pandas as pd
import pytest

from implicitbias.analysis.shares import share

CHOU, DINH = "chou2024weightnorm", "dinh2020rvsm"
INSTANCES = (0, 1, 2)


def claims(key, rows):
    """Claims by id, from (fields, {metric: value at the end}) of every run."""
    made = []
    for i, (fields, values) in enumerate(rows):
        run = {"run": f"r{i}", "epoch": 9, "step": 9, "layer": "network", **fields}
        made += [{**run, "metric": m, "value": v} for m, v in values.items()]
    module = importlib.import_module(f"implicitbias.figures.{key.replace('/', '.')}")
    return {c.id: c for c in module.claims(pd.DataFrame(made))}


def speeds(plain, normalised):
    """Steps of plain descent and of both ratios, with either sign; None: not arrived."""
    rows = []
    for signed, seed, (c, steps) in itertools.product(
        (False, True), INSTANCES, ((None, plain), (5.0, normalised), (10.0, normalised))
    ):
        fields = {"seed": seed, "signed": signed, "init_norm": 1.0, "rate_ratio": c,
                  "iterations": 40_000}  # fmt: skip
        value = math.nan if steps is None else steps * (1 + seed / 100)
        rows.append((fields, {"steps_to_1e-4": value}))
    return claims(f"{CHOU}/exp_speed", rows)


@pytest.mark.parametrize(
    ("plain", "normalised", "verdict"),
    [(9000, 3000, "holds"), (3000, 9000, "fails"), (None, 3000, "holds"), (3000, None, "fails"),
     (None, None, "undecided")],
)  # fmt: skip
def test_speed_counts_runs_that_have_not_arrived_with_the_budget(plain, normalised, verdict):
    found = speeds(plain, normalised)
    assert {*found} == {f"faster-c-{c}{s}" for c in (5, 10) for s in ("", "-signed")}
    assert {c.verdict for c in found.values()} == {verdict}
    assert ("3 of 3 seeds of plain have not arrived" in found["faster-c-5"].note) == (plain is None)


def robustness(exponents, level=1.0, arrived=1.0):
    """Excesses level x start^exponent, by ratio; plain's level is 1."""
    rows = []
    for seed, start, (c, power) in itertools.product(
        INSTANCES, (0.1, 0.2, 0.5, 1.0), exponents.items()
    ):
        excess = (level if c else 1.0) * (1 + seed / 10) * 0.1 * start**power
        values = {"excess": excess, "converged": arrived, "log10_magnification": 0.0}
        rows.append(({"seed": seed, "init_norm": start, "rate_ratio": c or None}, values))
    found = claims(f"{CHOU}/exp_robustness", rows)
    return {name: claim.verdict for name, claim in found.items()}


def test_robustness_is_of_level_and_of_exponent():
    plain, level = "plain-needs-small-start", "large-start-as-good-c-5"
    exponent = "less-dependent-c-5"
    assert {*robustness({0.0: 1.4, 5.0: 0.2}, 1e-2).values()} == {"holds"}
    steep = robustness({0.0: 1.4, 5.0: 1.3}, 1e-3)
    assert steep == {plain: "holds", level: "holds", exponent: "fails"}
    assert robustness({0.0: 1.4, 5.0: 0.2})[level] == "fails"
    assert robustness({0.0: 0.3, 5.0: 0.2})[plain] == "fails"
    assert {*robustness({0.0: 1.4, 5.0: 0.2}, 1e-2, arrived=0.0).values()} == {"not tested"}
    assert robustness({0.0: 1.4, 5.0: 0.2}, 1e-7)[level] == "not tested"


def basin(reached, apart=0.0):
    """A hundred truths, of which so many end near a limit under every penalty.

    Of two truths with random starts these end at 3 and at 1, but for one that ends `apart` of it.
    """

    def run(seed, penalty, angle, **start):
        fields = {"seed": seed, "penalty": penalty, "beta": 0.004, "start_angle": math.nan,
                  "start_seed": math.nan, **start}  # fmt: skip
        return fields, {"angle": angle, "beta_limit": 0.004, "iterations_used": 500.0,
                        "residual_threshold": 1e-12}  # fmt: skip

    rows = [
        run(seed, penalty, 2.0 if seed - 101 >= reached and penalty == "l0" else 0.01)
        for seed, penalty in itertools.product(range(101, 201), ("l1", "l0", "tl1"))
    ]
    rows += [run(seed, "l1", 3.0, start_angle=2.0) for seed in INSTANCES]  # those do not count
    rows += [run(1, "l1", 3.0, start_seed=seed) for seed in INSTANCES]
    rows += [run(2, "l1", 1.0 + apart * (seed == 0), start_seed=seed) for seed in INSTANCES]
    return claims(f"{DINH}/exp_basin", rows)


@pytest.mark.parametrize(("reached", "verdict"), [(100, "holds"), (96, "undecided"), (80, "fails")])
def test_high_probability_is_a_share_of_truths(reached, verdict):
    claim = basin(reached)["with-high-probability"]
    assert (claim.verdict, claim.n, claim.value) == (verdict, 100, reached / 100)
    assert f"{reached} of 100" in claim.statistic and claim.interval == "95%, binomial over truths"


@pytest.mark.parametrize(("apart", "verdict"), [(0.0, "holds"), (1e-3, "fails")])
def test_random_starts_are_compared_within_their_truth(apart, verdict):
    assert basin(100, apart)["random-starts-agree"].verdict == verdict


def test_a_share_of_two_cases_decides_nothing():
    cases = {"figure": "f/g", "id": "a", "kind": "ours", "claim": "a", "statistic": "cases"}
    assert share(pd.Series([True, True]), at_least=0.1, **cases).verdict == "undecided"
    assert share(pd.Series([], dtype=bool), at_least=0.1, **cases).verdict == "undecided"
    assert share(pd.Series([True] * 3), at_least=0.1, **cases).verdict == "holds"


def accuracy(losses):
    """Losses by penalty at 4 and 6 entries; at another cut-off 6 entries cost a hundred times more.

    What is lost where all ten entries are kept says nothing of sparsity.
    """
    rows = []
    cutoffs = ((0.1, 4, 5.0), (0.05, 6, 1.0), (0.04, 6, 100.0), (0.01, 10, 0.0))
    for seed, (penalty, loss), (cutoff, kept, factor) in itertools.product(
        INSTANCES, losses.items(), cutoffs
    ):
        value = loss * factor * (1 + seed / 10) if factor else 1.0 / loss
        fields = {"seed": seed, "penalty": penalty, "tl1_shape": 1.0, "cutoff": cutoff,
                  "sparsity": 10}  # fmt: skip
        rows.append((fields, {"nonzeros": float(kept), "split_loss": value,
                              "rescaled_split_loss": value, "oracle_nonzeros": 5.0,
                              "oracle_loss": 1e-3}))  # fmt: skip
    found = claims(f"{DINH}/exp_accuracy", rows)
    names = ("l0-loses-less-than-tl1", "tl1-loses-less-than-l1")
    return [found[f"{name}-at-equal-sparsity"] for name in names]


def test_penalties_are_compared_at_equal_sparsity():
    ordered = accuracy({"l0": 1e-4, "tl1": 1e-3, "l1": 4e-3})
    assert [c.verdict for c in ordered] == ["holds", "holds"]
    assert [c.value for c in ordered] == pytest.approx([10, 4])
    assert [c.verdict for c in accuracy({"l0": 1e-3, "tl1": 1e-4, "l1": 1e-5})] == ["fails"] * 2
