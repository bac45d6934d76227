"""Record what bounds on the Rademacher complexity need of a trained network and its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ... import data
from ...models._layers import WeightMatrix, sights
from ..records import Records
from ._base import Base

RECORDS = {
    "square_sgd": {
        "scalars": {
            "toeplitz_norm": "||T(W)||_F, T(W) the matrix that a convolution is on its"
            " images, or W itself [1].",
            "kernel_positions": "Positions of a kernel, or pixels that a linear layer flattens"
            " [1].",
            "input_square_sum": "Sum over training examples of ||x||^2 [1].",
            "pixel_square_sum": "Largest over pixels of the sum over training examples and channels"
            " of x^2 [1].",
            "raw_pixel_square_sum": "pixel_square_sum of images in [0, 1], not yet standardised"
            " [1].",
        },
    },
}


class Observer(Base):
    """An observer that records the inputs of the bounds, at every record."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, x, spec = self.networks, self.networks.train[0], self.networks.specs[0]
        sums = square_sums(x)
        if not spec.unit_images:  # of which the lengths are lost
            raw = data.intensities(x.cpu().numpy(), spec.dataset, spec.preprocessing)
            sums["raw_pixel_square_sum"] = square_sums(torch.from_numpy(raw))["pixel_square_sum"]
        for run in networks.runs:
            for name, value in sums.items():
                records.scalar(run, epoch, step, name, value)
        record(
            records, networks.runs, epoch, step, networks.model, networks.trainer.state(),
            networks.matrices, tuple(x.shape[1:]),
        )  # fmt: skip


def square_sums(x: Tensor) -> dict[str, float]:
    """Return the sum of squares of images x (N, C, H, W), and the largest of a single pixel."""
    at_pixels = x.double().square().sum((0, 1))
    return {
        "input_square_sum": float(at_pixels.sum()), "pixel_square_sum": float(at_pixels.max()),
    }  # fmt: skip


def record(
    records: Records,
    runs: Sequence[str],
    epoch: int,
    step: int,
    model: nn.Module,
    state: Mapping[str, Tensor],
    matrices: Sequence[WeightMatrix],
    image: tuple[int, ...],
) -> None:
    """Write ||T(W)||_F and the number of positions of a unit, by layer, on images (C, H, W).

    T(W) is the matrix of a convolution, with its kernel repeated over the image, or W itself for a
    linear layer. state: parameters (K, ...) by name.
    """
    seen = sights(model, image)
    for k, run in enumerate(runs):
        for m in matrices:
            sight = seen[m.label]
            square = state[m.parameter][k].double().square().reshape(-1, len(sight.taps)).sum(0)
            toeplitz = float((square.cpu() * torch.tensor(sight.taps)).sum().sqrt())
            records.scalar(run, epoch, step, "toeplitz_norm", toeplitz, m.label)
            records.scalar(run, epoch, step, "kernel_positions", sight.positions, m.label)
