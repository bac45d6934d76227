"""Mini-batch SGD on a pack of classifiers: the loop, its records and its checkpoints."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from .. import checkpoint, observers
from ..engine import gemm, streams
from ..engine.base import DTYPES, Members, Trainer, load_into, multiply_float32_in
from ..engine.choose import sub_pack_size, sub_packs, trainer_for
from ..engine.graphs import Replayed
from ..observers import observe
from ..progress import Reporter, say
from ..records import Records, joined
from . import Job


class Interrupted(SystemExit):
    """SIGTERM or SIGINT: the checkpoint is written; exit code 128 + signal, as a shell has it."""


@dataclass(frozen=True)
class Place:
    """Where a sub-pack stands in its pack."""

    runs: Sequence[str]  # of the whole pack
    sub_pack_size: int  # at most so many members are trained side by side
    index: int = 0
    of: int = 1
    finished: Sequence[Records] = field(default_factory=list)  # of the sub-packs before this one


class SgdPack:
    """A pack, or a sub-pack of it, in training. `step` counts what is completed."""

    def __init__(self, specs: Sequence[Sgd], job: Job, place: Place | None = None) -> None:
        self.specs, self.job, self.shape = specs, job, specs[0]
        self.runs = [s.run_id for s in specs]
        self.place = place or Place(self.runs, len(specs))
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
            split.x_train.shape[1:], len(self.place.runs),
        )  # fmt: skip
        self.matrices = weight_matrices(models[0])
        self.trainer: Trainer = trainer_for(
            models, self.members, self.shape.objective, dtype, self.device
        )
        self.path = type(self.trainer).__name__
        self.observers = self._observers(split.x_train.shape[1:], split.n_classes)
        self.records = Records()
        self.step = 0
        self.losses = torch.zeros(len(specs), dtype=dtype, device=self.device)
        self.diverged = torch.full((len(specs),), -1, dtype=torch.int64, device=self.device)
        self._signal: int | None = None
        self._measured = -1  # the step of the last measurement
        self.spectra = observe.Spectra(beside=self.device.type == "cuda")
        self._save_every = job.checkpoint_seconds

    @staticmethod
    def untrained(spec: Any, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """The network of a run before its first step."""
        seed = streams.init_seed(spec.seed)
        return build_seeded(spec.model, shape, n_classes, seed=seed, **spec.model_arguments)

    def _models(self, shape: tuple[int, ...], n_classes: int) -> list[nn.Module]:
        """Each member's untrained network."""
        return [self.untrained(s, shape, n_classes) for s in self.specs]

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

    def run(self, state: dict[str, Any] | None = None) -> Records:
        """Train to the end, from the state of a checkpoint if one is given."""
        if state is not None:
            self._resume(state)
        handlers = {s: signal.signal(s, self._interrupt) for s in (signal.SIGTERM, signal.SIGINT)}
        per_epoch = self.shape.steps_per_epoch
        reporter = Reporter(
            self.job, len(self.place.runs), self.place.of * self.shape.epochs,
            self.place.of * self.shape.steps, self._before(self.shape.steps) + self.step,
        )  # fmt: skip
        saved = time.monotonic()
        try:
            self._measure_if_due()  # also what a process killed just before it has not measured
            while self.step < self.shape.steps:
                epoch = self.step // per_epoch
                orders = self._orders(epoch)
                multiplier = self.shape.lr_multiplier(epoch)
                for batch in range(self.step % per_epoch, per_epoch):
                    self._train(orders, batch, multiplier)
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
            "path": self.path, "sub_pack_size": self.place.sub_pack_size,
            "gemm": "OpenBLAS" if gemm.openblas else "torch",
        }  # fmt: skip
        if isinstance(self.stepper, Replayed):
            self.records.facts["replayed"] = self.stepper.replays
        return self.records

    @cached_property
    def stepper(self) -> Trainer:
        """What takes the steps: the trainer, or on a GPU its recorded steps."""
        return Replayed(self.trainer, say) if self.device.type == "cuda" else self.trainer

    def _orders(self, epoch: int) -> Tensor:
        """(K, N): each member's own order of the examples in this epoch."""
        n = len(self.train[1])
        orders = [streams.epoch_order(s.seed, epoch, n) for s in self.specs]
        return torch.from_numpy(np.stack(orders)).to(self.device)

    def _train(self, orders: Tensor, batch: int, multiplier: float) -> None:
        """One step of every member; the first non-finite loss is a member's divergence."""
        size = self.shape.batch_size
        index = orders[:, batch * size : (batch + 1) * size]
        x, y = self.train[0][index], self._labels(index)
        for observer in self.observers.values():
            observer.before_step(self.step, x, y, multiplier)
        self.losses = self.stepper.step(x, y, multiplier)
        self.step += 1
        self.diverged.masked_fill_(~self.losses.isfinite() & (self.diverged < 0), self.step)

    def _labels(self, index: Tensor) -> Tensor:
        """The labels (K, B) of each member's examples `index` (K, B)."""
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
                    self.records, self.runs, self.trainer.outputs, (name, *split),
                    self.shape.loss, *at,
                )  # fmt: skip
        for observer in self.observers.values():
            observer.measure(self.records, *at)
        self.spectra.measure(self.records, self.runs, self.trainer.state(), self.matrices, *at)

    def _report(self, reporter: Reporter) -> None:
        fine = self.losses[self.diverged < 0]
        loss = fine.mean().item() if len(fine) else float("nan")
        epoch = self._before(self.shape.epochs) + self.step // self.shape.steps_per_epoch
        diverged = int((self.diverged >= 0).sum()) + sum(
            row["quantity"] == "diverged_step" for f in self.place.finished for row in f.scalars
        )
        reporter.update(epoch, self._before(self.shape.steps) + self.step, loss, diverged)

    def _before(self, each: int) -> int:
        """What the sub-packs before this one have done, each so many steps or epochs."""
        return self.place.index * each

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
            "runs": list(self.place.runs), "sub_pack_size": self.place.sub_pack_size,
            "sub_pack": self.place.index,
            "finished": [(f.scalars, f.arrays) for f in self.place.finished],
            "step": self.step, "state": self.trainer.state(), "velocity": self.trainer.velocity(),
            "diverged": self.diverged, "measured": self._measured,
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

    def _resume(self, state: dict[str, Any]) -> None:
        load_into(self.trainer, state["state"], state["velocity"])
        self.step, self.diverged = state["step"], state["diverged"]
        rows = state["scalars"]  # checkpoints from before `measured` tell by their last row
        self._measured = state.get("measured", rows[-1]["step"] if rows else -1)
        self.records = Records(state["scalars"], state["arrays"])
        self._restore(state)


