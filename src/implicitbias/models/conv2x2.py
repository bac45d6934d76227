"""This is CONV-L-H of Galanti, Xu, Galanti, Poggio (2023): 2x2 convolutions, and a head.

Read in the follow-up of Xu et al. (2023): L convolutions of 2x2, stride 1, without padding, and a
linear layer; no biases, which its theorem needs (its code has some).
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ._size import Size

MIN_IMAGE = 4  # pixels a side, for the three convolutions of the default


class Conv2x2(nn.Module):
    """L times a 2x2 convolution to H channels and ReLU, then a linear head."""

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_outputs: int, depth: int, width: int
    ) -> None:
        super().__init__()
        check(input_shape, depth=depth, width=width)
        channels, *sides = input_shape
        sizes = [channels] + [width] * depth
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 2, bias=False) for i, o in pairwise(sizes))
        features = width * prod(side - depth for side in sides)
        self.head = nn.Linear(features, n_outputs, bias=False)

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the input of the head (B, D), for images x (B, channels, H, W)."""
        for layer in self.layers:
            x = layer(x).relu()
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) for images x (B, channels, H, W)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def check(input_shape: tuple[int, ...], *, depth: int, width: int) -> None:
    """Raise ValueError where the convolutions leave no pixel."""
    if depth >= min(input_shape[1:]):
        raise ValueError(f"depth: {depth} convolutions of 2x2 leave nothing of {input_shape[1:]}")


def size(input_shape: tuple[int, ...], n_classes: int, *, depth: int, width: int) -> Size:
    """Return the exact size; activations are not counted."""
    channels, *sides = input_shape
    parameters = multiply_adds = 0
    for _ in range(depth):
        sides = [side - 1 for side in sides]
        parameters += 4 * channels * width
        multiply_adds += prod(sides) * 4 * channels * width
        channels = width
    head = channels * prod(sides) * n_classes
    return Size(depth + 1, parameters + head, multiply_adds + head)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, depth: int = 3, width: int = 200
) -> Conv2x2:
    """Return CONV-3-200 by default; images larger than `depth` pixels a side.

    Keys:
        depth: Number L of convolutions; with the head L + 1 layers [1].
        width: Channels H of every convolution [channels].
    """
    return Conv2x2(input_shape, n_classes, depth, width)
