"""Losses and their gradients at the outputs: the only place for 1/2, 1/N and 1/C.

Shapes: outputs (K, B, C) for K members of a pack, labels (K, B) int64. Each loss is a mean over the
B examples of a batch, each member's its own.

`square` is (1/B) sum_n ||f(x_n) - e_{y_n}||^2 with one-hot targets e: summed over the C outputs, as
in the papers. `torch.nn.MSELoss` divides by C as well, and some authors halve it: their learning
rates for a loss c times this one are 1/c times as effective here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """(1/B) sum_n -log softmax(f(x_n))_{y_n}, natural logarithm, per member: (K,), in [0, inf)."""
    per_example = functional.cross_entropy(outputs.mT, labels, reduction="none")
    return per_example.mean(-1)


def square(outputs: Tensor, labels: Tensor) -> Tensor:
    """(1/B) sum_n ||f(x_n) - e_{y_n}||^2 per member: (K,), in [0, inf)."""
    targets = functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)
    return (outputs - targets).square().sum(-1).mean(-1)


Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "square": square}


def cross_entropy_with_gradient(outputs: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (K,) and d loss / d outputs = (softmax(f) - e_y) / B; outputs, one_hot (K, C, B)."""
    log_p = torch.log_softmax(outputs, 1)
    n = outputs.shape[-1]
    loss = torch.linalg.vecdot(log_p.flatten(1), one_hot.flatten(1)).div_(-n)
    return loss, log_p.exp_().sub_(one_hot).div_(n)


def square_with_gradient(outputs: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (K,) and d loss / d outputs = 2 (f - e_y) / B; outputs, one_hot (K, C, B)."""
    n = outputs.shape[-1]
    error = outputs - one_hot
    return error.square().sum((1, 2)).div_(n), error.mul_(2 / n)


LOSSES_WITH_GRADIENT: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "cross_entropy": cross_entropy_with_gradient,
    "square": square_with_gradient,
}


def accuracy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Share of examples whose largest output is the label's, per member: (K,), in [0, 1].

    A network with a non-finite output has no prediction: NaN, not the accuracy of class 0.
    """
    right = (outputs.argmax(-1) == labels).to(outputs.dtype).mean(-1)
    finite = outputs.isfinite().flatten(1).all(1)
    return right.where(finite, torch.nan)