def train_pack(pack: type[SgdPack], kind: type[Sgd], specs: Sequence[RunSpec], job: Job) -> Records:
    """The records of a pack of runs of one shape whose specs are of this kind."""
    if not all(isinstance(s, kind) for s in specs) or len({str(s.shape()) for s in specs}) != 1:
        raise ValueError(f"a pack holds {kind.model_fields['procedure'].default} runs of one shape")
    torch.set_flush_denormal(True)  # weights that decay to nothing must not slow the others down
    try:
        return _train_sub_packs(pack, specs, job)
    finally:
        torch.set_flush_denormal(False)


def _train_sub_packs(pack: type[SgdPack], specs: Sequence[Any], job: Job) -> Records:
    """The records of a pack: sub-pack after sub-pack, each from its beginning to its end.

    A checkpoint holds the sub-pack in training and the records of those that are finished.
    """
    runs = [s.run_id for s in specs]
    state = checkpoint.load(job.checkpoint, job.device)
    if state is not None and state["runs"] != runs:
        raise UserError(f"{job.checkpoint}: the checkpoint of another pack; remove it")
    if state is None:
        most = _sub_pack_size(pack, specs, job)
    else:  # older ones have `abreast`, the oldest trained all members side by side
        most = state.get("sub_pack_size", state.get("abreast", len(runs)))
    parts = sub_packs(len(runs), most)
    begun, finished = 0, list[Records]()
    if state is not None:
        if len(parts) > 1 and "sub_pack" not in state:
            raise UserError(f"{job.checkpoint}: of an older version, whose members took turns;"
                            " remove it to train the pack from its beginning")  # fmt: skip
        begun = state.get("sub_pack", 0)
        finished = [Records(*rows) for rows in state.get("finished", [])]
    for i, part in list(enumerate(parts))[begun:]:
        place = Place(runs, most, i, len(parts), list(finished))
        finished.append(pack(specs[part], job, place).run(state))
        state = None
    return joined(finished)


def _sub_pack_size(pack: type[SgdPack], specs: Sequence[Any], job: Job) -> int:
    """How many members train side by side, by the rule of engine/choose.py."""
    first = specs[0]
    facts, dtype = data.info(first.dataset, **first.data_options), DTYPES[first.precision]
    model = pack.untrained(first, facts.input_shape, facts.n_classes)
    return sub_pack_size(
        model, facts.input_shape, first.batch_size, len(specs), dtype, torch.device(job.device)
    )


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """The records of a pack of Sgd runs of one shape."""
    return train_pack(SgdPack, Sgd, specs, job)
