"""3x3 convolutions by Winograd's minimal filtering F(2x2, 3x3), with 16 products for 36.

Over tiles of 4x4 inputs, two apart, each for 2x2 outputs, all of them per channel:

    Y = A^T ((G w G^T) . (B^T x B)) A

where the product in the middle, summed over input channels, is one of matrices for each of the 16
places of a tile (Lavin and Gray, 2016, "Fast Algorithms for Convolutional Neural Networks", after
Winograd, 1980). Exact but for rounding: errors are half of those of torch's kernels for channels
last, and up to 2.5 times those of its kernels for NCHW.

torch has none on a CPU. By OpenBLAS, on a core as in products.py, speed forward and back over
torch's at B = 16, 64 and 256: 128 channels at 16x16 1.1, 256 at 8x8 1.25, 512 at 4x4 1.4, 1.5 and
1.6, 512 at 2x2 1.3, 2.0 and 2.5; 64 channels 0.5 to 0.9. A step of a ResNet-18 alone 1.08 at B = 16
and 1.15 at 64, of a VGG-16 1.1 and 1.25, at B = 4 1.0.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from . import filters
from .products import matmul

FEWEST = 48  # tiles in a batch: with fewer, transforming weights costs what it saves
NARROWEST = 128  # channels
LARGE = 256  # positions of one example: from there on the narrowest gain as well


def _twice(matrix: list[list[float]]) -> Tensor:
    """A transform of both axes of a tile, as one matrix on its places row by row."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one)


_B = _twice([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])  # inputs: (16, 16)
_G = _twice([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])  # filters: (16, 9)
_A = _twice([[1, 1, 1, 0], [0, 1, -1, -1]])  # to outputs: (4, 16)


def possible(layer: nn.Conv2d, positions: int, batch_size: int) -> bool:
    """Whether this is worth it, with so many output positions of an example."""
    alike = layer.kernel_size == (3, 3) and layer.stride == (1, 1)
    narrow, wide = sorted((layer.in_channels, layer.out_channels))
    enough = narrow >= NARROWEST and (wide >= 2 * NARROWEST or positions >= LARGE)
    places = positions * batch_size
    return alike and enough and places >= 4 * FEWEST and filters.possible(layer, places, low=False)


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None,
    stride: tuple[int, int], padding: tuple[int, int], k: int,
) -> Tensor:  # fmt: skip
    """`conv2d` of x (B, K in, ...) with weight (K out, in, 3, 3) in K groups."""
    if any((n + 2 * p) % 2 for n, p in zip(x.shape[2:], padding, strict=True)):
        return functional.conv2d(x, weight, bias, stride, padding, groups=k)  # half tiles
    tiled: Tensor = _Convolution.apply(x, weight, bias, padding, k)  # type: ignore[no-untyped-call]
    return tiled


