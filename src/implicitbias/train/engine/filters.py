"""Convolutions of K groups whose gradient of the weights is a product a member.

Over few places the weights are the most of a layer, and torch's convolution is slow at their
gradient. By OpenBLAS 7.6 -> 5.4 ms for 512 x 512 channels at 4x4, 5.0 -> 1.5 at 2x2 and 5.0 -> 2.6
for 256 x 512 from 8x8 to 4x4 (B = 16, one core as in products.py); in bfloat16 by torch's own
products 8.0 -> 6.7, 4.8 -> 2.2 and 6.5 -> 3.6 (EPYC of family 25). Forward and for the activations'
gradient it is as fast as products are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from . import products


def possible(layer: nn.Conv2d, places: int, low: bool) -> bool:
    """Whether this one can, with so many places (output positions of all examples).

    `low`: in bfloat16, in which torch multiplies.
    """
    usual = (
        isinstance(layer.padding, tuple)
        and layer.groups == 1
        and set(layer.dilation) == {1}
        and layer.padding_mode == "zeros"
    )
    return usual and (low or (products.openblas and places >= products.FEWEST))


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None,
    stride: tuple[int, int], padding: tuple[int, int], k: int,
) -> Tensor:  # fmt: skip
    """`conv2d` of x (B, K in, ...) with weight (K out, in, kh, kw) in K groups."""
    if torch.is_autocast_enabled("cpu"):
        low = torch.get_autocast_dtype("cpu")
        x, weight, bias = x.to(low), weight.to(low), None if bias is None else bias.to(low)
    out: Tensor = _Convolution.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, stride, padding, k
    )
    return out


class _Convolution(torch.autograd.Function):
    """torch's convolution with another gradient of the weights."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None,
        stride: tuple[int, int], padding: tuple[int, int], k: int,
    ) -> Tensor:  # fmt: skip
        """The convolution, and what its gradient needs."""
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding, k  # type: ignore[attr-defined]
        return functional.conv2d(x, weight, bias, stride, padding, groups=k)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        stride, padding, k = ctx.how
        below, _, bias, *_ = ctx.needs_input_grad
        inputs = None
        if below:
            inputs, *_ = torch.ops.aten.convolution_backward(
                d, x, weight, None, stride, padding, (1, 1), False, (0, 0), k, (True, False, False)
            )
        weights = _of_weights(d, x, weight, stride, padding, k)
        return inputs, weights, d.sum((0, 2, 3)) if bias else None, None, None, None


def _of_weights(
    d: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int], k: int
) -> Tensor:
    """D (out, B places) times patches (B places, kh kw in) of each member, channels last."""
    out, inputs, kh, kw = weight.shape
    looked_at = torch.unflatten(windows(padded(x, padding), (kh, kw), stride), 5, (k, inputs))
    patches = looked_at.movedim(5, 0).reshape(k, -1, kh * kw * inputs)
    d = d.permute(0, 2, 3, 1)  # (B, places, K out)
    d = d.reshape(-1, k, out // k).permute(1, 2, 0)
    gradient = products.products(patches.shape[1], x.dtype, x.device).bmm(d, patches)
    return gradient.view(out, kh, kw, inputs).permute(0, 3, 1, 2)


def padded(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """X (B, C, H, W) with zeros around it, as (B, H, W, C)."""
    vertical, horizontal = padding
    around = 0, 0, horizontal, horizontal, vertical, vertical
    return functional.pad(x.permute(0, 2, 3, 1), around).contiguous()


def windows(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """What a kernel looks at: x (B, H, W, C) as (B, rows, columns, kh, kw, C), a view."""
    by_row = x.unfold(1, kernel[0], stride[0])
    return by_row.unfold(2, kernel[1], stride[1]).permute(0, 1, 2, 4, 5, 3)
