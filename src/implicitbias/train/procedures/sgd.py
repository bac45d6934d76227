"""Mini-batch SGD on a pack of classifiers: the loop, its records and its checkpoints."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import data
from ...base.errors import UserError
from ...models import build_seeded
from ...models._layers import patches, weight_matrices
from ...plan.spec import RunSpec
from ...plan.specs.sgd import Spec as Sgd
from .. import checkpoint, observers, tuning
from ..engine import products, streams
from ..engine.base import DTYPES, Members, Trainer, load_into, multiply_float32_in
from ..engine.choose import Parts, in_turns, outputs, trainer_for
from ..engine.graphs import Replayed
from ..observers import observe
from ..progress import Reporter, say
from ..records import Records
from . import Job


class Interrupted(SystemExit):
    """SIGTERM or SIGINT: the checkpoint is written; exit code 128 + signal, as a shell has it."""


class SgdPack:
    """A pack in training. `step` and `epoch` count what is completed."""

    def __init__(self, specs: Sequence[Sgd], job: Job) -> None:
        self.specs, self.job, self.shape = specs, job, specs[0]
        self.runs = [s.run_id for s in specs]
        self.device = torch.device(job.device)
        if self.shape.precision == "tf32" and self.device.type != "cuda":
            raise UserError("precision: tf32 is of CUDA devices; set device: cuda or train another")
        multiply_float32_in(self.shape.precision)
        dtype = DTYPES[self.shape.precision]
        split = data.load(self.shape.dataset, job.data_dir, **self.shape.data_options)
        self.train, self.test = (
            (torch.from_numpy(x).to(self.device, dtype), torch.from_numpy(y).to(self.device))
            for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test))
        )
        models = self._models(split.x_train.shape[1:], split.n_classes)
        self.members = Members.of(
            [s.lr for s in specs], [s.weight_decay for s in specs], [s.momentum for s in specs],
            dtype, self.device, self.shape.batch_size, self.shape.precision,
            split.x_train.shape[1:],
        )  # fmt: skip
        self.matrices = weight_matrices(models[0])
        self.trainer: Trainer = trainer_for(
            models, self.members, self.shape.objective, dtype, self.device
        )
        self.path = type(self.trainer).__name__
        self.abreast = tuning.abreast(
            self.shape, models[0], split.x_train.shape[1:], len(specs), job.device
        )
        self._stretch = 1  # steps that a part of the members takes in its turn
        self.observers = self._observers(split.x_train.shape[1:], split.n_classes)
        self.records = Records()
        self.step = 0
        self.losses = torch.zeros(len(specs), dtype=dtype, device=self.device)
        self.diverged = torch.full((len(specs),), -1, dtype=torch.int64, device=self.device)
        self._signal: int | None = None
        self._measured = -1  # the step of the last measurement
        self.spectra = observe.Spectra(beside=self.device.type == "cuda")
        self._save_every = job.checkpoint_seconds

    def _models(self, shape: tuple[int, ...], n_classes: int) -> list[nn.Module]:
        """Each member's untrained network."""
        return [
            build_seeded(
                self.shape.model, shape, n_classes, seed=streams.init_seed(s.seed),
                **self.shape.model_arguments,
            )
            for s in self.specs
        ]  # fmt: skip

    def _observers(self, shape: tuple[int, ...], n_classes: int) -> dict[str, observers.Observer]:
        """What the specs' `record` asks for."""
        if not self.shape.record:
            return {}
        # A skeleton of its own: the trainer's modules hold the members' weights.
        model = self._models(shape, n_classes)[0].to(self.device, DTYPES[self.shape.precision])
        return observers.observers(
            observers.Watched(
                self.specs, self.runs, self.trainer, self.members, self.matrices, model,
                patches(model, shape), *self.train,
            )
        )  # fmt: skip

    def run(self) -> Records:
        """Train to the end, from the checkpoint if there is one."""
        self._resume()
        handlers = {s: signal.signal(s, self._interrupt) for s in (signal.SIGTERM, signal.SIGINT)}
        per_epoch = self.shape.steps_per_epoch
        reporter = Reporter(
            self.job, len(self.runs), self.shape.epochs, self.shape.steps, self.step
        )
        saved = time.monotonic()
        try:
            self._measure_if_due()  # also what a process killed just before it has not measured
            while self.step < self.shape.steps:
                epoch = self.step // per_epoch
                orders = self._orders(epoch)
                multiplier = self.shape.lr_multiplier(epoch)
                batch = self.step % per_epoch
                while batch < per_epoch:
                    batches = range(batch, min(batch + self._stretch, per_epoch))
                    self._train(orders, batches, multiplier)
                    batch = batches.stop
                    if reporter.due():
                        self._report(reporter)
                        if time.monotonic() - saved >= self._save_every:
                            saved = self._timed_save()
                    if self._signal is not None:
                        self._measure_if_due()
                        self._save()
                        raise Interrupted(128 + self._signal)
                self._measure_if_due()
        finally:
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
        self.spectra.settle()
        for run, step in zip(self.runs, self.diverged.tolist(), strict=True):
            if step >= 0:
                at = self.shape.epochs
                self.records.scalar(run, at, self.step, "diverged_step", step)
        self.records.facts = {
            "path": self.path, "abreast": self.abreast,
            "products": "OpenBLAS" if products.openblas else "torch",
        }  # fmt: skip
        if isinstance(trainer := self.parts[0][1], Replayed):
            self.records.facts["replayed"] = trainer.replays
        return self.records

    @cached_property
    def parts(self) -> Parts:
        """Which members step abreast, as it is once a checkpoint has been looked for."""
        trainer = Replayed(self.trainer, say) if self.device.type == "cuda" else self.trainer
        return in_turns(trainer, len(self.runs), self.abreast)

    def _outputs(self, x: Tensor) -> Tensor:
        """Outputs (K, n, C) of every member for the examples x (n, ...)."""
        return outputs(self.parts, x)

    def _orders(self, epoch: int) -> Tensor:
        """(K, N): each member's own order of the examples in this epoch."""
        n = len(self.train[1])
        orders = [streams.epoch_order(s.seed, epoch, n) for s in self.specs]
        return torch.from_numpy(np.stack(orders)).to(self.device)

    def _train(self, orders: Tensor, batches: range, multiplier: float) -> None:
        """These batches for every member, part after part, so that weights stay in the cache."""
        start = time.monotonic()
        if self.observers:  # they look at all members at once: then a stretch is one step
            x, y = self._batch(slice(None), orders, batches.start)
            for observer in self.observers.values():
                observer.before_step(self.step, x, y, multiplier)
        for members, trainer in self.parts:
            for i, batch in enumerate(batches, 1):
                x, y = self._batch(members, orders, batch)
                losses = trainer.step(x, y, multiplier)
                self._note(members, losses, self.step + i)
        self.step += len(batches)
        self._lengthen(time.monotonic() - start)

    def _batch(self, members: slice, orders: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """The images and labels of a batch of some members."""
        size = self.shape.batch_size
        index = orders[members, batch * size : (batch + 1) * size]
        return self.train[0][index], self._labels(members, index)

    def _note(self, members: slice, losses: Tensor, step: int) -> None:
        """The first step with a non-finite loss is a member's divergence."""
        self.losses[members] = losses
        diverged = self.diverged[members]
        diverged.masked_fill_(~losses.isfinite() & (diverged < 0), step)

    def _lengthen(self, seconds: float) -> None:
        """Stretches of half a second where members take turns: signals wait for their end."""
        if len(self.parts) > 1 and not self.observers and seconds < 0.25:
            self._stretch = min(2 * self._stretch, 256)
        elif seconds > 1:
            self._stretch = max(1, self._stretch // 2)

    def _labels(self, members: slice, index: Tensor) -> Tensor:
        """The labels (k, B) of the examples `index` (k, B) of k members."""
        return self.train[1][index]

    def _measure_if_due(self) -> None:
        epoch, rest = divmod(self.step, self.shape.steps_per_epoch)
        if rest == 0 and epoch in self.shape.record_epochs and self._measured < self.step:
            self._measure()
            self._measured = self.step

    def _measure(self) -> None:
        """Everything that is recorded, at the completed epoch; spectra come last."""
        self.spectra.settle()
        at = self.step // self.shape.steps_per_epoch, self.step
        if self.shape.evaluate == "records" or at[0] == self.shape.epochs:
            for name, split in (("train", self.train), ("test", self.test)):
                observe.performance(
                    self.records, self.runs, self._outputs, (name, *split), self.shape.loss, *at
                )
        for observer in self.observers.values():
            observer.measure(self.records, *at)
        self.spectra.measure(self.records, self.runs, self.trainer.state(), self.matrices, *at)

    def _report(self, reporter: Reporter) -> None:
        fine = self.losses[self.diverged < 0]
        loss = fine.mean().item() if len(fine) else float("nan")
        epoch = self.step // self.shape.steps_per_epoch
        reporter.update(epoch, self.step, loss, int((self.diverged >= 0).sum()))

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Only a note: the loop saves between two steps, never inside one."""
        self._signal = signum

    def _timed_save(self) -> float:
        """Save, and put the next one off while saving costs over 2%: at most twice as long."""
        start = time.monotonic()
        self._save()
        end, wanted = time.monotonic(), self.job.checkpoint_seconds
        self._save_every = min(max(wanted, 50 * (end - start)), 2 * wanted)
        return end

    def _save(self) -> None:
        self.spectra.settle()
        state: dict[str, Any] = {
            "runs": self.runs, "step": self.step,
            "state": self.trainer.state(), "velocity": self.trainer.velocity(),
            "diverged": self.diverged, "measured": self._measured, "abreast": self.abreast,
            "scalars": self.records.scalars, "arrays": self.records.arrays, **self._kept(),
        }  # fmt: skip
        checkpoint.save(self.job.checkpoint, state)

    def _kept(self) -> dict[str, Any]:
        """What observers, and a procedure built on this one, add to the checkpoint."""
        return {"observers": {name: o.kept() for name, o in self.observers.items()}}

    def _restore(self, state: dict[str, Any]) -> None:
        """Take it back."""
        for name, observer in self.observers.items():
            observer.restore(state["observers"][name])

    def _resume(self) -> None:
        state = checkpoint.load(self.job.checkpoint, self.device)
        if state is None:
            return
        if state["runs"] != self.runs:
            raise UserError(f"{self.job.checkpoint}: the checkpoint of another pack; remove it")
        load_into(self.trainer, state["state"], state["velocity"])
        self.step, self.diverged = state["step"], state["diverged"]
        self.abreast = state.get("abreast", len(self.runs))  # older ones: all of them
        rows = state["scalars"]  # checkpoints from before `measured` tell by their last row
        self._measured = state.get("measured", rows[-1]["step"] if rows else -1)
        self.records = Records(state["scalars"], state["arrays"])
        self._restore(state)


def train_pack(
    pack: Callable[[Sequence[Any], Job], SgdPack], kind: type[Sgd], specs: Sequence[RunSpec],
    job: Job,
) -> Records:  # fmt: skip
    """The records of a pack of runs of one shape whose specs are of this kind."""
    if not all(isinstance(s, kind) for s in specs) or len({str(s.shape()) for s in specs}) != 1:
        raise ValueError(f"a pack holds {kind.model_fields['procedure'].default} runs of one shape")
    torch.set_flush_denormal(True)  # weights that decay to nothing must not slow the others down
    try:
        return pack(specs, job).run()
    finally:
        torch.set_flush_denormal(False)


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """The records of a pack of Sgd runs of one shape."""
    return train_pack(SgdPack, Sgd, specs, job)
