"""The parts of a pack, which are runs that take their steps together, as the loop sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .records import Records

State = dict[str, Any]


class Training:
    """A part of a pack that is in training."""

    step = 0  # steps taken

    def advance(self, records: Records) -> bool:
        """Record what is due and take a step, or return False if none is left.

        The last records are written then.
        """
        raise NotImplementedError

    def state(self) -> State:
        """Return what a checkpoint must hold: tensors, numbers, strings, lists and dicts."""
        return {}

    def restore(self, state: State) -> None:
        """Restore what `state` returned; `step` has been restored."""

    def loss(self) -> float:
        """Return the loss of the progress line."""
        return 0.0

    def lost(self) -> int:
        """Return how many runs have diverged that the records do not yet contain as diverged."""
        return 0


class Part(NamedTuple):
    """A part of a pack, with the most steps that it takes and the function that begins it."""

    steps: int
    begin: Callable[[], Training]


class Once(Training):
    """A part that takes one step, which writes all of its records."""

    def __init__(self, write: Callable[[Records], None]) -> None:
        self.write = write

    def advance(self, records: Records) -> bool:
        """See Training."""
        if self.step == 0:
            self.write(records)
        self.step += 1
        return self.step == 1


def tensors(arrays: dict[str, NDArray[Any]]) -> State:
    """Return arrays as checkpoints hold them; torch is loaded only here."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
