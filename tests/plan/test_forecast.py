"""The console's estimate: jobs of known lengths, one after another, are foretold exactly."""

import pytest

from implicitbias.plan.forecast import OTHER_S, Forecast, spoken

PLANNED = {"a": 100.0, "b": 300.0, "c": 200.0}


def forecast():
    return Forecast({"train": 3, "figure": 2}, PLANNED, began=1000.0)


def test_a_machine_half_as_fast_as_planned_is_foretold():
    it, now = forecast(), 1000.0
    for job, (pack, seconds) in enumerate(PLANNED.items()):
        it.start(job, f"train {pack}", pack, now)
        now += 2 * seconds
        it.finish(job)
        rest = 2 * (sum(list(PLANNED.values())[job + 1 :]) + 2 * OTHER_S)
        assert it.remaining(now) == pytest.approx(rest)
    assert (it.finished, it.jobs) == (3, 5)


def test_nothing_is_said_before_there_is_a_rate():
    it = forecast()
    assert it.remaining(1000.0) is None
    it.start(0, "figure x", None, 1000.0)
    it.finish(0)  # 5 of 610 planned seconds
    assert it.remaining(1011.0) is None


def test_a_training_that_runs_counts_up_to_what_was_planned():
    it = forecast()
    it.start(0, "train b", "b", 1000.0)
    assert it.remaining(1150.0) == pytest.approx(610 - 150)
    late = it.remaining(3000.0)
    assert late == pytest.approx(2000 * (610 - 285) / 285)


def test_a_job_that_failed_is_named_and_counts_no_more():
    it = forecast()
    it.start(7, "train a", "a", 1000.0)
    assert it.stop(7) == "train a"
    assert (it.finished, it.done, it.running) == (0, 0.0, {})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (5399, "1 h 30 min"), (12_060, "3 h 21 min")],
)
def test_times_are_said_as_people_say_them(seconds, words):
    assert spoken(seconds) == words
