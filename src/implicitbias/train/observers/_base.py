"""The class on which every observer is built."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ..networks import Networks
from ..records import Records


class Base:
    """An observer of one kind of record, which changes no number of a run."""

    LAST: ClassVar[bool] = False  # measures beside training, so after all others

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """Look at the networks after `step` steps, before the next.

        The next step takes the batches x (K, B, ...), y (K, B).
        """

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """Write the records of a record epoch."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for computations beside training, before anything else uses the records."""

    def kept(self) -> dict[str, Any]:
        """Return what a checkpoint must hold for this observer."""
        return {}

    def restore(self, kept: dict[str, Any]) -> None:
        """Restore what `kept` returned."""
