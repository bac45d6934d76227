"""What every observer is."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ..networks import Networks
from ..records import Records


class Base:
    """One kind of record. It changes nothing: with or without it a run has the same numbers."""

    LAST: ClassVar[bool] = False  # measures beside training, so after all others

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """After `step` steps, before the next, which takes the batches x (K, B, ...), y (K, B)."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """Write the records of a record epoch."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for what is measured beside training: nothing else may touch the records before."""

    def kept(self) -> dict[str, Any]:
        """What a checkpoint must hold for it."""
        return {}

    def restore(self, kept: dict[str, Any]) -> None:
        """Restore what `kept` returned."""
