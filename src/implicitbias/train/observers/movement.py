"""How far the weights move while each example is seen once or more, and what moves them.

Over the last M epochs before a record, Delta = W_T - W_{T-M} = -A + (Delta + A): A = sum of lr_t
weight_decay W_t is what weight decay takes away, known exactly, and Delta + A is what the gradients
add. At a stationary point of gradient descent both are large and cancel; without gradient Delta is
-A: a plateau of ||Delta|| that tells nothing of the gradients.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..records import Records
from . import Watched


class Movement:
    """W_{T-M} and A of every member and matrix."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        spec = watched.specs[0]
        per_epoch, epochs = spec.steps_per_epoch, spec.movement_epochs
        kept = [e for e in spec.record_epochs if e >= epochs]
        self.spans = {(e - epochs) * per_epoch: e * per_epoch for e in kept}
        self.start: dict[str, dict[str, Tensor]] = {}  # "start step" -> parameter -> (K, ...)
        self.decay: dict[str, dict[str, Tensor]] = {}

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """See Observer."""
        state = self.watched.trainer.state()
        names = [m.parameter for m in self.watched.matrices]
        if step in self.spans:
            self.start[str(step)] = {name: state[name].clone() for name in names}
            self.decay[str(step)] = {name: state[name].new_zeros(state[name].shape)
                                     for name in names}  # fmt: skip
        rate = multiplier * self.watched.members.lr * self.watched.members.weight_decay
        for parts in self.decay.values():
            for name, total in parts.items():
                total.add_(rate.view(-1, *[1] * (total.dim() - 1)) * state[name])

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Observer. Per matrix: the norms of Delta, A, Delta + A and W_{T-M}."""
        begun = next((a for a, b in self.spans.items() if b == step), None)
        if begun is None:
            return
        start, decay = self.start.pop(str(begun)), self.decay.pop(str(begun))
        for matrix in self.watched.matrices:
            name = matrix.parameter
            moved = self.watched.trainer.state()[name] - start[name]
            parts = (moved, decay[name], moved + decay[name], start[name])
            norms = [p.double().flatten(1).norm(dim=1).tolist() for p in parts]
            for k, run in enumerate(self.watched.runs):
                values = [norm[k] for norm in norms]
                records.array(
                    run, epoch, step, "movement", values, (4,), matrix.label, matrix.averaged
                )

    def kept(self) -> dict[str, Any]:
        """See Observer."""
        return {"start": self.start, "decay": self.decay}

    def restore(self, kept: dict[str, Any]) -> None:
        """See Observer."""
        self.start, self.decay = kept["start"], kept["decay"]
