"""Claims: hand-computed statistics, the truth table of verdicts, the interval, the files."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from implicitbias.analysis.claims import (
    KEYS,
    Claim,
    Statistic,
    difference,
    judge,
    monotone_trend,
    read_claims,
    relative_change,
    seed_interval,
    share_within,
    trend_and_effect,
    write_claims,
)
from implicitbias.analysis.statistics import kendall_tau

FIGURE = "galanti2025rank/fig09"
NAN = math.nan


def tidy(rows, columns=("seed", "lr", "batch_size", "value")):
    """A slice of a table: one metric, one layer, one epoch, one run for each row."""
    table = pd.DataFrame(rows, columns=list(columns))
    table["run"] = [f"run{i}" for i in range(len(table))]
    return table.assign(metric="rank_fro_3e-2", layer="average", epoch=10, step=100)


def curves(by_seed, batch_sizes=(4, 8, 16)):
    """{seed: {lr: values along batch_sizes}} as a table."""
    return tidy(
        [
            (seed, lr, batch_size, value)
            for seed, by_lr in by_seed.items()
            for lr, values in by_lr.items()
            for batch_size, value in zip(batch_sizes, values, strict=True)
        ]
    )


def verdict(values, **threshold):
    statistic = Statistic("a number", dict(enumerate(values)))
    return judge(statistic, figure=FIGURE, id="an-id", claim="a sentence", **threshold)


# ------------------------------------------------------------------------------- statistics


def test_trend_by_hand():
    # Pairs of (1, 3, 2): two rise, one falls: tau = 1/3. (3, 2, 1): -1. (2, 2, 5): one pair tied,
    # two rise: tau-b = 2 / sqrt(2 * 3).
    table = curves({0: {0.1: (1, 3, 2), 0.5: (3, 2, 1)}, 7: {0.1: (2, 2, 5), 0.5: (1, 2, 3)}})
    found = monotone_trend(table, "batch_size", by=["lr"])
    assert found.by_seed == pytest.approx({0: (1 / 3 - 1) / 2, 7: (2 / math.sqrt(6) + 1) / 2})
    assert found.missing == ""
    assert found.sentence == "Kendall tau-b of rank_fro_3e-2 against batch_size, mean over lr"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=2, max_size=12))
def test_trend_is_scipys_tau_b(pairs):
    """With ties of either kind; a flat line is 0 here and nothing there."""
    x, value = (np.array(v, dtype=float) for v in zip(*pairs, strict=True))
    wanted = stats.kendalltau(x, value).statistic if len(set(value)) > 1 else 0.0
    assert kendall_tau(x, value) == pytest.approx(wanted, abs=1e-12, nan_ok=True)


def test_trend_does_not_depend_on_the_order_of_the_rows():
    table = curves({0: {0.1: (1, 3, 2)}, 1: {0.1: (9, 7, 8)}})
    mixed = table.sample(frac=1, random_state=0)
    one, other = (monotone_trend(t, "batch_size", by=["lr"]).by_seed for t in (table, mixed))
    assert one == other


def test_a_flat_line_counts_against_a_trend():
    table = curves({0: {0.1: (27, 27, 27), 0.5: (1, 2, 3)}})
    assert monotone_trend(table, "batch_size", by=["lr"]).by_seed == {0: 0.5}


def test_relative_change_by_hand():
    table = curves({0: {0.1: (50, 0, 40), 0.5: (10, 99, 5)}, 1: {0.1: (4, 4, 5), 0.5: (2, 2, 2)}})
    fall = relative_change(table, "batch_size", by=["lr"])
    assert fall.by_seed == pytest.approx({0: (0.2 + 0.5) / 2, 1: (-0.25 + 0) / 2})
    rise = relative_change(table, "batch_size", by=["lr"], relative_to="largest")
    assert rise.by_seed == pytest.approx({0: (0.25 + 1) / 2, 1: (-0.2 + 0) / 2})


def test_a_rise_from_zero_is_finite_relative_to_the_high_end():
    table = curves({0: {0.1: (0, 10, 20)}})
    rise = relative_change(table, "batch_size", relative_to="largest", by=["lr"])
    assert rise.by_seed == {0: -1}
    fall = relative_change(table, "batch_size", by=["lr"])
    assert math.isnan(fall.by_seed[0])
    assert fall.missing == "no statistic in 1 of 1 groups"


def test_the_sign_of_a_relative_change_is_that_of_the_fall():
    table = curves({0: {0.1: (-2, 0, -3)}})  # a log margin may be negative
    assert relative_change(table, "batch_size", by=["lr"]).by_seed == {0: 0.5}


def test_difference_by_hand():
    table = curves({0: {0.1: (1, 2, 3), 0.5: (5, 5, 5)}, 1: {0.1: (0, 0, 0), 0.5: (1, 2, 6)}})
    found = difference(table, "lr", 0.5, 0.1, by=["batch_size"])
    assert found.by_seed == {0: 3, 1: 3}
    with pytest.raises(ValueError, match="lr has .* not both 0.5 and 0.2"):
        difference(table, "lr", 0.5, 0.2, by=["batch_size"])


def test_share_within_by_hand():
    """Allowed: 3 near 20, 5% = 5 near 100."""
    table = curves({0: {0.1: (23, 104.9, 7)}, 1: {0.1: (16.9, 105.1, 7)}})
    reference = pd.DataFrame({"batch_size": [4, 8, 64], "value": [20.0, 100.0, 1.0]})
    found = share_within(table, reference, on=["batch_size"])
    assert found.by_seed == {0: 1.0, 1: 0.0}
    assert found.missing == "2 of 3 published points"
    wide = share_within(table, reference, on=["batch_size"], absolute=4, relative=0.06)
    assert wide.by_seed == {0: 1.0, 1: 1.0}


def test_a_diverged_point_is_not_within():
    reference = pd.DataFrame({"batch_size": [4, 8], "value": [0.0, 0.0]})
    table = curves({0: {0.1: (NAN, 0, 0)}, 1: {0.1: (NAN, NAN, 0)}})
    found = share_within(table, reference, on=["batch_size"])
    assert found.by_seed == {0: 0.5, 1: 0.0}
    assert found.missing.startswith("3 of 4 runs without a value")
    nothing = share_within(
        curves({0: {0.1: (NAN,) * 3}, 1: {0.1: (NAN,) * 3}}), reference, on=["batch_size"]
    )
    assert judge(nothing, figure=FIGURE, id="an-id", claim="", at_least=0.9).verdict == "undecided"


def test_seeds_run_at_fewer_points_are_no_repetition():
    """Seed 1, run only where the paper is missed, would halve the share."""
    reference = pd.DataFrame({"batch_size": [4, 8, 16], "value": [0.0, 0.0, 0.0]})
    table = curves({0: {0.1: (0, 0, 9)}, 1: {0.1: (0, 0, 9)}, 2: {0.1: (0, 9, 0)}})
    table = table[(table["seed"] != 1) | (table["batch_size"] == 16)]
    found = share_within(table, reference, on=["batch_size"])
    assert found.by_seed == {0: pytest.approx(2 / 3), 2: pytest.approx(2 / 3)}
    assert found.missing == "1 seed run at fewer points left out"
    apart = table[(table["seed"] == 0) | (table["batch_size"] == 16)]
    apart = apart[(apart["seed"] == 1) | (apart["batch_size"] == 4)]
    each = share_within(apart, reference, on=["batch_size"])  # one point each, not the same one
    assert each.by_seed == {0: 1.0, 1: 0.0}


def test_a_reference_needs_one_finite_value_for_each_point():
    table = curves({0: {0.1: (1, 2, 3)}})
    for values in ([1.0, NAN], [1.0, 1.0]):
        reference = pd.DataFrame({"batch_size": [4, 4 if values[1] == 1 else 8], "value": values})
        with pytest.raises(ValueError, match="reference needs one finite value"):
            share_within(table, reference, on=["batch_size"])


# ---------------------------------------------------------------------------------- missing


def test_diverged_runs_are_counted():
    table = curves(
        {0: {0.1: (1, NAN, 3), 0.5: (1, 2, np.inf)}, 1: {0.1: (1, 2, 3), 0.5: (1, 2, 3)}}
    )
    trend = monotone_trend(table, "batch_size", by=["lr"])
    assert trend.by_seed == {0: 1, 1: 1}
    assert trend.missing == "2 of 12 runs without a value"
    change = relative_change(table, "batch_size", by=["lr"])
    assert change.by_seed == {0: -2, 1: -2}
    assert change.missing == "2 of 12 runs without a value; no statistic in 1 of 4 groups"


def test_runs_are_counted_once_however_many_layers_they_have():
    table = pd.concat(curves({0: {0.1: (1, NAN, 3)}}).assign(layer=f"layer{i}") for i in range(5))
    found = monotone_trend(table, "batch_size", by=["lr", "layer"])
    assert found.missing == "1 of 3 runs without a value"


def test_a_point_that_only_another_seed_has_is_counted():
    table = curves({0: {0.1: (1, 2, 3)}, 1: {0.1: (1, 2, 3)}}).drop(index=5)
    change = relative_change(table, "batch_size", by=["lr"])
    assert change.by_seed[0] == -2
    assert math.isnan(change.by_seed[1])  # not the change to the largest x that happens to be there
    assert "1 of 6 points were not run" in change.missing
    # A grid that differs between groups is a choice, not a gap.
    ragged = curves({0: {0.1: (1, 2, 3), 0.5: (1, 2, 3)}}).drop(index=5)
    assert monotone_trend(ragged, "batch_size", by=["lr"]).missing == ""


def test_a_seed_without_a_value_is_in_the_note():
    claim = verdict([1.0, NAN, 2.0], at_least=0)
    assert (claim.n, claim.value, claim.verdict) == (2, 1.5, "holds")
    assert claim.note == "1 of 3 seeds have no value; interval: the range of 2 seeds"


def test_an_empty_slice_is_undecided():
    empty = curves({0: {0.1: (1, 2, 3)}}).iloc[:0]
    for found in (monotone_trend(empty, "batch_size"), difference(empty, "lr", 1, 2)):
        claim = judge(found, figure=FIGURE, id="an-id", claim="a sentence", at_least=0)
        assert (claim.n, claim.verdict, claim.note) == (0, "undecided", "no rows")


def test_an_axis_that_was_forgotten_is_an_error():
    table = curves({0: {0.1: (1, 2, 3), 0.5: (1, 2, 3)}})
    with pytest.raises(ValueError, match="several rows at seed=0, batch_size=4"):
        monotone_trend(table, "batch_size")
    with pytest.raises(ValueError, match="no column batch, lrr; it has"):
        monotone_trend(
            table.rename(columns={"batch_size": "b"}).assign(x=1), "x", by=["batch", "lrr"]
        )
    with pytest.raises(ValueError, match="column lr needs a number"):
        monotone_trend(table.assign(lr="high"), "lr")


# --------------------------------------------------------------------------------- verdicts

numbers = st.floats(-100, 100)


@given(st.lists(numbers | st.just(NAN), max_size=6), numbers)
def test_truth_table_of_verdicts(values, threshold):
    least, most = verdict(values, at_least=threshold), verdict(values, at_most=threshold)
    finite = [v for v in values if not math.isnan(v)]
    assert least.n == most.n == len(finite)
    if len(finite) < 2:
        assert least.verdict == most.verdict == "undecided"
        assert math.isnan(least.ci_low)
        assert math.isnan(least.value) == (not finite)
        return
    assert min(finite) <= least.ci_low <= least.ci_high <= max(finite)
    rounding = 1e-12  # of means of at most 6 numbers up to 100, summed in different orders
    assert least.ci_low - rounding <= least.value <= least.ci_high + rounding
    low, high = least.ci_low, least.ci_high
    assert (least.verdict == "holds") == (low >= threshold)
    assert (least.verdict == "fails") == (high < threshold)
    assert (most.verdict == "holds") == (high <= threshold)
    assert (most.verdict == "fails") == (low > threshold)
    if low < threshold < high:
        assert least.verdict == most.verdict == "undecided"


@given(st.lists(numbers, min_size=2, max_size=6), numbers)
def test_at_most_is_at_least_of_the_mirror_image(values, threshold):
    # Symmetric data only: the resamples are the same, so the interval of -v is minus that of v
    # up to interpolation between two order statistics, far inside 1e-6.
    one = verdict(values, at_most=threshold)
    other = verdict([-v for v in values], at_least=-threshold)
    assert one.ci_low == pytest.approx(-other.ci_high, abs=1e-6)
    if min(abs(one.ci_low - threshold), abs(one.ci_high - threshold)) > 1e-5:
        assert one.verdict == other.verdict


@pytest.mark.parametrize("bad", [{}, {"at_least": 1, "at_most": 2}, {"at_least": NAN}])
def test_a_claim_has_one_finite_threshold(bad):
    with pytest.raises(ValueError, match="fig09: give at_least or at_most"):
        verdict([1, 2], **bad)


def test_a_single_seed_is_undecided_however_large_its_effect():
    table = curves({0: {0.1: (100, 10, 1)}})
    claims = trend_and_effect(
        table, figure=FIGURE, id="s", claim="falls", x="batch_size", direction="falls", by=["lr"]
    )
    assert [c.verdict for c in claims] == ["undecided", "undecided"]
    assert [c.value for c in claims] == [-1, 0.99]


RISING = {seed: {0.1: (10 + seed, 20, 40), 0.5: (5, 9 + seed, 30)} for seed in range(3)}


def test_trend_and_effect_hold_and_the_reversed_trend_fails():
    def verdicts(table, direction):
        claims = trend_and_effect(
            table, figure=FIGURE, id="s", claim="s", x="batch_size", direction=direction, by=["lr"]
        )
        return [c.verdict for c in claims]

    rising = curves(RISING)
    falling = rising.assign(batch_size=-rising["batch_size"])
    assert verdicts(rising, "rises") == verdicts(falling, "falls") == ["holds", "holds"]
    assert verdicts(rising, "falls") == verdicts(falling, "rises") == ["fails", "fails"]


def test_a_perfect_trend_of_no_size_holds_and_its_effect_fails():
    flat = curves({seed: {0.1: (100, 100.1, 100.2)} for seed in range(3)})
    trend, effect = trend_and_effect(
        flat, figure=FIGURE, id="i", claim="s", x="batch_size", direction="rises", by=["lr"],
        reference="r",
    )  # fmt: skip
    assert (trend.claim, effect.claim) == ("s (trend)", "s (effect)")
    assert (trend.id, effect.id) == ("i-trend", "i-effect")
    assert (trend.verdict, effect.verdict) == ("holds", "fails")
    assert trend.reference == effect.reference == "r"


# --------------------------------------------------------------------------------- interval


@given(st.lists(numbers, min_size=2, max_size=4))
def test_up_to_four_seeds_the_interval_is_their_range(values):
    assert seed_interval(values) == (min(values), max(values))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_up_to_four_seeds_the_widened_percentile_is_below_every_other_resample(n):
    tail = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
    assert (tail < n**-n) == (n <= 4)


@pytest.mark.parametrize("value", [0.1, 0.7, 0.8, 1.1])
@pytest.mark.parametrize("n", [3, 6, 7])
def test_equal_seeds_are_their_own_interval_without_rounding(value, n):
    """(0.1 + 0.1 + 0.1) / 3 > 0.1 in floating point, which must not turn a verdict."""
    for threshold in ({"at_least": value}, {"at_most": value}):
        claim = verdict([value] * n, **threshold)
        assert (claim.ci_low, claim.value, claim.ci_high) == (value, value, value)
        assert claim.verdict == "holds"


def test_interval_of_many_seeds_is_the_t_interval():
    """n = 200 normal draws: expansion restores the t interval, s t / sqrt(n)."""
    values = np.random.default_rng(0).normal(size=200)
    half = 1.972 * values.std(ddof=1) / math.sqrt(200)  # t_{0.975, 199} = 1.972, from a table
    # 9,999 resamples place a 2.5% quantile to about 2.7% of the half width (one standard error)
    expected = (values.mean() - half, values.mean() + half)
    assert seed_interval(values) == pytest.approx(expected, abs=0.1 * half)


def test_interval_is_the_same_in_every_call_and_moves_with_the_data():
    values = np.random.default_rng(1).normal(size=7)
    assert seed_interval(values) == seed_interval(values)
    low, high = seed_interval(values)
    moved = seed_interval(3 * values + 5)
    assert moved == pytest.approx((3 * low + 5, 3 * high + 5))


def test_interval_of_too_little_is_nan():
    for values in ([], [1.0], [1.0, NAN]):
        assert all(math.isnan(end) for end in seed_interval(values))


@pytest.mark.parametrize(("n", "expected"), [(3, 0.75), (5, 0.92)])
def test_coverage_of_normal_seeds(n, expected):
    """2,000 data sets of n normal seeds, true mean 0, nominal 95%.

    n = 3: the interval is the range, which misses when all three fall on one side: 1 - 2/8 = 0.75
    exactly. n = 5: 0.92, short of 0.95 because no resample leaves the range (whose own coverage is
    1 - 2/32 = 0.9375). One standard error is at most 0.01; the tolerance is 3 of them. The plain
    percentile interval covers 0.85 at n = 5 and would fail.
    """
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(2_000):
        low, high = seed_interval(rng.normal(size=n))
        covered += low <= 0 <= high
    assert covered / 2_000 == pytest.approx(expected, abs=0.03)


# ------------------------------------------------------------------------------------ files

CLAIM = Claim(
    "rank-falls-fro-1.4e-1",
    FIGURE,
    "a sentence",
    "tau",
    0.5,
    0.25,
    0.75,
    0.1,
    3,
    "holds",
    "Fig. 9",
    "n = 3",
)
UNKNOWN = replace(
    CLAIM, id="other", value=NAN, ci_low=NAN, ci_high=NAN, n=0, verdict="undecided", note="é"
)


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "fig09.json"
    write_claims(path, [CLAIM, UNKNOWN])
    first, second = read_claims(path)
    assert first == CLAIM
    assert repr(second) == repr(UNKNOWN)  # NaN != NaN, and its repr is
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [[*row] for row in rows] == [[*KEYS], [*KEYS]]
    assert rows[1]["value"] is None
    assert list(path.parent.iterdir()) == [path]  # no temporary file is left
    write_claims(path, [])
    assert read_claims(path) == []


def test_an_id_stands_once_in_a_figure(tmp_path):
    path = tmp_path / "fig09.json"
    other = replace(CLAIM, claim="another sentence")
    with pytest.raises(ValueError, match="fig09: several claims have the id 'rank-falls-fro-1.4e-"):
        write_claims(path, [CLAIM, UNKNOWN, other])
    assert not path.exists()
    write_claims(path, [CLAIM, replace(CLAIM, figure="galanti2025rank/fig08")])
    path.write_text(json.dumps([asdict(CLAIM), asdict(other)]))
    with pytest.raises(ValueError, match=r"fig09.json is not a claims file: .* several claims"):
        read_claims(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_claims(path, [replace(CLAIM, note="\ud800")])  # half a surrogate is no UTF-8
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    before = path.read_bytes()

    def cut_off(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("implicitbias.base.files.os.replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write_claims(path, [UNKNOWN])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, "verdict 'maybe' is none of fails, undecided, holds"),
        ({"extra": 1}, "a claim has the keys id, figure"),
        ({"value": "0.5"}, "value is '0.5', not a number"),
        ({"value": True}, "value is True, not a number"),
        ({"threshold": None}, "threshold is None, not a number"),
        ({"n": 2.5}, "n is 2.5, not a count"),
        ({"n": -1}, "n is -1, not a count"),
        ({"n": 1}, "needs 2 seeds and finite numbers"),
        ({"value": None}, "needs 2 seeds and finite numbers"),
        ({"note": None}, "note is None, not text"),
        ({"id": None}, "id is None, not text"),
        ({"id": ""}, "id '' is not lower-case words"),
        ({"id": "Rank-falls"}, "id 'Rank-falls' is not lower-case words"),
        ({"id": "rank falls"}, "id 'rank falls' is not lower-case words"),
        ({"id": "rank--falls"}, "id 'rank--falls' is not lower-case words"),
        ({"id": "rank-falls-at-.5"}, "id 'rank-falls-at-.5' is not lower-case words"),
        ({"id": "a-" * 30 + "a"}, "in at most 60 characters"),
    ],
)
def test_a_damaged_claim_is_one_error_that_names_the_file(tmp_path, change, message):
    path = tmp_path / "fig09.json"
    path.write_text(json.dumps([asdict(CLAIM) | change]))
    with pytest.raises(ValueError, match="fig09.json is not a claims file: .*" + message):
        read_claims(path)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[1]", b"[NaN]", b'["\xff"]', b"[{}]"])
def test_a_damaged_file_is_one_error_that_names_it(tmp_path, content):
    path = tmp_path / "fig09.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fig09.json is not a claims file: "):
        read_claims(path)


def test_a_claim_cut_off_anywhere_is_never_read(tmp_path):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    whole = path.read_bytes().rstrip()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="not a claims file"):
            read_claims(path)
