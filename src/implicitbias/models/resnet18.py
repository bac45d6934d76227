"""This is ResNet-18 for 32x32 images (He et al., 2016), as Galanti et al. (2025) use it."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ._size import Size

BATCH_NORM = True
_BLOCKS = 2  # per stage


class _Block(nn.Module):
    """A residual block that computes relu(BN conv relu BN conv x + shortcut x), conv being 3x3.

    The shortcut is a 1x1 convolution where shapes change.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, slope: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        h = functional.leaky_relu(self.norm1(self.conv1(x)), self.slope)
        h = self.norm2(self.conv2(h)) + self.shortcut(x)
        return functional.leaky_relu(h, self.slope)


class ResNet18(nn.Module):
    """A residual network of a stem, four stages of two blocks, global average and linear head.

    The stem is a 3x3 convolution; the stages have W, 2W, 4W and 8W channels. Measured: the stem and
    both convolutions of each block, 17 matrices (out, in 3 3); not the 1x1 shortcuts, nor the head.
    At width 64 on 3x32x32 their ranks are at most 27, 64 (4 times), 128, 256 and 512 (4 each),
    227.47 on average.
    """

    grouped = True

    def __init__(
        self, channels: int, n_classes: int, width: int, stem_stride: int, slope: float
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, stem_stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential()
        inputs = width
        for stage in range(4):
            outputs = width * 2**stage
            for i in range(_BLOCKS):
                stride = 2 if stage and not i else 1
                self.blocks.append(_Block(inputs, outputs, stride, slope))
                inputs = outputs
        self.head = nn.Linear(inputs, n_classes)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of images x (B, C, H, W)."""
        h = functional.leaky_relu(self.norm(self.stem(x)), self.slope)
        logits: Tensor = self.head(self.blocks(h).mean((2, 3)))
        return logits


def check(input_shape: tuple[int, ...], *, negative_slope: float, **others: Any) -> None:
    """Raise ValueError for a number that is no slope of LeakyReLU."""
    if not 0 <= negative_slope < 1:
        raise ValueError(f"negative_slope: {negative_slope} is not in [0, 1)")


def size(
    input_shape: tuple[int, ...], n_classes: int, *, width: int, stem_stride: int,
    negative_slope: float,
) -> Size:  # fmt: skip
    """Return the size, scaled from width 64 on 3x32x32; within a third for others."""
    wider, pixels = width / 64, prod(input_shape[1:]) / (32 * stem_stride) ** 2
    return Size(21, 11.2e6 * wider**2, 556e6 * wider**2 * pixels, 2.2e6 * wider * pixels)


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    width: int = 64,
    stem_stride: int = 1,
    negative_slope: float = 0.0,
) -> ResNet18:
    """Return the paper's network by default, with torch's default (Kaiming-uniform) initialisation.

    Keys:
        width: Channels W of the first stage; the others have 2W, 4W and 8W [channels].
        stem_stride: Stride of the first convolution; 2 quarters the cost, for small scales
            [pixels].
        negative_slope: Negative slope of LeakyReLU, in [0, 1); 0 is ReLU; the runs of figures 1 and
            2 of galanti2025rank had 0.01 [1].
    """
    return ResNet18(input_shape[0], n_classes, width, stem_stride, negative_slope)
