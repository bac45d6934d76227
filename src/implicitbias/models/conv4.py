"""This is the four-convolution network of Xu et al.'s experiments with batch normalisation.

They call it NetSimpleConv4.
Source: the first author's code (GraceXu182/binaryclassifiers_squareloss on GitHub), read for its
numbers: kernels, strides, widths, the place and kind of normalisation, biases.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ._size import Size

BATCH_NORM = True


class Conv4(nn.Module):
    """A network of three convolutions to W, 2W and 4W channels and a convolutional head.

    Each convolution is 3x3, stride 2, pad 1, and followed by [BatchNorm] and ReLU. The head is a
    convolution by a kernel of the whole remaining image (4x4 from 28x28 or 32x32), so a linear
    layer on the flattened features. BatchNorm has neither scale nor shift. Biases stand in
    convolutions and head alike. 97,346 parameters with biases for W = 32, 3x32x32 and two outputs.
    """

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_outputs: int, width: int, bias: bool, batch_norm: bool
    ) -> None:
        super().__init__()
        channels, height, side = input_shape
        sizes = [channels, width, 2 * width, 4 * width]
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1, bias=bias) for i, o in pairwise(sizes)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(o, affine=False) if batch_norm else nn.Identity() for o in sizes[1:]
        )
        for _ in self.layers:
            height, side = -(-height // 2), -(-side // 2)
        self.head = nn.Linear(sizes[-1] * height * side, n_outputs, bias=bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the input of the head (B, D), for images x (B, channels, H, W)."""
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            # ReLU before a layer, so the last one comes after flattening: its gradient then has the
            # layout of its own output, for which torch is faster.
            x = norm(layer(x.relu() if i else x))
        return x.flatten(1).relu()

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) of images x (B, channels, H, W)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def size(
    input_shape: tuple[int, ...], n_classes: int, *, width: int, bias: bool, batch_norm: bool
) -> Size:
    """Return the size, exact but for biases; activations are not counted."""
    channels, *sides = input_shape
    parameters = multiply_adds = 0
    for factor in (1, 2, 4):
        sides = [-(-side // 2) for side in sides]
        parameters += 9 * channels * factor * width
        multiply_adds += prod(sides) * 9 * channels * factor * width
        channels = factor * width
    head = channels * prod(sides) * n_classes
    return Size(4, parameters + head, multiply_adds + head)


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    width: int = 32,
    bias: bool = True,
    batch_norm: bool = True,
) -> Conv4:
    """Return the authors' network by default; homogeneous with `bias` and `batch_norm` false.

    Keys:
        width: Channels W of the first convolution; the others have 2W and 4W [channels].
        bias: Whether convolutions and head have biases.
        batch_norm: Whether batch normalisation, without scale and shift, follows each convolution.
    """
    return Conv4(input_shape, n_classes, width, bias, batch_norm)
