"""Networks in mini-batch training: their batches, the records that are due, and divergence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import numpy as np
import torch

from .. import data
from ..plan.spec import RunSpec
from ..plan.specs._network import NetworkSpec
from .engine import gemm, streams
from .engine.base import DTYPES, load_into
from .engine.choose import sub_pack_size, sub_packs
from .engine.graphs import Replayed
from .loop import Loop
from .networks import Networks, Untrained, networks_of, untrained
from .observers import observers
from .parts import Part, State, Training
from .procedures import Job
from .progress import say
from .records import Records, joined


class MiniBatches(Training):
    """A part of a pack that trains networks on mini-batches and records them."""

    def __init__(self, networks: Networks) -> None:
        self.networks, shape = networks, networks.specs[0]
        device = networks.train[0].device
        if device.type == "cuda":
            networks.trainer = Replayed(networks.trainer, say)
        self.observers = observers(networks)
        self.per_epoch, self.steps, self.size = shape.steps_per_epoch, shape.steps, shape.batch_size
        self.due = {epoch * self.per_epoch for epoch in shape.record_epochs}
        self.step, self._epoch = 0, -1
        self.losses = torch.zeros(len(networks.runs), dtype=networks.train[0].dtype, device=device)
        self.diverged = torch.full((len(networks.runs),), -1, dtype=torch.int64, device=device)

    def advance(self, records: Records) -> bool:
        """See Training."""
        if self.step in self.due:
            self._measure(records)
        if self.step == self.steps:
            self._end(records)
            return False
        epoch, batch = divmod(self.step, self.per_epoch)
        if epoch != self._epoch:
            self._begin(epoch)
        networks = self.networks
        index = self._orders[:, batch * self.size : (batch + 1) * self.size]
        x, y = networks.train[0][index], networks.labels.gather(1, index)
        for observer in self.observers.values():
            observer.before_step(self.step, x, y, self._multiplier)
        self.losses = networks.trainer.step(x, y, self._multiplier)
        self.step += 1
        self.diverged.masked_fill_(~self.losses.isfinite() & (self.diverged < 0), self.step)
        return True

    def _begin(self, epoch: int) -> None:
        """Set the learning rate of an epoch, and each member's order of the examples, (K, N)."""
        specs, labels = self.networks.specs, self.networks.labels
        orders = [streams.epoch_order(s.seed, epoch, labels.shape[1]) for s in specs]
        self._orders = torch.from_numpy(np.stack(orders)).to(labels.device)
        self._multiplier, self._epoch = specs[0].lr_multiplier(epoch), epoch

    def _measure(self, records: Records) -> None:
        self._settle()
        for observer in self.observers.values():
            observer.measure(records, self.step // self.per_epoch, self.step)

    def _end(self, records: Records) -> None:
        self._settle()
        epochs = self.step // self.per_epoch
        for run, step in zip(self.networks.runs, self.diverged.tolist(), strict=True):
            if step >= 0:
                records.scalar(run, epochs, self.step, "diverged_step", step)
        records.facts["path"] = self.networks.path
        records.facts["gemm"] = "OpenBLAS" if gemm.openblas else "torch"
        if isinstance(self.networks.trainer, Replayed):
            records.facts["replayed"] = self.networks.trainer.replays

    def _settle(self) -> None:
        for observer in self.observers.values():
            observer.settle()

    def loss(self) -> float:
        """Return the mean loss of the members that have not diverged; NaN if all have."""
        fine = self.losses[self.diverged < 0]
        return fine.mean().item() if len(fine) else float("nan")

    def lost(self) -> int:
        """See Training."""
        return int((self.diverged >= 0).sum())

    def state(self) -> State:
        """See Training."""
        self._settle()
        trainer, kept = self.networks.trainer, {**self.observers, **self.networks.further}
        return {
            "state": trainer.state(), "velocity": trainer.velocity(), "diverged": self.diverged,
            "kept": {name: each.kept() for name, each in kept.items()},
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """See Training."""
        load_into(self.networks.trainer, state["state"], state["velocity"])
        self.diverged = state["diverged"]
        for name, each in {**self.observers, **self.networks.further}.items():
            each.restore(state["kept"][name])


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Flush denormal numbers to zero in the block, so that vanishing weights do not slow it."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def train(
    specs: Sequence[RunSpec], job: Job, build: Untrained = untrained,
    change: Callable[[Networks], None] | None = None, whole: bool = False,
) -> Records:  # fmt: skip
    """Return the records of a pack of runs of one shape.

    build: a function that returns a run's untrained network. change: a function that applies,
    before the first step, what the procedure changes in the networks, their data and their steps.
    whole: train all runs side by side. By default, a pack of more runs than train well side by side
    is trained as consecutive sub-packs.
    """
    shape = cast(NetworkSpec, specs[0])
    loop = Loop(job, [s.run_id for s in specs], shape.steps_per_epoch, job.device)
    most = loop.fixed("size", lambda: len(specs) if whole else _sub_pack_size(specs, job, build))

    def begin(some: slice) -> MiniBatches:
        networks = networks_of(specs[some], job, build, len(specs))
        if change is not None:
            change(networks)
        return MiniBatches(networks)

    parts = [Part(shape.steps, partial(begin, some)) for some in sub_packs(len(specs), most)]
    records = joined(loop.run(parts))
    records.facts["sub_pack_size"] = most
    return records


def _sub_pack_size(specs: Sequence[Any], job: Job, build: Untrained) -> int:
    """Return how many runs train side by side, by the rule of engine/choose.py."""
    shape = specs[0]
    facts, dtype = data.info(shape.dataset, **shape.data_options), DTYPES[shape.precision]
    model = build(shape, facts.input_shape, facts.n_classes)
    return sub_pack_size(
        model, facts.input_shape, shape.batch_size, len(specs), dtype, torch.device(job.device)
    )
