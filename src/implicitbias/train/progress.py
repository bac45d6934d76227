"""The progress of a pack: a small JSON file beside it, and occasional lines in its log."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from ..base import foreign
from ..base.errors import UserError
from ..base.files import write_text

NAME = "progress.json"  # in the folder of a pack
_FILE_EVERY_S, _LINE_EVERY_S = 2.0, 15.0


@dataclass(frozen=True)
class Progress:
    """The state of one pack that `python -m implicitbias status` shows."""

    pack: str
    runs: int
    epoch: int
    epochs: int
    step: int
    steps: int
    steps_per_second: float
    remaining_s: float
    loss: float  # mean over the members that have not diverged; NaN if all have
    diverged: int


class Job(Protocol):
    """The properties that a reporter asks of a job."""

    @property
    def pack(self) -> str:
        """Return the pack's name."""

    @property
    def progress(self) -> Path:
        """Return the file to write."""

    @property
    def checkpoint_seconds(self) -> float:
        """Return the longest time between two writes of the file [s]."""


class Reporter:
    """A reporter that writes the progress file and log lines, each at most every few seconds."""

    def __init__(self, job: Job, runs: int, epochs: int, steps: int, done: int) -> None:
        self.path, self.pack, self.runs = job.progress, job.pack, runs
        self.every = min(_FILE_EVERY_S, job.checkpoint_seconds)
        self.epochs, self.steps = epochs, steps
        self.start, self.first = time.monotonic(), done
        self._file = self._line = self.start

    def due(self) -> bool:
        """Return whether `update` would write now: asking is free, the loss costs a transfer."""
        return time.monotonic() - self._file >= self.every

    def update(self, epoch: int, step: int, loss: float, diverged: int) -> None:
        """Write the progress file and the line of the log that are due."""
        now = time.monotonic()
        rate = (step - self.first) / max(now - self.start, 1e-9)
        remaining = (self.steps - step) / rate if rate else float("inf")
        state = Progress(
            self.pack, self.runs, epoch, self.epochs, step, self.steps,
            rate, remaining, loss, diverged,
        )  # fmt: skip
        self._file = now
        with suppress(UserError):  # a full disk stops training at the checkpoint, not here
            write_text(self.path, json.dumps(asdict(state)), make_folders=False)
        if now - self._line >= _LINE_EVERY_S:
            self._line = now
            say(line(state))


def say(text: str) -> None:
    """Print a line of the log, with the time; a reader that has gone away does not end training."""
    with suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)


def line(p: Progress) -> str:
    """Return the progress as one readable line."""
    diverged = f", {p.diverged} diverged" if p.diverged else ""
    return (
        f"{p.pack}: {p.runs} runs, epoch {p.epoch}/{p.epochs}, {p.steps_per_second:.0f} steps/s,"
        f" {p.remaining_s / 60:.1f} min left, loss {p.loss:.4g}{diverged}"
    )


_FIELDS = foreign.fields({
    "pack": foreign.line, "runs": foreign.count, "epoch": foreign.count, "epochs": foreign.count,
    "step": foreign.count, "steps": foreign.count, "steps_per_second": foreign.positive,
    "remaining_s": foreign.anything, "loss": foreign.anything, "diverged": foreign.count,
})  # fmt: skip


def read(path: Path) -> Progress | None:
    """Return the progress in a file; None if the file is gone or is not readable as progress.

    It is not readable while it is replaced, nor where it holds something else.
    """
    try:
        found = foreign.read(path, _FIELDS)
        numbers = {key: float(found[key]) for key in ("remaining_s", "loss")}  # may be infinite
        return Progress(**{**found, **numbers})
    except (OSError, UserError, ValueError, TypeError, OverflowError):
        return None