class _Convolution(torch.autograd.Function):
    """Channels last throughout; tiles are (tiles, 16 places, K channels)."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None,
        padding: tuple[int, int], k: int,
    ) -> Tensor:  # fmt: skip
        """The convolution, and what its gradient needs."""
        x = filters.padded(x, padding)
        room = _Room(x)
        kernels = weight.permute(0, 2, 3, 1).reshape(len(weight), 9, -1)
        u = room.each("u", _G, kernels).view(k, -1, 16, weight.shape[1])
        windows = _windows(x)
        b, h, w = windows.shape[:3]
        y = x.new_empty(b, h, 2, w, 2, len(weight))
        for piece in _pieces(b, h * w, max(u.shape[1], u.shape[3])):
            v = _split(room.each("v", _B, room.packed("x", windows[piece])), k)
            m = room("m", len(v), 16, k, u.shape[1])
            matmul(v.permute(1, 2, 0, 3), u.permute(2, 0, 3, 1), m.permute(1, 2, 0, 3))
            tiles = room.each("y", _A, m.flatten(2))
            y[piece].transpose(2, 3).copy_(tiles.view(-1, h, w, 2, 2, len(weight)))
        ctx.save_for_backward(x, u)
        ctx.padding = padding  # type: ignore[attr-defined]
        y = y.view(b, 2 * h, 2 * w, len(weight))
        return (y if bias is None else y.add_(bias)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of x, weight and bias: each transform's transpose, the other way round."""
        x, u = ctx.saved_tensors
        (vertical, horizontal), (k, out, _, inputs) = ctx.padding, u.shape
        below, _, bias, *_ = ctx.needs_input_grad
        windows, of_x = _windows(x), torch.zeros_like(x) if below else None
        b, h, w = windows.shape[:3]
        outputs = d.permute(0, 2, 3, 1).reshape(b, h, 2, w, 2, -1).transpose(2, 3)
        room, of_u = _Room(x), None
        for piece in _pieces(b, h * w, max(out, inputs)):
            m = _split(room.each("m", _A.mT, room.packed("y", outputs[piece])), k)
            if of_x is not None:
                e = room("e", len(m), 16, k, inputs)
                matmul(m.permute(1, 2, 0, 3), u.permute(2, 0, 1, 3), e.permute(1, 2, 0, 3))
                e = room.each("v", _B.mT, e.flatten(2)).view(-1, h, w, 4, 4, k * inputs)
                of_windows = _windows(of_x[piece])
                for i, j in product(range(4), range(4)):  # windows overlap
                    of_windows[:, :, :, i, j] += e[:, :, :, i, j]
            v = _split(room.each("v", _B, room.packed("x", windows[piece])), k)
            part = room("part" if of_u is not None else "first", *u.shape)
            matmul(m.permute(1, 2, 3, 0), v.permute(1, 2, 0, 3), part.permute(2, 0, 1, 3))
            of_u = part if of_u is None else of_u.add_(part)
        if of_x is not None:
            height, width = x.shape[1] - vertical, x.shape[2] - horizontal
            of_x = of_x[:, vertical:height, horizontal:width].permute(0, 3, 1, 2)
        assert of_u is not None
        weight = room.each("weight", _G.mT, of_u.flatten(0, 1)).view(-1, 3, 3, inputs)
        return of_x, weight.permute(0, 3, 1, 2), d.sum((0, 2, 3)) if bias else None, None, None


def _windows(x: Tensor) -> Tensor:
    """Those of 4x4, two apart: x (B, H, W, C) as (B, H/2 - 1, W/2 - 1, 4, 4, C), a view."""
    return filters.windows(x, (4, 4), (2, 2))


def _split(tiles: Tensor, k: int) -> Tensor:
    """(N, n, K C) as (N, n, K, C)."""
    return tiles.view(*tiles.shape[:2], k, -1)


def _pieces(b: int, tiles: int, channels: int) -> list[slice]:
    """The images in parts of a few hundred tiles, which stay in the cache; the first is largest."""
    n = -(-b * tiles // max(256, channels))
    size = -(-b // n)
    return [slice(i, i + size) for i in range(0, b, size)]


class _Room:
    """Tensors by name that one piece after another uses: new ones would not be in the cache."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._kept: dict[str, Tensor] = {}

    def __call__(self, name: str, n: int, *shape: int) -> Tensor:
        """Uninitialised, (n, ...); n at most what it was first."""
        if name not in self._kept:
            self._kept[name] = self._like.new_empty(n, *shape)
        return self._kept[name][:n]

    def packed(self, name: str, tiles: Tensor) -> Tensor:
        """(B, H, W, i, j, C) as (B H W, i j, C), copied."""
        b, h, w, i, j, c = tiles.shape
        packed = self(name, b * h * w, i * j, c)
        packed.view(tiles.shape).copy_(tiles)
        return packed

    def each(self, name: str, matrix: Tensor, tiles: Tensor) -> Tensor:
        """Matrix (m, n) times each of tiles (N, n, C)."""
        out = self(name, len(tiles), len(matrix), tiles.shape[2])
        return matmul(matrix.to(tiles.dtype), tiles, out)
