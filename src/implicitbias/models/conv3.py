"""This is the three-layer network of Xu et al. (2023), figure 7: kernels do not overlap.

Read in the author manuscript: 3x3 kernels, stride 3, about 20,000 parameters. So images of 32x32
leave 10x10, 3x3 and 1x1 positions. The channels 32 and 64 are derived: of powers of two these and
64, 32 come nearest, with 20,448 weights.
"""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from ._size import Size

MIN_IMAGE = 9  # pixels a side


class Conv3(nn.Module):
    """A network of two 3x3 convolutions of stride 3 without padding, W and 2W channels, and a head.

    A ReLU follows each convolution. The head is a kernel of the whole remaining image (3x3 from
    28x28 or 32x32), so a linear layer on the flattened features.
    """

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_outputs: int, width: int, head_bias: bool
    ) -> None:
        super().__init__()
        channels, *sides = input_shape
        sizes = (channels, width, 2 * width)
        self.layers = nn.ModuleList(
            nn.Conv2d(sizes[i], sizes[i + 1], 3, stride=3, bias=False) for i in range(2)
        )
        features = 2 * width * prod(side // 3 // 3 for side in sides)
        self.head = nn.Linear(features, n_outputs, bias=head_bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the input of the head (B, D), for images x (B, channels, H, W)."""
        for layer in self.layers:
            x = layer(x).relu()
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) of images x (B, channels, H, W)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def size(input_shape: tuple[int, ...], n_classes: int, *, width: int, head_bias: bool) -> Size:
    """Return the exact size; activations are not counted."""
    channels, *sides = input_shape
    parameters = multiply_adds = 0
    for outputs in (width, 2 * width):
        sides = [side // 3 for side in sides]
        parameters += 9 * channels * outputs
        multiply_adds += prod(sides) * 9 * channels * outputs
        channels = outputs
    head = channels * prod(sides) * n_classes
    return Size(3, parameters + head + head_bias * n_classes, multiply_adds + head)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, width: int = 32, head_bias: bool = False
) -> Conv3:
    """Return the paper's network by default: 20,448 weights on 3x32x32 with two outputs.

    Keys:
        width: Channels W of the first convolution; the second has 2W [channels].
        head_bias: Whether the head has a bias for each output.
    """
    return Conv3(input_shape, n_classes, width, head_bias)
