"""Callbacks that run a recorder in the loops of Lightning and of the Hugging Face Trainer.

    Trainer(callbacks=[implicitbias.callbacks.lightning("runs/mine")])
    Trainer(..., callbacks=[implicitbias.callbacks.transformers("runs/mine")])

These libraries are imported when a callback is made. They are no dependencies of this package.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from ..base.errors import UserError
from .recorder import Recorder


class _Recording:
    """The part that both callbacks share: open, measure each step once, close."""

    def __init__(
        self, folder: str | Path, every_steps: int | None, options: dict[str, Any]
    ) -> None:
        if every_steps is not None and every_steps < 1:
            raise UserError(f"every_steps is at least 1, not {every_steps}")
        self.folder, self.options, self.every = folder, options, every_steps
        self.recorder: Recorder | None = None
        self.last = -1

    def open(self, model: nn.Module, epoch: int, step: int) -> None:
        """Open the recorder, and measure the network before the first step."""
        if self.recorder is None:
            self.recorder = Recorder(model, self.folder, **self.options)
            self.measure(epoch, step)

    def measure(self, epoch: int, step: int) -> None:
        """Measure a step that is due, once."""
        if self.recorder is not None and step != self.last:
            self.last = step
            self.recorder.measure(epoch, step)

    def stepped(self, epoch: int, step: int) -> None:
        """Measure after a step, if recording goes by steps."""
        if self.every and step % self.every == 0:
            self.measure(epoch, step)

    def ended(self, epoch: int, step: int) -> None:
        """Measure after an epoch, if recording goes by epochs."""
        if not self.every:
            self.measure(epoch, step)

    def log(self, epoch: int, step: int, values: Any) -> None:
        """Record the numbers among the values that the library logs, but for the place itself."""
        numbers = {}
        for name, value in dict(values).items():
            if name in ("epoch", "step"):  # columns of every row; the Trainer logs them as numbers
                continue
            if isinstance(value, int | float) or getattr(value, "numel", lambda: 0)() == 1:
                numbers[str(name)] = value
        if self.recorder is not None:
            self.recorder.log(epoch, step, **numbers)

    def close(self) -> None:
        """Close the recorder."""
        if self.recorder is not None:
            self.recorder.close()


def lightning(folder: str | Path, *, every_steps: int | None = None, **options: Any) -> Any:
    """Return a callback of Lightning that records after each epoch, or every `every_steps` steps.

    The numbers that the module logs are recorded at the end of each epoch. options: keyword
    arguments of `Recorder`. UserError where Lightning is not installed.
    """
    module = _imported("lightning.pytorch", "pytorch_lightning")
    recording = _Recording(folder, every_steps, options)

    class RecorderCallback(module.Callback):  # type: ignore[misc, name-defined]
        """A recorder in Lightning's loop."""

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            recording.open(pl_module, trainer.current_epoch, trainer.global_step)

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            recording.stepped(trainer.current_epoch, trainer.global_step)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            at = trainer.current_epoch + 1, trainer.global_step
            recording.ended(*at)
            recording.log(*at, trainer.callback_metrics)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            recording.close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            recording.close()

    return RecorderCallback()


def transformers(folder: str | Path, *, every_steps: int | None = None, **options: Any) -> Any:
    """Return a callback of the Hugging Face Trainer that records after each epoch, or by steps.

    The numbers that the Trainer logs are recorded when it logs them. options: keyword arguments of
    `Recorder`. UserError where transformers is not installed.
    """
    module = _imported("transformers")
    recording = _Recording(folder, every_steps, options)

    class RecorderCallback(module.TrainerCallback):  # type: ignore[misc, name-defined]
        """A recorder in the Trainer's loop."""

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
        ) -> None:
            recording.open(model, int(state.epoch or 0), state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            recording.stepped(int(state.epoch or 0), state.global_step)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            recording.ended(round(state.epoch), state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            recording.log(int(state.epoch or 0), state.global_step, logs or {})

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            recording.close()

    return RecorderCallback()


def _imported(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UserError(f"{names[0]} is not installed; this callback is for its loop")
