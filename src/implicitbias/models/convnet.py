"""ConvNet-L-H is the network of the authors' log of runs for Galanti & Poggio (2022).

It has neither pooling nor shortcuts.
Source: the code published with Galanti et al. (2025) (TomerGalanti/LowRankBias on GitHub), as
described: kernels, strides, widths and the size of the classifier. Biases and the place of the
optional batch normalisation (after each convolution of the body) are assumed.
"""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from ._size import Size

BATCH_NORM = True
MIN_IMAGE = 4  # pixels a side: two convolutions of stride 2


class ConvNet(nn.Module):
    """A network of two 2x2 convolutions, L 3x3 convolutions and a linear head.

    Conv 2x2 stride 2 to H; conv 2x2 stride 2, ReLU; L x (conv 3x3 pad 1, ReLU); linear. On 32x32
    images the maps are 8x8 and the head sees 64 H features. Measured: all L + 2 convolutions; the
    authors' average has the first L of them.
    """

    grouped = True

    def __init__(
        self, input_shape: tuple[int, ...], n_classes: int, depth: int, width: int, batch_norm: bool
    ) -> None:
        super().__init__()
        channels, height, side = input_shape
        self.stem = nn.Conv2d(channels, width, 2, 2)
        self.layers = nn.ModuleList([nn.Conv2d(width, width, 2, 2)])
        self.layers.extend(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if batch_norm else nn.Identity() for _ in self.layers
        )
        self.head = nn.Linear(width * (height // 4) * (side // 4), n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, classes) of images x (B, channels, H, W)."""
        h = self.stem(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = norm(layer(h)).relu()
        outputs: Tensor = self.head(h.flatten(1))
        return outputs


def size(
    input_shape: tuple[int, ...], n_classes: int, *, depth: int, width: int, batch_norm: bool
) -> Size:
    """Return the size: a stem at half the sides, everything else at a quarter of them."""
    channels, *sides = input_shape
    positions, at_stem = prod(s // 4 for s in sides), prod(s // 2 for s in sides)
    stem, body = 4 * channels * width, (4 + 9 * depth) * width**2
    head = width * positions * n_classes
    return Size(
        depth + 3, stem + body + head, at_stem * stem + positions * body + head,
        width * (at_stem + 2 * (depth + 1) * positions),
    )  # fmt: skip


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    depth: int = 5,
    width: int = 1000,
    batch_norm: bool = False,
) -> ConvNet:
    """Return ConvNet-5-1000 without batch normalisation by default.

    The sides of the image must be 4 or more.
    Keys:
        depth: Number L of 3x3 convolutions behind the two of the stem [1].
        width: Channels H of all convolutions [channels].
        batch_norm: Whether batch normalisation follows each 3x3 convolution.
    """
    return ConvNet(input_shape, n_classes, depth, width, batch_norm)
