"""Record how far the weights move while each example is seen, and what moves them.

Over the last M epochs before a record, Delta = W_T - W_{T-M} = -A + (Delta + A). A = sum of lr_t
weight_decay W_t is what weight decay removes, and is known exactly; Delta + A is what the gradients
add. At a stationary point of gradient descent both are large and cancel. Without gradients Delta is
-A, so a plateau of ||Delta|| alone says nothing about the gradients. The steps of `square_sgd` on
the sphere are no such sum, so for `square_sgd` only ||Delta|| is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from ..networks import Networks
from ..records import Records
from ._base import Base

if TYPE_CHECKING:
    from ...plan.specs.sgd import Spec

RECORDS = {
    "sgd": {
        "arrays": {
            "movement": "||D||, ||A||, ||D + A|| and ||W before|| in Frobenius norm: D the change"
            " of W over the last movement_epochs, A the sum of lr weight_decay W over their steps"
            " [1].",
        },
    },
    "square_sgd": {
        "scalars": {
            "movement": "||W - W before||_F over the last epoch [1].",
        },
    },
}


def check(spec: Spec) -> None:
    """Raise ValueError where spans would overlap."""
    if spec.movement_epochs > spec.record_every:
        raise ValueError("needs movement_epochs of at most record_every, or spans would overlap")


class Observer(Base):
    """An observer that records W_{T-M} and, for `sgd`, A of every member and matrix."""

    QUANTITY: ClassVar[str] = "movement"

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        spec = networks.specs[0]
        span = self.steps(spec)
        ends = [epoch * spec.steps_per_epoch for epoch in spec.record_epochs]
        self.spans = {end - span: end for end in ends if end >= span}
        self.sums = spec.procedure == "sgd"
        self.start: dict[str, dict[str, Tensor]] = {}  # "start step" -> parameter -> (K, ...)
        self.decay: dict[str, dict[str, Tensor]] = {}

    @staticmethod
    def steps(spec: Spec) -> int:
        """Return the number of steps over which movement is measured."""
        return spec.movement_epochs * spec.steps_per_epoch

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """See Base."""
        state, members = self.networks.trainer.state(), self.networks.members
        if step in self.spans:
            start = {m.parameter: state[m.parameter].clone() for m in self.networks.matrices}
            self.start[str(step)] = start
            if self.sums:
                self.decay[str(step)] = {n: w.new_zeros(w.shape) for n, w in start.items()}
        rate = multiplier * members.lr * members.weight_decay
        for parts in self.decay.values():
            for name, total in parts.items():
                total.add_(rate.view(-1, *[1] * (total.dim() - 1)) * state[name])

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base. Per matrix: the norms of Delta, A, Delta + A and W_{T-M}, or of Delta alone."""
        begun = next((a for a, b in self.spans.items() if b == step), None)
        if begun is None:
            return
        networks, start = self.networks, self.start.pop(str(begun))
        decay = self.decay.pop(str(begun)) if self.sums else {}
        for matrix in networks.matrices:
            name = matrix.parameter
            moved = networks.trainer.state()[name] - start[name]
            if not self.sums:
                norms = moved.flatten(1).norm(dim=1).tolist()
                for run, norm in zip(networks.runs, norms, strict=True):
                    records.scalar(run, epoch, step, self.QUANTITY, norm, matrix.label)
                continue
            parts = (moved, decay[name], moved + decay[name], start[name])
            each = [p.double().flatten(1).norm(dim=1).tolist() for p in parts]
            for run, values in zip(networks.runs, zip(*each, strict=True), strict=True):
                records.array(
                    run, epoch, step, self.QUANTITY, values, (4,), matrix.label, matrix.averaged
                )

    def kept(self) -> dict[str, Any]:
        """See Base."""
        return {"start": self.start, "decay": self.decay}

    def restore(self, kept: dict[str, Any]) -> None:
        """See Base."""
        self.start, self.decay = kept["start"], kept["decay"]
