"""The loop in which every procedure trains: signals, checkpoints, progress, the parts of a pack.

A procedure cuts its pack into parts, which are runs that take their steps together, and says how a
part records and takes a step. The parts are trained one after another, each from its beginning to
its end. A signal is noted at once, and acted on between two steps. A checkpoint holds the part in
training and the records of the parts before it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from ..base.errors import UserError
from . import checkpoint
from .parts import Part, State, Training
from .progress import Reporter
from .records import Records

if TYPE_CHECKING:
    from .procedures import Job

T = TypeVar("T")


class Interrupted(SystemExit):
    """The exit on SIGTERM, SIGINT or SIGHUP, raised once the checkpoint is written.

    The exit code is 128 + signal, as in a shell.
    """


class Loop:
    """A loop that trains the parts of a pack; `device` is where it loads a checkpoint's tensors."""

    def __init__(
        self, job: Job, runs: Sequence[str], steps_per_epoch: int = 1, device: str = "cpu"
    ) -> None:
        self.job, self.runs, self.steps_per_epoch = job, list(runs), steps_per_epoch
        self._signal: int | None = None
        self._save_every = job.checkpoint_seconds
        self._resumed = checkpoint.load(job.checkpoint, device)
        if self._resumed is not None and self._resumed["runs"] != self.runs:
            raise UserError(f"{job.checkpoint}: the checkpoint of another pack; move it away")
        if self._resumed is not None and "finished" not in self._resumed:
            raise UserError(f"{job.checkpoint}: of an older version of the package; move it away to"
                            " train the pack from its beginning")  # fmt: skip
        self._fixed: State = self._resumed["fixed"] if self._resumed else {}

    def fixed(self, name: str, choose: Callable[[], T]) -> T:
        """Return what `choose` returned when training began, also after a resumption."""
        if name not in self._fixed:
            self._fixed[name] = choose()
        value: T = self._fixed[name]
        return value

    def run(self, parts: Sequence[Part]) -> list[Records]:
        """Train every part to its end, from a checkpoint if there is one; return their records."""
        state, self._resumed = self._resumed, None
        self.finished = [Records(*rows) for rows in state["finished"]] if state else []
        before = sum(part.steps for part in parts[: len(self.finished)])
        total = sum(part.steps for part in parts)
        self._reporter = Reporter(
            self.job, len(self.runs), total // self.steps_per_epoch, total,
            before + (state["step"] if state else 0),
        )  # fmt: skip
        self._saved = time.monotonic()
        with self._signals_noted():
            for part in parts[len(self.finished) :]:
                self.finished.append(self._train(part, state, before))
                state, before = None, before + part.steps
        return self.finished

    def _train(self, part: Part, state: State | None, before: int) -> Records:
        """Return the records of one part; nothing else of it is kept when the next begins."""
        training, records = part.begin(), Records()
        if state is not None:
            training.step, records = state["step"], Records(*state["records"])
            training.restore(state["part"])
        while training.advance(records):
            self.tick(training, records, before)
        return records

    def tick(self, training: Training, records: Records, before: int) -> None:
        """Report and save what is due after a step, when other parts took `before` steps before."""
        if self._reporter.due():
            self._report(training, records, before + training.step)
            if time.monotonic() - self._saved >= self._save_every:
                self._timed_save(training, records)
        if self._signal is not None:
            self._save(training, records)
            raise Interrupted(128 + self._signal)

    def _report(self, training: Training, records: Records, step: int) -> None:
        said = sum(
            row["quantity"] == "diverged_step"
            for each in (*self.finished, records)
            for row in each.scalars
        )
        epoch = step // self.steps_per_epoch
        self._reporter.update(epoch, step, training.loss(), said + training.lost())

    def _timed_save(self, training: Training, records: Records) -> None:
        """Save, and delay the next save while saving takes over 2% of the time.

        The interval at most doubles.
        """
        start = time.monotonic()
        self._save(training, records)
        self._saved, wanted = time.monotonic(), self.job.checkpoint_seconds
        self._save_every = min(max(wanted, 50 * (self._saved - start)), 2 * wanted)

    def _save(self, training: Training, records: Records) -> None:
        state = {"runs": self.runs, "fixed": self._fixed, "step": training.step,
                 "part": training.state(), "records": _rows(records),
                 "finished": [_rows(each) for each in self.finished]}  # fmt: skip
        checkpoint.save(self.job.checkpoint, state)

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        handlers = {s: signal.signal(s, self._note) for s in caught}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum


def _rows(records: Records) -> list[list[dict[str, Any]]]:
    return [records.scalars, records.arrays]
