"""Record the unrolling identity, step by step against gradients by autograd.

W_T = p W_{T-n} - S,  S <- (1 - lr_t weight_decay) S + lr_t G_t,  S_{T-n} = 0. With every G_t
recomputed from the weights and the batch of its step, the identity shows that the trainer does
plain SGD with torch's weight decay and nothing else (Galanti et al. 2025, section 3). It needs
float64: in float32 a unit within rounding of a ReLU's kink has another gradient in a second
computation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...base.errors import UserError
from ..networks import Networks
from ..records import Records
from ._backward import batch_gradients
from ._base import Base

if TYPE_CHECKING:
    from ...plan.specs.sgd import Spec

RECORDS = {
    "sgd": {
        "arrays": {
            "unrolling": "n, ||W_T - (p W_{T-n} - S)||, ||W_{T-n}||, ||W_T|| and ||S|| in"
            " Frobenius norm: S the decayed sum of lr times the gradients of the last n steps, by"
            " autograd [1].",
        },
    },
}
STEPS = 16  # the last of a record epoch, or as many as there are


def check(spec: Spec) -> None:
    """Raise ValueError for momentum, and where rounding would hide an error."""
    if spec.momentum > 0:
        raise ValueError("is about plain SGD; momentum must be 0")
    if spec.precision != "float64":
        raise ValueError("needs precision: float64")


class Observer(Base):
    """An observer that records S and W_{T-n} of every member and matrix.

    It follows the n steps before a record epoch.
    """

    def __init__(self, networks: Networks) -> None:
        if any(isinstance(m, nn.Dropout) and m.p > 0 for m in networks.model.modules()):
            raise UserError("record: unrolling cannot replay a model with torch's own dropout")
        super().__init__(networks)
        spec = networks.specs[0]
        steps = [epoch * spec.steps_per_epoch for epoch in spec.record_epochs]
        self.starts = [max(a, b - STEPS) for a, b in pairwise(steps)]
        self.ends = steps[1:]
        self.start: dict[str, Tensor] = {}  # parameter -> (K, ...)
        self.sum: dict[str, Tensor] = {}
        self.product = torch.ones(len(networks.runs), dtype=torch.float64)

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """See Base."""
        if step in self.starts:
            state = self.networks.trainer.state()
            self.start = {m.parameter: state[m.parameter].clone() for m in self.networks.matrices}
            self.sum = {name: torch.zeros_like(w) for name, w in self.start.items()}
            self.product.fill_(1)
        if not any(a <= step < b for a, b in zip(self.starts, self.ends, strict=True)):
            return
        networks = self.networks
        for k, spec in enumerate(networks.specs):
            lr = multiplier * spec.lr
            state = networks.state(k)
            gradients = batch_gradients(networks.model, state, x[k], y[k], spec.objective)
            self.product[k] *= 1 - lr * spec.weight_decay
            for name, total in self.sum.items():
                total[k].mul_(1 - lr * spec.weight_decay).add_(gradients[name], alpha=lr)

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        if epoch == 0:
            return
        n = step - self.starts[self.ends.index(step)]
        for matrix in self.networks.matrices:
            now = self.networks.trainer.state()[matrix.parameter]
            old, total = self.start[matrix.parameter], self.sum[matrix.parameter]
            for k, run in enumerate(self.networks.runs):
                off = now[k] - (self.product[k].to(old) * old[k] - total[k])
                sides = [off.norm(), old[k].norm(), now[k].norm(), total[k].norm()]
                values = [n, *(float(v) for v in sides)]
                records.array(
                    run, epoch, step, "unrolling", values, (5,), matrix.label, matrix.averaged
                )

    def kept(self) -> dict[str, Any]:
        """See Base."""
        return {"start": self.start, "sum": self.sum, "product": self.product}

    def restore(self, kept: dict[str, Any]) -> None:
        """See Base."""
        self.start, self.sum, self.product = kept["start"], kept["sum"], kept["product"].cpu()
