"""Record what bounds on the Rademacher complexity need of a trained network and its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models._layers import WeightMatrix, sights
from ..records import Records
from ._base import Base

RECORDS = {
    "square_sgd": {
        "scalars": {
            "toeplitz_norm": "||T(W)||_F at the end, T(W) the matrix that a convolution is on its"
            " images, or W itself [1].",
            "kernel_positions": "Positions of a kernel, or pixels that a linear layer flattens"
            " [1].",
            "input_square_sum": "Sum over training examples of ||x||^2 [1].",
            "patch_square_sum": "Largest over the first layer's positions of the sum over training"
            " examples of ||patch of x||^2 [1].",
        },
    },
}


class Observer(Base):
    """An observer that records the inputs of the bounds at the end of training."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks = self.networks
        if epoch == networks.specs[0].epochs:
            record(
                records, networks.runs, epoch, step, networks.model, networks.trainer.state(),
                networks.matrices, networks.train[0],
            )  # fmt: skip


def record(
    records: Records,
    runs: Sequence[str],
    epoch: int,
    step: int,
    model: nn.Module,
    state: Mapping[str, Tensor],
    matrices: Sequence[WeightMatrix],
    x: Tensor,
) -> None:
    """Write ||T(W)||_F and the positions a unit sees, by layer, and sums of squares of x (N, ...).

    T(W): the matrix that a convolution is, its kernel repeated over the image; W itself for a
    linear layer. state: parameters (K, ...) by name.
    """
    seen = sights(model, tuple(x.shape[1:]))
    inputs = {
        "input_square_sum": float(x.double().square().sum()),
        "patch_square_sum": patch_square_sum(model, x),
    }
    for k, run in enumerate(runs):
        for name, value in inputs.items():
            records.scalar(run, epoch, step, name, value)
        for m in matrices:
            sight = seen[m.label]
            square = state[m.parameter][k].double().square().reshape(-1, len(sight.taps)).sum(0)
            toeplitz = float((square.cpu() * torch.tensor(sight.taps)).sum().sqrt())
            records.scalar(run, epoch, step, "toeplitz_norm", toeplitz, m.label)
            records.scalar(run, epoch, step, "kernel_positions", sight.positions, m.label)


def patch_square_sum(model: nn.Module, x: Tensor) -> float:
    """Return max_j sum_n ||patch_j(x_n)||^2 over positions j of the first layer.

    A linear first layer has one patch, the whole input.
    """
    first = next(m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    total = x.double().square().sum(0)
    if isinstance(first, nn.Linear):
        return float(total.sum())
    pad = (int(first.padding[0]), int(first.padding[1]))
    size, stride = (first.kernel_size[0], first.kernel_size[1]), (first.stride[0], first.stride[1])
    # (1, taps, positions): the sum over examples and the sum over a patch exchange.
    patches = functional.unfold(total[None], size, padding=pad, stride=stride)
    return float(patches.sum(1).max())
