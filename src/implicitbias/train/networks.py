"""The networks of a pack in training, as its steps and its observers see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from .. import data
from ..base.errors import UserError
from ..models import build_seeded
from ..models._layers import WeightMatrix, patches, weight_matrices
from .engine import streams
from .engine.base import DTYPES, Members, Trainer, multiply_float32_in
from .engine.choose import trainer_for

if TYPE_CHECKING:
    from .procedures import Job

Untrained = Callable[[Any, tuple[int, ...], int], nn.Module]  # spec, image, classes -> network
_CHUNK = 1024  # examples in one evaluation


class Kept(Protocol):
    """An object that has a state of its own beside the weights."""

    def kept(self) -> dict[str, Any]:
        """Return what a checkpoint must hold for this object."""
        ...

    def restore(self, kept: dict[str, Any]) -> None:
        """Restore what `kept` returned."""
        ...


@dataclass
class Networks:
    """A set of K networks of one shape, with their data and the trainer that takes their steps."""

    specs: Sequence[Any]  # of one procedure on a data set
    runs: list[str]
    trainer: Trainer
    members: Members
    matrices: tuple[WeightMatrix, ...]
    model: nn.Module  # the architecture; weights are put in with functional_call
    n_classes: int
    train: tuple[Tensor, Tensor]  # examples (N, ...), labels (N,)
    test: tuple[Tensor, Tensor]
    labels: Tensor  # (K, N): those that each member trains on
    path: str  # through the engine
    further: dict[str, Kept] = field(default_factory=dict)  # what else a checkpoint must hold
    _evaluated: tuple[int, dict[str, tuple[Tensor, Tensor]]] = field(default=(-1, {}), repr=False)

    def matrix(self, matrix: WeightMatrix, k: int) -> Tensor:
        """Return the weight of member k as a matrix (rows, cols): a view."""
        return self.trainer.state()[matrix.parameter][k].flatten(1)

    def state(self, k: int) -> dict[str, Tensor]:
        """Return the parameters and buffers of member k by name: views."""
        return {name: tensor[k] for name, tensor in self.trainer.state().items()}

    @cached_property
    def patches(self) -> dict[str, int]:
        """Return how often each matrix is applied to one example: m_l by label."""
        return patches(self.model, tuple(self.train[0].shape[1:]))

    def evaluated(self, step: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Return outputs (K, N, C) in float64 and labels (K, N), by split, after `step` steps.

        The observers of one record share the outputs.
        """
        if self._evaluated[0] != step:
            labels = self.test[1].expand(len(self.runs), -1)
            self._evaluated = (
                step,
                {
                    "train": (self._outputs(self.train[0]), self.labels),
                    "test": (self._outputs(self.test[0]), labels),
                },
            )
        return self._evaluated[1]

    def _outputs(self, x: Tensor) -> Tensor:
        parts = [self.trainer.outputs(x[i : i + _CHUNK]) for i in range(0, len(x), _CHUNK)]
        return torch.cat([part.double() for part in parts], dim=1)


def untrained(spec: Any, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return the network of a run before its first step, as torch initialises it."""
    seed = streams.init_seed(spec.seed)
    return build_seeded(spec.model, shape, n_classes, seed=seed, **spec.model_arguments)


def networks_of(
    specs: Sequence[Any], job: Job, build: Untrained = untrained, pack_size: int | None = None
) -> Networks:
    """Return the networks of some runs of one shape, in the memory of the job's device.

    pack_size: the number of runs in their pack, if they are a part of it.
    """
    shape, device = specs[0], torch.device(job.device)
    if shape.precision == "tf32" and device.type != "cuda":
        raise UserError("precision: tf32 is of CUDA devices; set device: cuda or train another")
    multiply_float32_in(shape.precision)
    dtype = DTYPES[shape.precision]
    split = data.load(shape.dataset, job.data_dir, **shape.data_options)
    train, test = (
        (torch.from_numpy(x).to(device, dtype), torch.from_numpy(y).to(device))
        for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test))
    )
    image, n_classes = split.x_train.shape[1:], split.n_classes
    models = [build(s, image, n_classes) for s in specs]
    members = Members.of(
        [s.lr for s in specs], [s.weight_decay for s in specs], [s.momentum for s in specs],
        dtype, device, shape.batch_size, shape.precision, image, pack_size,
        shape.decay == "all",
    )  # fmt: skip
    matrices = weight_matrices(models[0])
    trainer = trainer_for(models, members, shape.objective, dtype, device)
    # A skeleton of its own: the trainer's modules hold the members' weights.
    model = build(shape, image, n_classes).to(device, dtype)
    return Networks(
        specs, [s.run_id for s in specs], trainer, members, matrices, model, n_classes,
        train, test, train[1].expand(len(specs), -1), type(trainer).__name__,
    )  # fmt: skip
