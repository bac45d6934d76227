"""What a run can be asked to record besides the usual: one file per entry of the spec's `record`.

An observer sees every step before it is taken and is asked for its records at each record epoch. It
changes nothing: with or without it a run has the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from ...models._layers import WeightMatrix
from ...plan.specs.sgd import Spec
from ..engine.base import Members, Trainer
from ..records import Records


@dataclass(frozen=True)
class Watched:
    """A pack in training, as an observer sees it."""

    specs: Sequence[Spec]
    runs: Sequence[str]
    trainer: Trainer
    members: Members
    matrices: tuple[WeightMatrix, ...]
    model: nn.Module  # the architecture; weights are put in with functional_call
    patches: dict[str, int]  # m_l by label
    x: Tensor  # training examples (N, ...)
    y: Tensor  # their labels (N,)

    def matrix(self, matrix: WeightMatrix, k: int) -> Tensor:
        """The weight of member k as a matrix (rows, cols): a view."""
        return self.trainer.state()[matrix.parameter][k].flatten(1)

    def state(self, k: int) -> dict[str, Tensor]:
        """Parameters and buffers of member k by name: views."""
        return {name: tensor[k] for name, tensor in self.trainer.state().items()}


class Observer(Protocol):
    """One kind of further record."""

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """After `step` steps, before the next, which takes the batches x (K, B, ...), y (K, B)."""
        ...

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """Write the records of a record epoch."""
        ...

    def kept(self) -> dict[str, Any]:
        """What a checkpoint must hold for it."""
        ...

    def restore(self, kept: dict[str, Any]) -> None:
        """Take it back."""
        ...


class Stateless:
    """An observer that needs nothing but the weights at the record epoch."""

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """See Observer."""

    def kept(self) -> dict[str, Any]:
        """See Observer."""
        return {}

    def restore(self, kept: dict[str, Any]) -> None:
        """See Observer."""


def observers(watched: Watched) -> dict[str, Observer]:
    """The observers that the pack's specs ask for, by their names in `record`."""
    from .gradients import Gradients
    from .movement import Movement
    from .residuals import Residuals
    from .unrolling import Unrolling
    from .windows import Windows

    kinds: dict[str, Callable[[Watched], Observer]] = {
        "gradients": Gradients, "movement": Movement, "residuals": Residuals,
        "unrolling": Unrolling, "windows": Windows,
    }  # fmt: skip
    return {name: kinds[name](watched) for name in watched.specs[0].record}
