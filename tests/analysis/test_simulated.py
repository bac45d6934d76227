"""What the statistics do with tables whose truth is known, by simulation.

Each table is drawn: no effect, an effect at the threshold, a strong one; normal and heavy-tailed
seeds; 3, 5 and 10 of them; missing cells; collapsed networks. The standard error of a share of
2,000 tables is at most 0.005 at 5%: tolerances are three of them.
"""

import numpy as np
import pandas as pd
import pytest

from implicitbias.analysis import regimes
from implicitbias.analysis.intervals import prediction, student
from implicitbias.analysis.judge import judge, trend
from implicitbias.analysis.statistics import Statistic

TABLES = 2_000
ERROR = 0.015


def draws(kind, n, tables=TABLES):
    """Tables (tables, n) of seeds with mean 0: normal, or Student's t with 3 degrees of freedom."""
    rng = np.random.default_rng(n)
    return rng.normal(size=(tables, n)) if kind == "normal" else rng.standard_t(3, (tables, n))


def verdicts(values, **threshold):
    words = {"figure": "p2020x/fig01", "id": "i", "kind": "paper", "claim": "s"}
    return np.array([
        judge(Statistic("v", dict(enumerate(row))), **words, **threshold).verdict for row in values
    ])  # fmt: skip


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers_the_mean(n):
    covered = {}
    for kind in ("normal", "heavy"):
        ends = np.array([student(row)[1:] for row in draws(kind, n)])
        covered[kind] = float(((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean())
    assert covered["normal"] == pytest.approx(0.95, abs=0.02)  # 93 to 97%
    # Heavy tails widen the interval: it covers as often or more, 95 to 98% as simulated.
    assert 0.94 <= covered["heavy"] <= 0.99


@pytest.mark.parametrize("n", [3, 5, 10])
def test_false_verdicts_at_the_boundary(n):
    """The mean is the threshold: either verdict is false. At most 5% each way, 2.5% by design."""
    found = verdicts(draws("normal", n), at_least=0.0)
    for verdict in ("holds", "fails"):
        assert (found == verdict).mean() <= 0.025 + ERROR
    heavy = verdicts(draws("heavy", n), at_least=0.0)
    for verdict in ("holds", "fails"):  # symmetric heavy tails: no more than normal ones
        assert (heavy == verdict).mean() <= 0.025 + ERROR


def test_skewed_ratios_are_judged_on_their_logarithms():
    """Log-normal ratios of geometric mean 1, spread e: 95% on logs, 82 to 88% on the ratios."""
    rng = np.random.default_rng(1)
    ratios = np.exp(rng.normal(size=(TABLES, 5)))
    covered = []
    for log, truth in ((True, 1.0), (False, np.exp(0.5))):
        ends = np.array([student(row, log)[1:] for row in ratios])
        covered.append(float(((ends[:, 0] <= truth) & (ends[:, 1] >= truth)).mean()))
    assert covered[0] == pytest.approx(0.95, abs=ERROR)
    assert covered[1] < 0.9


@pytest.mark.parametrize("n", [3, 5])
def test_one_more_run_lies_in_the_prediction_interval(n):
    rows = draws("normal", n + 1)
    ends = np.array([prediction(row[:-1]) for row in rows])
    inside = (ends[:, 0] <= rows[:, -1]) & (rows[:, -1] <= ends[:, 1])
    assert inside.mean() == pytest.approx(0.95, abs=ERROR)


def tables(effect, n, count, rng, tails="normal"):
    """Curves of 4 points by 2 rates, in which the line falls to `effect` of its start."""
    x = np.tile(np.repeat(np.arange(4), 2), n)
    seeds = np.repeat(np.arange(n), 8)
    frame = pd.DataFrame({"run": np.arange(8 * n).astype(str), "seed": seeds, "x": x,
                          "lr": np.tile([0.1, 0.5], 4 * n), "metric": "rank"})  # fmt: skip
    for _ in range(count):
        noise = rng.normal(size=8 * n) if tails == "normal" else rng.standard_t(3, 8 * n)
        yield frame.assign(value=np.exp(np.log(effect) * x / 3 + 0.05 * noise))


def of_trend(frame, **other):
    return trend(frame, figure="p2020x/fig01", id="i", kind="paper", claim="s", x="x",
                 direction="falls", by=["lr"], **other).verdict  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "n", "tails"),
    [(0.9, 3, "normal"), (0.9, 5, "heavy"), (1.0, 5, "normal"), (0.5, 3, "heavy"),
     (0.5, 10, "normal")],
)  # fmt: skip
def test_trends_of_known_size(effect, n, tails):
    """The threshold is 0.9. At it a verdict is false: the size alone gives 2.5% each way, as the
    seeds above, and the test of the trend can only make `holds` rarer. No effect and a strong one
    are told apart.
    """
    count = 60
    rng = np.random.default_rng(int(100 * effect) + n)
    found = np.array([of_trend(t) for t in tables(effect, n, count, rng, tails)])
    holds, fails = ((found == verdict).mean() for verdict in ("holds", "fails"))
    if effect == 0.9:
        assert max(holds, fails) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / count)
    elif effect == 1.0:
        assert (holds, fails > 0.5) == (0, True)
    else:
        assert (holds > 0.95, fails) == (True, 0)


def test_missing_cells_do_not_bias_a_trend():
    """A fifth of the cells of a strong trend is lost at random: it is never judged to fail, and at
    the boundary a false verdict stays rare.
    """
    rng = np.random.default_rng(5)
    for effect, most in ((0.5, {"fails": 0.0}), (0.9, {"holds": 0.1, "fails": 0.1})):
        found = []
        for frame in tables(effect, 5, 50, rng):
            lost = rng.random(len(frame)) < 0.2
            found.append(of_trend(frame.assign(value=frame["value"].where(~lost))))
        for verdict, share in most.items():
            assert (np.array(found) == verdict).mean() <= share


def test_collapsed_networks_would_turn_a_curve_and_are_left_out():
    """At the largest x most seeds collapse to full rank: the curve falls, and seems to rise."""
    rng = np.random.default_rng(6)
    turned, right = [], []
    for frame in tables(0.5, 5, 20, rng):
        collapsed = (frame["x"] == 3) & (frame["seed"] > 0)
        ranks = frame.assign(value=frame["value"].where(~collapsed, 3.0), layer="average", epoch=1)
        accuracy = ranks.assign(metric="train_accuracy", layer="network",
                                value=np.where(collapsed, 0.1, 0.9))  # fmt: skip
        table = pd.concat([ranks, accuracy], ignore_index=True)
        turned.append(of_trend(ranks))
        kept, words = regimes.learnt(table)
        assert words.startswith("8 of 40")
        right.append(of_trend(kept[kept["metric"] == "rank"]))
    assert turned.count("holds") == 0
    assert right.count("holds") > 17
