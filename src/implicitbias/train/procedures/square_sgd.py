"""Mini-batch SGD on the square loss, with or without layers on the sphere: a pack and its records.

Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss,
Research 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ... import models
from ...models._layers import weight_matrices
from ...plan.spec import RunSpec
from ...plan.specs.square_sgd import Spec
from .. import observers
from ..engine import streams
from ..engine.base import DTYPES
from ..engine.sphere import OnSphere
from ..observers import bounds_inputs, collapse, stationarity
from ..observers.square_records import Network, margins_of, write_dynamics, write_gradients
from ..records import Records
from . import Job
from .sgd import Place, SgdPack, train_pack

_STATIONARITY_EXAMPLES = 128


def network(spec: Spec, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """The untrained network: normal weights scaled to their norms, biases as torch draws them."""
    n_outputs = 1 if spec.targets == "sign" else n_classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.init_seed(spec.seed))
        net = models.build(spec.model, shape, n_outputs, **spec.model_arguments)
        for matrix in weight_matrices(net):
            w = net.get_parameter(matrix.parameter).data
            head = matrix.parameter == "head.weight"
            free = head or spec.normalisation == "none"
            norm = spec.head_norm if head and spec.head_norm is not None else spec.init_norm
            w.normal_().mul_((norm if free else 1.0) / w.norm())
    return net


def permuted(labels: np.ndarray[Any, np.dtype[np.int64]], share: float, seed: int) -> Tensor:
    """Labels (N,) with int(share N) of them, drawn by the run's own stream, permuted."""
    noise, noisy = streams.noise(seed), labels.copy()
    chosen = noise.permutation(len(labels))[: int(share * len(labels))]
    noisy[chosen] = noisy[noise.permutation(chosen)]
    return torch.from_numpy(noisy)


class SquarePack(SgdPack):
    """A pack of `square_sgd`."""

    def __init__(self, specs: Sequence[Spec], job: Job, place: Place | None = None) -> None:
        super().__init__(specs, job, place)
        self.square = specs[0]
        members = self.members
        if self.square.normalisation == "lagrange":
            free = "head.weight"
            names = [m.parameter for m in self.matrices if m.parameter != free]
            self.trainer = OnSphere(self.trainer, members, names)
        if self.square.unit_images:
            self.train, self.test = (
                (x / x.flatten(1).norm(dim=1).view(-1, 1, 1, 1), y)
                for x, y in (self.train, self.test)
            )
        clean = self.train[1].cpu().numpy()
        noisy = [permuted(clean, s.label_noise, s.seed) for s in specs]
        self.noisy = torch.stack(noisy).to(self.device)
        self.previous: dict[str, Tensor] = {}

    @staticmethod
    def untrained(spec: Any, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """See SgdPack.untrained."""
        return network(spec, shape, n_classes)

    def _models(self, shape: tuple[int, ...], n_classes: int) -> list[nn.Module]:
        found = super()._models(shape, n_classes)
        self.n_classes = n_classes
        # A skeleton of its own: the trainer's modules hold the members' weights.
        self.skeleton = network(cast(Spec, self.specs[0]), shape, n_classes).eval().to(self.device)
        for net in (*found, self.skeleton):
            net.to(DTYPES[self.shape.precision])
        return found

    def _observers(self, shape: tuple[int, ...], n_classes: int) -> dict[str, observers.Observer]:
        return {}  # its `record` is its own

    def _labels(self, index: Tensor) -> Tensor:
        return self.noisy.gather(1, index)

    def _orders(self, epoch: int) -> Tensor:
        if "movement" in self.square.record and epoch + 1 in self.square.record_epochs:
            at_start = self.step % self.shape.steps_per_epoch == 0
            if at_start:
                self.previous = {
                    m.label: self.trainer.state()[m.parameter].clone() for m in self.matrices
                }
        return super()._orders(epoch)

    def _kept(self) -> dict[str, Any]:
        return {"previous": self.previous}

    def _restore(self, state: dict[str, Any]) -> None:
        self.previous = state["previous"]

    @torch.no_grad()
    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (K, n, D) and outputs (K, n, C) in evaluation mode, x (n, ...)."""
        state = self.trainer.state()
        found = []
        for k in range(len(self.runs)):
            one = {name: tensor[k] for name, tensor in state.items()}
            found.append(functional_call(_Both(self.skeleton), _inside(one), (x,)))
        features, outputs = zip(*found, strict=True)
        return torch.stack(features), torch.stack(outputs)

    def _measure(self) -> None:
        """Everything that is recorded, at the completed epoch; spectra come last."""
        self.spectra.settle()
        epoch = self.step // self.shape.steps_per_epoch
        at, state = (epoch, self.step), self.trainer.state()
        net = Network(state, self.matrices, self.members)
        outputs = {
            "train": self._all_outputs(self.train[0]), "test": self._all_outputs(self.test[0]),
        }  # fmt: skip
        labels = {"train": self.noisy, "test": self.test[1].expand(len(self.runs), -1)}
        write_dynamics(self.records, self.runs, at, self.square, net, outputs, labels)
        write_gradients(self.records, self.runs, at, self.square, net, self.skeleton,
                        self.train[0], self.noisy)  # fmt: skip
        wanted: set[str] = set(self.square.record)
        if "margins" in wanted:
            for split, name in (("train", "margins"), ("test", "test_margins")):
                rows = margins_of(outputs[split], labels[split]).tolist()
                for run, row in zip(self.runs, rows, strict=True):
                    self.records.array(run, *at, name, row, (len(row),))
        self._further(wanted, at, state)
        if "spectra" in wanted:
            self.spectra.measure(self.records, self.runs, state, self.matrices, *at)

    def _further(self, wanted: set[str], at: tuple[int, int], state: dict[str, Tensor]) -> None:
        x, y = self.train[0], self.noisy
        if "movement" in wanted and at[0] > 0:
            for m in self.matrices:
                moved = (state[m.parameter] - self.previous[m.label]).flatten(1).norm(dim=1)
                for run, value in zip(self.runs, moved.tolist(), strict=True):
                    self.records.scalar(run, *at, "movement", value, m.label)
        if "collapse" in wanted:
            collapse.record(
                self.records, self.runs, *at, self.evaluate, x, y, state["head.weight"],
                self.n_classes, self.square.targets,
            )  # fmt: skip
        n = _STATIONARITY_EXAMPLES
        if "stationarity" in wanted and at[0] > 0:
            stationarity.record(
                self.records, self.runs, *at, self.skeleton, state, self.matrices, x[:n], y[:, :n]
            )
        if "bounds" in wanted and at[0] == self.shape.epochs:
            bounds_inputs.record(
                self.records, self.runs, *at, self.skeleton, state, self.matrices, x
            )

    def _all_outputs(self, x: Tensor) -> Tensor:
        """Outputs (K, N, C) of a whole split, float64."""
        parts = [x[i : i + 1024] for i in range(0, len(x), 1024)]
        return torch.cat([self.trainer.outputs(part).double() for part in parts], dim=1)


class _Both(nn.Module):
    """Features and outputs of a network at once."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = cast(Any, self.net).features(x)
        return features, cast(Any, self.net).head(features)


def _inside(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"net.{name}": tensor for name, tensor in state.items()}


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """The records of a pack of square_sgd runs of one shape."""
    return train_pack(SquarePack, Spec, specs, job)
