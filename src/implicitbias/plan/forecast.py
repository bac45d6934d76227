"""The progress of a workflow and its remaining time, from the planned seconds of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHER_S = 5.0  # of a job that trains nothing: most of it is the start of Python
LEAST_SHARE, LEAST_S = 0.02, 10.0  # of the work, and of time, before their ratio says anything


@dataclass
class Forecast:
    """A count of jobs, weighted by their planned seconds.

    counts: rule -> jobs that will run; planned: pack -> seconds of its training. A running training
    counts with the time since its start, up to 95% of its planned time.
    """

    counts: Mapping[str, int]
    planned: Mapping[str, float]
    began: float
    done: float = 0.0
    finished: int = 0
    running: dict[int, tuple[str, float, float]] = field(default_factory=dict)

    @property
    def jobs(self) -> int:
        """Return the number of jobs of all rules."""
        return sum(self.counts.values())

    def start(self, job: int, name: str, pack: str | None, now: float) -> None:
        """Note that a job starts, by its displayed name, and by its pack if it trains one."""
        seconds = OTHER_S if pack is None else self.planned.get(pack, self._mean())
        self.running[job] = name, seconds, now

    def finish(self, job: int) -> None:
        """Note that a job has ended without an error."""
        self.finished += 1
        self.done += self.running.pop(job, ("", OTHER_S, 0.0))[1]

    def stop(self, job: int) -> str:
        """Note that a job has failed, and return its name."""
        return self.running.pop(job, ("", 0.0, 0.0))[0]

    def remaining(self, now: float) -> float | None:
        """Return the seconds that the rest takes at the rate so far; None without a rate."""
        trainings = self.counts.get("train", 0)
        total = trainings * self._mean() + (self.jobs - trainings) * OTHER_S
        partly = sum(min(0.95 * s, now - start) for _, s, start in self.running.values())
        reached = min(self.done + partly, total)
        if now - self.began < LEAST_S or reached < LEAST_SHARE * total:
            return None
        return (now - self.began) * (total - reached) / reached

    def _mean(self) -> float:
        return sum(self.planned.values()) / len(self.planned) if self.planned else OTHER_S


def spoken(seconds: float) -> str:
    """Return a time in words: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
