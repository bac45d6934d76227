"""The parts of a pack: runs that take their steps together, as the loop sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .records import Records

State = dict[str, Any]


class Training:
    """A part of a pack in training."""

    step = 0  # steps taken

    def advance(self, records: Records) -> bool:
        """Record what is due, then take a step; False, with the last records, if none is left."""
        raise NotImplementedError

    def state(self) -> State:
        """What a checkpoint must hold: tensors, numbers, strings, lists and dicts."""
        return {}

    def restore(self, state: State) -> None:
        """Restore what `state` returned; `step` has been."""

    def loss(self) -> float:
        """The loss of the progress line."""
        return 0.0

    def lost(self) -> int:
        """How many runs have diverged that the records do not yet say of."""
        return 0


class Part(NamedTuple):
    """A part of a pack: how many steps it takes at most, and the function that begins it."""

    steps: int
    begin: Callable[[], Training]


class Once(Training):
    """A part of one step, which writes all of its records."""

    def __init__(self, write: Callable[[Records], None]) -> None:
        self.write = write

    def advance(self, records: Records) -> bool:
        """See Training."""
        if self.step == 0:
            self.write(records)
        self.step += 1
        return self.step == 1


def tensors(arrays: dict[str, NDArray[Any]]) -> State:
    """Arrays as checkpoints hold them; torch is loaded only now."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
