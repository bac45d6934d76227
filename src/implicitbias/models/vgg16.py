"""This is VGG-16 with batch normalisation (Simonyan and Zisserman, 2015).

Galanti et al. (2025) use it.
"""

from __future__ import annotations

from math import prod

from torch import Tensor, nn
from torch.nn import functional

from ._size import Size

BATCH_NORM = True
_WIDTHS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))  # x W; a pooling after each group


class VGG16(nn.Module):
    """A network of thirteen (conv3x3 with bias, BN, ReLU), 2x2 max pooling between, a linear head.

    Measured: the 13 convolutions. At width 64 on 3x32x32 their ranks are at most 27, 64, 128 (2),
    256 (3), 512 (6), 322.08 on average. No dropout. The feature map must be of one position at the
    end; a pooling that finds a map of one position leaves it.
    """

    grouped = True

    def __init__(self, channels: int, n_classes: int, width: int, stem_stride: int) -> None:
        super().__init__()
        sizes = [width * factor for group in _WIDTHS for factor in group]
        inputs = [channels, *sizes[:-1]]
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, 1 if n else stem_stride, 1)
            for n, (i, o) in enumerate(zip(inputs, sizes, strict=True))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in sizes)
        self.head = nn.Linear(sizes[-1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of images x (B, C, H, W)."""
        layers = zip(self.convs, self.norms, strict=True)
        for group in _WIDTHS:
            for _ in group:
                conv, norm = next(layers)
                x = norm(conv(x)).relu()
            if x.shape[-1] > 1:
                x = functional.max_pool2d(x, 2)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def size(input_shape: tuple[int, ...], n_classes: int, *, width: int, stem_stride: int) -> Size:
    """Return the size, scaled from width 64 on 3x32x32; within a third for others."""
    wider, pixels = width / 64, prod(input_shape[1:]) / (32 * stem_stride) ** 2
    return Size(14, 14.7e6 * wider**2, 313e6 * wider**2 * pixels, 1.0e6 * wider * pixels)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, width: int = 64, stem_stride: int = 1
) -> VGG16:
    """Return the paper's network by default, with torch's default (Kaiming-uniform) initialisation.

    Keys:
        width: Channels W of the first two layers; the others have 2W, 4W and 8W [channels].
        stem_stride: Stride of the first convolution; 2 quarters the cost, for small scales
            [pixels].
    """
    return VGG16(input_shape[0], n_classes, width, stem_stride)
