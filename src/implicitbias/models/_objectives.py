"""The losses and their gradients at the outputs are the only place for 1/2, 1/N and 1/C.

Shapes: outputs (K, B, C) for K members of a pack, labels (K, B) int64. Each loss is a mean over the
B examples of a batch, each member's its own.

`square` is (1/B) sum_n ||f(x_n) - e_{y_n}||^2 with one-hot targets e: summed over the C outputs, as
in the papers. `torch.nn.MSELoss` divides by C as well, and some authors halve it: their learning
rates for a loss c times this one are 1/c times as effective here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return (1/B) sum_n -log softmax(f(x_n))_{y_n} per member: (K,), in [0, inf).

    The logarithm is natural.
    """
    per_example = functional.cross_entropy(outputs.mT, labels, reduction="none")
    return per_example.mean(-1)


def square(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return (1/B) sum_n ||f(x_n) - e_{y_n}||^2 per member: (K,), in [0, inf)."""
    targets = functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)
    return (outputs - targets).square().sum(-1).mean(-1)


def targets(labels: Tensor, outputs: Tensor, kind: str) -> Tensor:
    """Return the targets (..., C) of labels (...), in the type of outputs (..., C).

    `one_hot` e_y; `centred` e_y - 1/C; `sign`, for one output, +1 for class 0 and -1 for class 1.
    """
    if kind == "sign":
        return (1 - 2 * labels).to(outputs.dtype)[..., None]
    n = outputs.shape[-1]
    one_hot = torch.eye(n, dtype=outputs.dtype, device=outputs.device)[labels]
    return one_hot - 1 / n if kind == "centred" else one_hot


def square_factor(loss: str, n_outputs: int) -> float:
    """Return c in the loss c (1/B) sum_n ||f(x_n) - t_n||^2: 1 for `square`, 1/C for `mse`."""
    return 1.0 if loss == "square" else 1 / n_outputs


def decay_lambda(weight_decay: Tensor, loss: str, n_outputs: int) -> Tensor:
    """Return lambda of (1/N) sum_n ||f(x_n) - t_n||^2 + lambda ||W||^2, from torch's weight_decay.

    torch adds weight_decay W to the gradient, that of (weight_decay/2) ||W||^2: 1/2. The loss is c
    times the papers' mean over the N examples, with c = 1 or 1/C (`square_factor`); dividing both
    terms by c leaves lambda = weight_decay / (2 c). Where a paper sums over the examples instead,
    its lambda is N times this one. weight_decay of any shape, non-negative; the same shape back.
    """
    return weight_decay / (2 * square_factor(loss, n_outputs))


def square_to(outputs: Tensor, labels: Tensor, loss: str, kind: str) -> Tensor:
    """Return c (1/B) sum_n ||f(x_n) - t_n||^2 per member: (K,); `mse` is torch.nn.MSELoss."""
    error = outputs - targets(labels, outputs, kind)
    return square_factor(loss, outputs.shape[-1]) * error.square().sum(-1).mean(-1)


Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "square": square}
LOSSES.update(
    {
        f"{loss}_{kind}": partial(square_to, loss=loss, kind=kind)
        for loss in ("mse", "square")
        for kind in ("one_hot", "centred", "sign")
    }
)


def cross_entropy_with_gradient(outputs: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss (K,) and d loss / d outputs = (softmax(f) - e_y) / B.

    outputs and one_hot are (K, B, C).
    """
    log_p = torch.log_softmax(outputs, -1)
    n = outputs.shape[1]
    loss = torch.linalg.vecdot(log_p.flatten(1), one_hot.flatten(1)).div_(-n)
    return loss, log_p.exp_().sub_(one_hot).div_(n)


def square_with_gradient(outputs: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss (K,) and d loss / d outputs = 2 (f - e_y) / B.

    outputs and one_hot are (K, B, C).
    """
    n = outputs.shape[1]
    error = outputs - one_hot
    return error.square().sum((1, 2)).div_(n), error.mul_(2 / n)


def square_to_with_gradient(
    outputs: Tensor, one_hot: Tensor, loss: str, kind: str
) -> tuple[Tensor, Tensor]:
    """Return `square_to` (K,) and its gradient 2 c (f - t) / B.

    outputs and one_hot are (K, B, C).
    """
    n, classes = outputs.shape[1:]
    c = square_factor(loss, classes)
    error = outputs - (one_hot - 1 / classes if kind == "centred" else one_hot)
    return error.square().sum((1, 2)).mul_(c / n), error.mul_(2 * c / n)


LOSSES_WITH_GRADIENT: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "cross_entropy": cross_entropy_with_gradient,
    "square": square_with_gradient,
}
LOSSES_WITH_GRADIENT.update(
    {
        f"{loss}_{kind}": partial(square_to_with_gradient, loss=loss, kind=kind)
        for loss in ("mse", "square")
        for kind in ("one_hot", "centred")
    }
)


def accuracy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the share of examples whose largest output is the label's: (K,), in [0, 1].

    A network with a non-finite output has no prediction: NaN, not the accuracy of class 0.
    """
    right = (outputs.argmax(-1) == labels).to(outputs.dtype).mean(-1)
    finite = outputs.isfinite().flatten(1).all(1)
    return right.where(finite, torch.nan)
