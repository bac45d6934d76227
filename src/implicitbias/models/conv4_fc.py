"""Four convolutions and two linear layers: Xu et al.'s journal runs had this network, as recalled.

Recalled, not read: 3x3 convolutions to 32, 64, 128 and 128 channels, linear 3200 -> 1024 -> 2, no
biases, no BatchNorm. That 32x32 inputs leave 3200 = 128 x 5 x 5 features allows unpadded
convolutions with two 2x2 max-poolings, or with strides 1, 2, 1, 2: both are here.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from ._size import Size

_CHANNELS = (1, 2, 4, 4)  # in units of the width

MIN_IMAGE = 16  # pixels a side


class Conv4FC(nn.Module):
    """A homogeneous network of four 3x3 convolutions, a hidden linear layer and a head, no biases.

    A ReLU follows each of the five layers before the head. `pooling` max: 2x2 max-pooling after the
    second and the fourth. stride: strides 1, 2, 1, 2, so that the network is a product of matrices
    and ReLUs. 3,519,328 weights at the recalled sizes.
    """

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_outputs: int, width: int, hidden: int, pooling: str
    ) -> None:
        super().__init__()
        check(input_shape, pooling=pooling)
        sizes = [input_shape[0], *(c * width for c in _CHANNELS)]
        self.layers = nn.ModuleList(
            nn.Conv2d(sizes[i], sizes[i + 1], 3, stride=1 + i % 2 * (pooling == "stride"),
                      bias=False)
            for i in range(4)
        )  # fmt: skip
        self.pooling = pooling
        with torch.no_grad():
            flat = prod(self._convolved(torch.zeros(1, *input_shape)).shape)
        self.hidden = nn.Linear(flat, hidden, bias=False)
        self.head = nn.Linear(hidden, n_outputs, bias=False)

    def _convolved(self, x: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x).relu()
            if self.pooling == "max" and i % 2:
                x = nn.functional.max_pool2d(x, 2)
        return x

    def features(self, x: Tensor) -> Tensor:
        """Return what enters the head (B, hidden), of images x (B, channels, H, W)."""
        h: Tensor = self.hidden(self._convolved(x).flatten(1))
        return h.relu()

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) of images x (B, channels, H, W)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def check(input_shape: tuple[int, ...], *, pooling: str, **others: int) -> None:
    """Raise ValueError for a pooling that does not exist."""
    if pooling not in ("max", "stride"):
        raise ValueError(f"pooling: {pooling!r} is neither 'max' nor 'stride'")


def size(
    input_shape: tuple[int, ...], n_classes: int, *, width: int, hidden: int, pooling: str
) -> Size:
    """Return the size, exact with max-pooling; strides take a quarter of two layers.

    Activations are not counted.
    """
    channels, *sides = input_shape
    parameters = multiply_adds = 0
    for i, factor in enumerate(_CHANNELS):
        sides = [side - 2 for side in sides]
        parameters += 9 * channels * factor * width
        multiply_adds += prod(sides) * 9 * channels * factor * width
        channels = factor * width
        if i % 2:
            sides = [max(side // 2, 1) for side in sides]
    dense = hidden * (channels * prod(sides) + n_classes)
    return Size(
        6, parameters + dense, multiply_adds + dense,
        step_seconds=5e-4, multiply_add_seconds=2.7e-10,
    )  # fmt: skip


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    width: int = 32,
    hidden: int = 1024,
    pooling: str = "max",
) -> Conv4FC:
    """Return the network of the recalled sizes by default, with max-pooling.

    `stride` in place of the pooling is the robustness check.
    Keys:
        width: Channels W of the first convolution; the others have 2W, 4W and 4W [channels].
        hidden: Width of the hidden linear layer [units].
        pooling: `max`: 2x2 max-pooling after the second and the fourth convolution, or `stride`,
            strides 1, 2, 1, 2 in its place.
    """
    return Conv4FC(input_shape, n_classes, width, hidden, pooling)
