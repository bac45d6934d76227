"""Relaxed variable splitting of a network in training, and magnitude pruning as its baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch.func import functional_call

from ... import data
from ...models import build_seeded
from ...models._layers import weight_matrices
from ...models._objectives import LOSSES, accuracy
from ...plan.spec import RunSpec
from ...plan.specs.splitting_sgd import Spec
from ..engine import streams
from ..engine.base import Members, load_into
from ..engine.choose import trainer_for
from ..records import Records
from . import Job
from ._keeper import Keeper
from ._splitting import Split, Weights, along, magnitude_masks, zero_shares

SHARES = np.linspace(0, 0.99, 100)  # at which the unpenalised network is pruned


class SplittingPack:
    """A pack in training; `step` counts what is completed."""

    def __init__(self, specs: Sequence[Spec], job: Job) -> None:
        self.specs, self.shape, self.job = specs, specs[0], job
        device, dtype = torch.device(job.device), torch.float32
        split = data.load(self.shape.dataset, job.data_dir, **self.shape.data_options)
        self.x, self.y = (torch.from_numpy(v).to(device) for v in (split.x_train, split.y_train))
        self.test = [torch.from_numpy(v).to(device) for v in (split.x_test, split.y_test)]
        shape, n_classes = split.x_train.shape[1:], split.n_classes
        models = [
            build_seeded(self.shape.model, shape, n_classes, seed=streams.init_seed(s.seed),
                         **self.shape.model_arguments)
            for s in specs
        ]  # fmt: skip
        self.probe = models[0].to(device)
        names = [m.parameter for m in weight_matrices(models[0])]
        zeros = [0.0] * len(specs)
        self.lr = torch.tensor([s.lr for s in specs], device=device)
        members = Members.of([s.lr for s in specs], zeros, zeros, dtype, device)
        self.trainer = trainer_for(models, members, "cross_entropy", dtype, device)
        self.weights: Weights = {n: self.trainer.state()[n] for n in names}
        self.split = Split(specs, self.lr)
        self.u = self.split.of(self.weights)
        self.masks: dict[str, Weights] = {}  # member -> where it keeps weights
        self.records, self.step = Records(), 0
        self.lost = [-1] * len(specs)

    def run(self) -> Records:
        """Train to the end, from the checkpoint if there is one."""
        per_epoch, size = self.shape.steps_per_epoch, self.shape.batch_size
        with Keeper(self.job, [s.run_id for s in self.specs], self.shape.steps) as keeper:
            self._resume(keeper.resumed())
            if self.step == 0:
                self._measure()
            while self.step < self.shape.steps:
                epoch, first = divmod(self.step, per_epoch)
                orders = np.stack([streams.epoch_order(s.seed, epoch, len(self.y))
                                   for s in self.specs])  # fmt: skip
                for batch in range(first, per_epoch):
                    self._advance(torch.from_numpy(orders[:, batch * size : (batch + 1) * size]))
                    if batch == per_epoch - 1:
                        self._after_epoch(epoch + 1)
                    keeper.tick(self.step, self._state)
        for s, step in zip(self.specs, self.lost, strict=True):
            if step >= 0:
                self.records.scalar(s.run_id, s.epochs, self.step, "diverged_step", step)
        return self.records

    def _advance(self, index: torch.Tensor) -> None:
        """One step of w, the pull from the old w and u; then u = T(w)."""
        rate = self.lr * self.split.beta
        pull = {n: along(rate, w) * (w - self.u[n]) for n, w in self.weights.items()}
        losses = self.trainer.step(self.x[index], self.y[index], 1.0)
        for n, w in self.weights.items():
            w.sub_(pull[n])
        for member, masks in self.masks.items():
            for n, kept in masks.items():
                self.weights[n][int(member)].mul_(kept)
        self.u = self.split.of(self.weights)
        self.step += 1
        for k in torch.nonzero(~losses.isfinite()).flatten().tolist():
            self.lost[k] = self.step if self.lost[k] < 0 else self.lost[k]

    def _after_epoch(self, epoch: int) -> None:
        for k, s in enumerate(self.specs):
            if s.prune_epoch == epoch and s.prune_share is not None:
                masks = magnitude_masks(self.weights, k, s.prune_share)
                self.masks[str(k)] = masks
                for n, kept in masks.items():
                    self.weights[n][k].mul_(kept)
                    self.u[n][k] = self.weights[n][k]
        if epoch in self.shape.record_epochs:
            self._measure()

    @torch.no_grad()
    def _performance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Test loss and accuracy (K,) of the networks as they stand."""
        outputs = self.trainer.outputs(self.test[0])
        labels = self.test[1].expand(len(self.specs), -1)
        return LOSSES["cross_entropy"](outputs, labels), accuracy(outputs, labels)

    @contextmanager
    def _at(self, other: Weights) -> Iterator[None]:
        """The networks with these weights in place of w."""
        kept = {n: w.clone() for n, w in self.weights.items()}
        for n, w in self.weights.items():
            w.copy_(other[n])
        yield
        for n, w in self.weights.items():
            w.copy_(kept[n])

    def _measure(self) -> None:
        """Loss, accuracy and zeros of w and of u; pruning of finished unpenalised networks."""
        epoch = self.step // self.shape.steps_per_epoch
        own = self._performance()
        with self._at(self.u):
            split = self._performance()
        for k, s in enumerate(self.specs):
            for prefix, (loss, right), weights in (
                ("", own, self.weights),
                ("split_", split, self.u),
            ):
                zeros, channels = zero_shares(weights, k)
                for name, value in (
                    ("test_loss", loss[k]),
                    ("test_accuracy", right[k]),
                    ("zero_weights", zeros),
                    ("zero_channels", channels),
                ):
                    self._write(s, epoch, f"{prefix}{name}", float(value))
        plain = [k for k, s in enumerate(self.specs)
                 if s.penalty == "none" and s.prune_share is None]  # fmt: skip
        if epoch == self.shape.epochs and plain:
            for share in SHARES:
                self._prune(plain, float(share), epoch)

    @torch.no_grad()
    def _prune(self, members: list[int], share: float, epoch: int) -> None:
        """Accuracy and zero channels of these members with the share of their weights removed."""
        for k in members:
            state = {n: w[k] for n, w in self.trainer.state().items()}
            masks = magnitude_masks(self.weights, k, share)
            pruned = {n: (state[n] * kept)[None] for n, kept in masks.items()}
            state.update({n: w[0] for n, w in pruned.items()})
            outputs = functional_call(self.probe, state, (self.test[0],))
            right = accuracy(outputs[None], self.test[1][None])
            layer, channels = f"share{share:.2f}", zero_shares(pruned, 0)[1]
            self._write(self.specs[k], epoch, "pruned_test_accuracy", right.item(), layer)
            self._write(self.specs[k], epoch, "pruned_zero_channels", channels, layer)

    def _write(self, s: Spec, epoch: int, name: str, value: float, layer: str = "") -> None:
        self.records.scalar(s.run_id, epoch, self.step, name, value, layer)

    def _state(self) -> dict[str, Any]:
        return {"state": self.trainer.state(), "masks": self.masks, "lost": self.lost,
                "scalars": self.records.scalars}  # fmt: skip

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        load_into(self.trainer, state["state"], {})
        self.step, self.masks, self.lost = state["step"], state["masks"], state["lost"]
        self.records, self.u = Records(state["scalars"]), self.split.of(self.weights)


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """The records of a pack of splitting runs of one shape."""
    return SplittingPack([cast(Spec, s) for s in specs], job).run()
