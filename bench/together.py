"""Processes that alternate: packs on all cores against one alone, a contender against the loop.

Each process trains without end and writes down how far it is. Who compares lets one run and stops
the others, one after another (then lets all run), and begins anew: rates that are compared lie
within seconds of each other, so a slow minute of a shared machine falls on both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from implicitbias.base.allocator import ALLOCATOR

from .cases import Case

ROUNDS, LONGEST = 5, 60.0  # at most so many rounds, none begun after so many seconds
WARM_UP = 1.0  # seconds that all run at the start
TIMEOUT = 120.0  # of a process to its first step, and of a window
_LOOK = 0.001  # seconds between two looks


class Progress(NamedTuple):
    """Of a process after a step: samples, CPU seconds, wall clock, peak memory in MB, steps."""

    samples: float
    cpu: float
    wall: float
    peak_mb: float
    steps: float


class Stopped(RuntimeError):
    """A process has ended, or makes no step for too long."""


class Trainee:
    """One of the processes."""

    def __init__(self, command: list[str], file: Path, **options: Any) -> None:
        np.zeros(len(Progress._fields)).tofile(file)
        self._seen = np.memmap(file, mode="r", dtype=np.float64)
        self.process = subprocess.Popen([*command, str(file)], **options)

    @property
    def progress(self) -> Progress:
        """Return how far its last step got; read twice, because it may be written meanwhile."""
        seen = self._seen.tolist()
        while seen != (again := self._seen.tolist()):
            seen = again
        return Progress(*seen)

    def let(self, run: bool) -> None:
        """Let the process continue, or stop it."""
        self.process.send_signal(signal.SIGCONT if run else signal.SIGSTOP)

    def turn(self, seconds: float) -> tuple[Progress, Progress]:
        """Run for so long and at least two steps, then stop; return the progress at both ends."""
        self.let(True)
        [window] = _window([self], seconds)
        self.let(False)
        return window

    def end(self) -> None:
        """Kill the process, and wait until it is gone."""
        self.process.kill()
        self.process.wait()


def timed(case: Case, environment: dict[str, str], limits: Any) -> list[dict[str, float]]:
    """One row, or none if a process ends: medians over rounds.

    `per_second` and `per_core_second` are of all processes running together, and `together` is
    sum_i (rate of process i, all running) / (rate of process i alone): 2 where two do not hinder
    each other.
    """
    command = _command(case)
    options = {"env": environment, "stderr": subprocess.DEVNULL, "preexec_fn": limits}
    with TemporaryDirectory() as folder:
        trainees = [
            Trainee(command, Path(folder) / str(i), **options) for i in range(case.processes)
        ]
        try:
            rows = _rounds(trainees, case.seconds)
        except Stopped:
            return []
        finally:
            for trainee in trainees:
                trainee.end()
    medians = {name: median(row[name] for row in rows) for name in rows[0]}
    return [{"members": case.members[0], **medians}]


@contextmanager
def loop_beside(case: Case) -> Iterator[Trainee | None]:
    """The loop at the same place, as a user starts it, stopped; none beside itself or on a GPU."""
    if case.contender == "loop" or case.device != "cpu":
        yield None
        return
    environment = {name: v for name, v in os.environ.items() if name not in ALLOCATOR}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with TemporaryDirectory() as folder:
        command = _command(case._replace(contender="loop", members=(1,)))
        loop = Trainee(command, Path(folder) / "loop", env=environment, **silent)
        try:
            _wait(loop, 0, 1)
            time.sleep(WARM_UP)
            loop.let(False)
            yield loop
        finally:
            loop.end()


def _command(case: Case) -> list[str]:
    return [sys.executable, "-m", "bench.together", json.dumps(case._asdict())]


def _rounds(trainees: Sequence[Trainee], seconds: float) -> list[dict[str, float]]:
    for trainee in trainees:
        _wait(trainee, 0, 1)
    time.sleep(WARM_UP)
    rows: list[dict[str, float]] = []
    start = time.monotonic()
    while len(rows) < ROUNDS and (not rows or time.monotonic() - start < LONGEST):
        alone = []
        for one in trainees:
            for trainee in trainees:
                trainee.let(trainee is one)
            alone += _window([one], seconds)
        for trainee in trainees:
            trainee.let(True)
        both = _window(trainees, seconds)
        rates = [_rate(*window) for window in both]
        parts = [rate / _rate(*window) for rate, window in zip(rates, alone, strict=True)]
        samples, cpu = (
            sum(getattr(b, name) - getattr(a, name) for a, b in both) for name in ("samples", "cpu")
        )
        rows.append(
            {
                "per_core_second": samples / cpu, "per_second": sum(rates),
                "peak_mb": max(b.peak_mb for _, b in both), "together": sum(parts),
            }
        )  # fmt: skip
    return rows


def _window(trainees: Sequence[Trainee], seconds: float) -> list[tuple[Progress, Progress]]:
    """Where each is at the end of a step now, and of one after so long and at least two steps."""
    for trainee in trainees:  # the step that a stop has lengthened
        _wait(trainee, trainee.progress.steps, 1)
    begin = [trainee.progress for trainee in trainees]
    time.sleep(seconds)
    for trainee, first in zip(trainees, begin, strict=True):
        _wait(trainee, first.steps, 2)
    return [(first, t.progress) for first, t in zip(begin, trainees, strict=True)]


def _wait(trainee: Trainee, steps: float, more: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while trainee.progress.steps < steps + more:
        if trainee.process.poll() is not None or time.monotonic() > deadline:
            raise Stopped
        time.sleep(_LOOK)


def _rate(begin: Progress, end: Progress) -> float:
    return (end.samples - begin.samples) / (end.wall - begin.wall)


def main(arguments: list[str]) -> None:
    """Step a case's first pack while the driver lives; its progress into a file."""
    import resource

    import torch

    from .measure import step_of

    case = Case(**json.loads(arguments[0]))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    step, *_ = step_of(case, case.members[0])
    seen = np.memmap(arguments[1], mode="r+", dtype=np.float64)
    samples = steps = 0
    parent = os.getppid()
    while os.getppid() == parent:  # the driver may have been killed
        samples, steps = samples + step(), steps + 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seen[:] = samples, time.process_time(), time.perf_counter(), peak, steps


if __name__ == "__main__":
    main(sys.argv[1:])
