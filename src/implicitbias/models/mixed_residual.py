"""The residual network of figure 16 of Galanti et al. (2025).

One half consists of convolutions and the other half is a perceptron. Appendix B of the paper
describes a convolution to 256 channels, five residual blocks of two convolutions, then an adapter
and five residual blocks of two linear layers of 256 units. It gives the size of the flattened input
as 64 x 32 x 32, although the blocks have 256 channels; here the flattened input has all channels.
The paper does not say where in a block the shortcut joins: [chosen] as in ResNet-18, before the
last activation.
"""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from ._size import Size

BATCH_NORM = True


class _Block(nn.Module):
    """A residual block that computes relu(x + norm2 layer2 relu(norm1 layer1 x))."""

    def __init__(self, layers: list[nn.Module], norms: list[nn.Module]) -> None:
        super().__init__()
        self.layer1, self.layer2 = layers
        self.norm1, self.norm2 = norms

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(self.layer1(x)).relu()
        joined: Tensor = x + self.norm2(self.layer2(h))
        return joined.relu()


class MixedResidual(nn.Module):
    """A network of a stem, N convolutional blocks, an adapter, N linear blocks and a head.

    The stem is a 3x3 convolution, as those of the blocks; these have BN, the linear blocks LN.
    Measured, as the paper counts: layer 0 the stem, 1 ... 2N the convolutions (W, 9 W), 2N + 1 the
    adapter (W, W H' W'), 2N + 2 ... 4N + 1 the linear layers (W, W); 22 matrices at N = 5. m_l is
    the number of positions for convolutions and 1 after.
    """

    grouped = True

    def __init__(
        self,
        input_shape: tuple[int, ...],
        n_classes: int,
        blocks: int,
        width: int,
        stride: int,
    ) -> None:
        super().__init__()
        channels, *sides = input_shape
        self.stem = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.convs = nn.Sequential()
        for _ in range(blocks):
            layers = [nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(2)]
            self.convs.append(_Block([*layers], [nn.BatchNorm2d(width) for _ in layers]))
        positions = 1
        for side in sides:
            positions *= -(-side // stride)
        self.adapter = nn.Linear(width * positions, width)
        self.adapter_norm = nn.LayerNorm(width)
        self.linears = nn.Sequential()
        for _ in range(blocks):
            dense = [nn.Linear(width, width) for _ in range(2)]
            self.linears.append(_Block([*dense], [nn.LayerNorm(width) for _ in dense]))
        self.head = nn.Linear(width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of images x (B, C, H, W)."""
        h = self.convs(self.norm(self.stem(x)).relu())
        h = self.adapter_norm(self.adapter(h.flatten(1))).relu()
        logits: Tensor = self.head(self.linears(h))
        return logits


def size(
    input_shape: tuple[int, ...], n_classes: int, *, blocks: int, width: int, stem_stride: int
) -> Size:
    """Return the size: convolutions at every position, the adapter, linear layers."""
    depth, (channels, *sides) = 2 * blocks, input_shape
    positions = prod(-(-side // stem_stride) for side in sides)
    convs, dense = 9 * width * (channels + depth * width), depth * width**2
    adapter = width**2 * positions
    return Size(
        2 * depth + 3, convs + dense + adapter, positions * convs + dense + adapter,
        3 * depth * width * positions,
    )  # fmt: skip


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    blocks: int = 5,
    width: int = 256,
    stem_stride: int = 1,
) -> MixedResidual:
    """Return the paper's network by default, with torch's default (Kaiming-uniform) initialisation.

    Keys:
        blocks: Number N of residual blocks of either kind, each of two layers [1].
        width: Channels of the convolutions and units of the linear layers [1].
        stem_stride: Stride of the first convolution; 2 quarters the cost, for small scales
            [pixels].
    """
    return MixedResidual(input_shape, n_classes, blocks, width, stem_stride)
