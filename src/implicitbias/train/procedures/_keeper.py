"""Progress, checkpoints and signals of the sparse procedures' loops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import UserError
from .. import checkpoint
from ..progress import Reporter
from . import Job

State = dict[str, Any]


class Interrupted(SystemExit):
    """SIGTERM or SIGINT: the checkpoint is written; exit code 128 + signal, as a shell has it."""


class Keeper:
    """Use as a context: within it a signal is noted, and `tick` saves and leaves between steps."""

    def __init__(self, job: Job, runs: Sequence[str], steps: int) -> None:
        self.job, self.runs, self.steps = job, list(runs), steps
        self._signal: int | None = None
        self._saved = time.monotonic()

    def __enter__(self) -> Keeper:
        caught = (signal.SIGTERM, signal.SIGINT)
        self._handlers = {s: signal.signal(s, self._note) for s in caught}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def resumed(self) -> State | None:
        """What the checkpoint holds, or None; then counting starts. UserError if of other runs."""
        state = checkpoint.load(self.job.checkpoint, "cpu")
        if state is not None and state["runs"] != self.runs:
            raise UserError(f"{self.job.checkpoint}: the checkpoint of another pack; remove it")
        done = state["step"] if state else 0
        self._reporter = Reporter(self.job, len(self.runs), self.steps, self.steps, done)
        return state

    def tick(
        self, step: int, state: Callable[[], State], loss: Callable[[], float] = lambda: 0.0,
        diverged: int = 0,
    ) -> None:  # fmt: skip
        """After `step` steps: report and save what is due. `state` and `loss` are asked then."""
        if self._reporter.due():
            self._reporter.update(step, step, loss(), diverged)
            if time.monotonic() - self._saved >= self.job.checkpoint_seconds:
                self._save(step, state())
        if self._signal is not None:
            self._save(step, state())
            raise Interrupted(128 + self._signal)

    def _save(self, step: int, state: State) -> None:
        checkpoint.save(self.job.checkpoint, {"runs": self.runs, "step": step, **state})
        self._saved = time.monotonic()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum


def tensors(arrays: dict[str, NDArray[Any]]) -> State:
    """Arrays as checkpoints hold them; torch is loaded only now."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
