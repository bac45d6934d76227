"""Four convolutions and two linear layers: Xu et al. (2023) used this six-layer network.

Read in the author manuscript: 3x3 convolutions to 32, 64, 128 and 128 channels, linear layers
3200 -> 1024 -> 2, no biases but perhaps two of the head: 3,519,335 parameters are printed, the
3,519,328 weights and 7 more. How images of 32x32 leave 3200 = 128 x 5 x 5 features is not said.
Four unpadded patterns do, and all four are here.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._size import Size

_CHANNELS = (1, 2, 4, 4)  # in units of the width
STRIDES = {
    "max": (1, 1, 1, 1), "stride": (1, 2, 1, 2), "stride_2112": (2, 1, 1, 2),
    "stride_2222": (2, 2, 2, 2),
}  # fmt: skip

MIN_IMAGE = 16  # pixels a side


class Conv4FC(nn.Module):
    """A network of four 3x3 convolutions, a hidden linear layer and a head.

    A ReLU follows each of the five layers before the head. Homogeneous but for the head's biases.
    3,519,328 weights at the paper's sizes, whatever leaves the 5 x 5 positions.
    """

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_outputs: int, width: int, hidden: int, pooling: str,
        enlarge: int, head_bias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        check(input_shape, pooling=pooling)
        sizes = [input_shape[0], *(c * width for c in _CHANNELS)]
        self.layers = nn.ModuleList(
            nn.Conv2d(sizes[i], sizes[i + 1], 3, stride=stride, bias=False)
            for i, stride in enumerate(STRIDES[pooling])
        )
        self.pooling, self.enlarge = pooling, enlarge
        with torch.no_grad():
            flat = prod(self._convolved(torch.zeros(1, *input_shape)).shape)
        self.hidden = nn.Linear(flat, hidden, bias=False)
        self.head = nn.Linear(hidden, n_outputs, bias=head_bias)

    def _convolved(self, x: Tensor) -> Tensor:
        if self.enlarge > 1:
            x = functional.interpolate(x, scale_factor=self.enlarge, mode="bilinear")
        for i, layer in enumerate(self.layers):
            x = layer(x).relu()
            if self.pooling == "max" and i % 2:
                x = functional.max_pool2d(x, 2)
        return x

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the head's input (B, hidden), for images x (B, channels, H, W)."""
        h: Tensor = self.hidden(self._convolved(x).flatten(1))
        return h.relu()

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) of images x (B, channels, H, W)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def check(input_shape: tuple[int, ...], *, pooling: str, **others: int) -> None:
    """Raise ValueError for a pooling that does not exist."""
    if pooling not in STRIDES:
        raise ValueError(f"pooling: {pooling!r} is none of {', '.join(STRIDES)}")


def size(
    input_shape: tuple[int, ...], n_classes: int, *, width: int, hidden: int, pooling: str,
    enlarge: int, head_bias: bool,
) -> Size:  # fmt: skip
    """Return the exact size, activations not counted; wide convolutions take less time a part."""
    channels, *sides = input_shape
    sides = [side * enlarge for side in sides]
    parameters = multiply_adds = 0
    for i, (factor, stride) in enumerate(zip(_CHANNELS, STRIDES[pooling], strict=True)):
        sides = [max((side - 3) // stride + 1, 1) for side in sides]
        parameters += 9 * channels * factor * width
        multiply_adds += prod(sides) * 9 * channels * factor * width
        channels = factor * width
        if pooling == "max" and i % 2:
            sides = [max(side // 2, 1) for side in sides]
    dense = hidden * (channels * prod(sides) + n_classes)
    return Size(
        6, parameters + dense + head_bias * n_classes, multiply_adds + dense,
        step_seconds=5e-4, multiply_add_seconds=2.7e-10 if width < 16 else 1.3e-10,
    )  # fmt: skip


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    width: int = 32,
    hidden: int = 1024,
    pooling: str = "max",
    enlarge: int = 1,
    head_bias: bool = False,
) -> Conv4FC:
    """Return the network of the paper's sizes by default, with max-pooling and without biases.

    Keys:
        width: Channels W of the first convolution; the others have 2W, 4W and 4W [channels].
        hidden: Width of the hidden linear layer [units].
        pooling: What leaves 5 x 5 positions of 32 x 32. `max`: 2x2 max-pooling after the second and
            the fourth convolution; `stride`: strides 1, 2, 1, 2; `stride_2112`: strides 2, 1, 1, 2;
            `stride_2222`: strides 2, 2, 2, 2, which need images enlarged threefold.
        enlarge: Factor by which images are enlarged first, bilinearly [1].
        head_bias: Whether the head has a bias for each output.
    """
    return Conv4FC(input_shape, n_classes, width, hidden, pooling, enlarge, head_bias)
