"""A recorder writes the project's records from any training loop.

    recorder = implicitbias.Recorder(model, "runs/mine")
    for epoch in range(epochs):
        ...  # your training
        recorder.measure(epoch + 1, step, train_accuracy=accuracy)
    recorder.close()

The folder then holds records like those of a pack, which `implicitbias.load` reads.
"""

from __future__ import annotations

import atexit
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ..base import provenance
from ..base.errors import UserError
from ..metrics._matrix import frobenius, singular_values
from ..train.records import Records
from . import _checks, _examples, _matrices, _model
from ._model import Choice
from ._run_folder import RunFolder

KEYS = {
    "run": "Name of the training: the column `run` of its records.",
    "fields": "What was said of it: name -> value, columns of `load(...).runs`.",
    "matrices": "For each recorded matrix its `layer` (the name in the records), `parameter`,"
    " `shape` of the tensor, `rows`, `cols`, `layout`, whether it is `averaged`, and a `note`.",
    "left_out": "Parameter -> why it has no spectrum.",
    "skipped": "Measurements without spectra, because they would have passed max_share [1].",
}  # of recorder.json


class Recorder:
    """Record the spectrum and the norm of every weight matrix of a network while it trains.

    model: any `torch.nn.Module`, also compiled or in DistributedDataParallel, where rank 0 records
        and the other ranks do nothing.
    folder: where the records are written. UserError if it contains records, unless `resume`.
    fields: settings that distinguish this training from others, as {"lr": 0.1}.
    matrices: patterns of parameter names, or a function of a name: which parameters are recorded.
        By default all parameters of two dimensions or more; `recorder.matrices` shows the choice.
    averaged: patterns, or a function: which matrices count in the average over layers. By default
        all recorded matrices except embeddings, shortcuts and the last layer.
    names: parameter name -> another name for the records. layouts: patterns of names -> `kernel`,
        `transposed`, `expert` or `embedding`, where the default is wrong.
    movement: also record ||W - W at the last measurement||_F, which keeps a copy of the weights.
    beside: compute the spectra in a thread while training continues. By default this happens where
        the network is not on the CPU. At most one copy of the weights waits.
    max_share: the largest share of the time that measuring may take. A measurement that would
        exceed it keeps its scalars and leaves out the spectra. By default nothing is left out.
    save_seconds: how often the files are written [s]; newer records are lost if the process dies.
    """

    def __init__(
        self,
        model: nn.Module,
        folder: str | Path,
        *,
        fields: Mapping[str, Any] | None = None,
        matrices: Choice | None = None,
        averaged: Choice | None = None,
        names: Mapping[str, str] | None = None,
        layouts: Mapping[str, str] | None = None,
        movement: bool = False,
        beside: bool | None = None,
        max_share: float | None = None,
        save_seconds: float = 30.0,
        resume: bool = False,
    ) -> None:
        self.active = _checks.is_first()
        self.folder = _checks.path(folder)
        self.run = self.folder.resolve().name
        if not self.active:
            return
        inner = _model.unwrapped(model)
        _checks.network(inner, max_share, save_seconds)
        self.watched, left_out = _model.watched(inner, matrices, averaged, names, layouts)
        self._head = _model.head(inner)
        self._about: dict[str, Any] = {
            "run": self.run,
            "fields": _checks.fields(fields or {}),
            "matrices": [_model.row(one) for one in self.watched],
            "left_out": {m.name: m.reason for m in left_out},
            "skipped": 0,
        }
        if not self.watched:
            raise UserError("no weight matrices in this network, or none that `matrices` names")
        first = next(iter(inner.parameters()))
        beside = first.device.type != "cpu" if beside is None else beside
        self._device = first.device
        layers = {one.label for one in self.watched}
        self._folder = RunFolder(self.folder, resume, save_seconds, layers)
        self._records, self._step = Records(), -1
        self._thread = ThreadPoolExecutor(1) if beside else None
        self._computing: Future[None] | None = None
        self._before: list[Tensor] | None = [] if movement else None
        self._max_share, self._begun = max_share, time.monotonic()
        self._spent, self._last = 0.0, 0.0
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._closed = False
        self._save(whole=False)
        atexit.register(self.close)

    @property
    def matrices(self) -> pd.DataFrame:
        """What is recorded, one row for each matrix: name, shape, if it is averaged, a note."""
        return pd.DataFrame(self._about["matrices"] if self.active else [])

    def measure(
        self,
        epoch: int,
        step: int,
        *,
        outputs: Tensor | None = None,
        labels: Tensor | None = None,
        features: Tensor | None = None,
        **scalars: float,
    ) -> bool:
        """Record the network after `epoch` epochs and `step` steps.

        Return whether the spectra were recorded; `max_share` may leave them out. scalars: numbers
        of your own by name, as train_accuracy=0.98. outputs (n, C) with labels (n,) give the
        margins of n examples; features (n, D), the input of the last layer, also give the
        statistics of neural collapse.

        Raises:
            UserError: a scalar that is no number; an epoch or a step that is no whole number;
                outputs, labels or features that do not fit. Nothing is recorded then.
        """
        if not self.active:
            return False
        begun = time.monotonic()
        numbers = self._numbers(scalars)  # what is refused leaves nothing behind
        head = self._head() if self._head and features is not None else None
        examples = _examples.checked(outputs, labels, features, head)
        at = self._at(epoch, step)
        self._log(at, numbers)
        self._settle()
        if examples:
            _examples.record(self._records, self.run, at, examples)
        spectra = self._affordable(begun)
        if spectra:
            copies = [_model.copied(one.matrix) for one in self.watched]
            if self._thread:
                self._computing = self._thread.submit(self._compute, at, copies)
            else:
                self._compute(at, copies)
        if self._folder.due:
            self._save(whole=False)
        self._last = time.monotonic() - begun
        self._spent += self._last
        return spectra

    def log(self, epoch: int, step: int, **scalars: float) -> None:
        """Record only numbers, as often as you like: this computes no singular values."""
        if self.active:
            at = _checks.whole("epoch", epoch), _checks.whole("step", step)
            self._log(at, self._numbers(scalars))

    def _numbers(self, scalars: Mapping[str, Any]) -> dict[str, float]:
        if self._closed:
            raise UserError(f"{self.folder}: this recorder is closed")
        return {name: _checks.number(name, value) for name, value in scalars.items()}

    def _log(self, at: tuple[int, int], numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._records.scalar(self.run, *at, name, value)

    def _at(self, epoch: int, step: int) -> tuple[int, int]:
        """Return epoch and step as ints; steps must grow, and a resumed step is recorded again."""
        at = _checks.whole("epoch", epoch), _checks.whole("step", step)
        if at[1] <= self._step:
            raise UserError(f"step {at[1]}: {self._step} was measured already; steps grow")
        if self._step < 0:
            self._folder.forget_from(at[1])
        self._step = at[1]
        return at

    def _affordable(self, now: float) -> bool:
        """Return whether a measurement as long as the last one stays within `max_share`."""
        if self._max_share is None or not self._last:
            return True
        if self._spent + self._last <= self._max_share * (now - self._begun + self._last):
            return True
        if not self._about["skipped"]:
            warnings.warn(
                f"{self.run}: spectra are left out, as measuring would take over"
                f" {self._max_share:.0%} of the time (max_share); scalars are kept",
                stacklevel=3,
            )
        self._about["skipped"] += 1
        return False

    def _compute(self, at: tuple[int, int], copies: list[Tensor]) -> None:
        for place, (one, copy) in enumerate(zip(self.watched, copies, strict=True)):
            w, _, reason = _matrices.array(_model.of_copy(one.matrix, copy))
            if w is None:
                raise UserError(f"{one.matrix.name}: {reason}")
            spectrum = singular_values(w).tolist()
            self._records.array(
                self.run, *at, "spectrum", spectrum, w.shape, one.label, one.averaged
            )
            self._records.scalar(self.run, *at, "fro_norm", frobenius(w), one.label)
            if self._before:
                moved = frobenius(w - self._before[place].double().numpy())
                self._records.scalar(self.run, *at, "movement", moved, one.label)
        if self._before is not None:
            self._before = copies

    def _settle(self) -> None:
        if self._computing is not None:
            self._computing.result()
            self._computing = None

    def _save(self, whole: bool) -> None:
        self._settle()
        device = str(self._device)
        if self._device.type == "cuda":
            device = torch.cuda.get_device_name(self._device)
        facts = {
            "pack": self.run,
            "runs": 1,
            "started": self._started,
            "seconds": time.monotonic() - self._begun,
            "resumed": self._folder.resumed,
            **provenance.here(device, torch.get_num_threads()),
        }
        self._folder.write(self._records, self._about, facts, whole)

    def close(self) -> None:
        """Wait for running computations and write the files; nothing is recorded afterwards."""
        if not self.active or self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        try:
            self._save(whole=True)
        finally:
            if self._thread:
                self._thread.shutdown()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
