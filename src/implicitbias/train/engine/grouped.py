"""The batched path for networks whose features lie on axis 1: members are groups of channels.

K networks of C channels are one of K C channels: a convolution becomes one with K groups, batch
normalisation acts on K C channels as it stands, pooling and activations need no change, and a
linear layer is a batched product. Against `torch.func.vmap`, which moves the member axis back and
forth at each layer: 1.3-2.3x as fast (ResNet-18 of width 4-8, K 4-24, B 4-64, one core, torch
2.13), and 2.4-11x against one member at a time.

A model says `grouped = True` if its `forward` uses layers, elementwise functions, pooling and
`flatten(1)` only. A convolution rounds differently for another number of groups: a member's last
bits depend on the size of its pack, which is why the pack is recorded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models._layers import patches, weight_matrices
from . import filters, products, winograd
from .base import Members, stacked
from .stacked import StackedTrainer


class _Grouped(nn.Module):
    """A layer of K members; GroupedNetwork registers their stacked parameters and buffers."""

    weight: Tensor
    bias: Tensor | None


class _Conv2d(_Grouped):
    """weight (K, out, in, kh, kw), bias (K, out) or none; x (B, K in, ...) to (B, K out, ...)."""

    def __init__(self, one: nn.Conv2d, k: int) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = one.stride, one.padding, one.dilation
        self.groups = k * one.groups
        self.inside = self.outside = torch.contiguous_format
        self.by: Callable[..., Tensor] | None = None  # in place of torch

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.flatten(0, 1), None if self.bias is None else self.bias.flatten()
        if self.by:
            return self.by(x, weight, bias, self.stride, self.padding, self.groups)
        out = functional.conv2d(
            x.contiguous(memory_format=self.inside), weight, bias,
            self.stride, self.padding, self.dilation, self.groups,
        )  # fmt: skip
        return out.contiguous(memory_format=self.outside)


class _Linear(_Grouped):
    """weight (K, out, in), bias (K, out) or none; x (B, K in) to (B, K out)."""

    def __init__(self, one: nn.Linear, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        out = products.bmm(x.view(len(x), self.k, -1).transpose(0, 1), self.weight.mT)
        if self.bias is not None:
            out = out + self.bias.unsqueeze(1)
        return out.transpose(0, 1).flatten(1)


class _BatchNorm(_Grouped):
    """Statistics and affine parameters (K, C); x (B, K C, ...)."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, one: nn.BatchNorm1d | nn.BatchNorm2d, k: int) -> None:
        super().__init__()
        assert one.track_running_stats and one.momentum is not None
        self.eps, self.momentum = one.eps, one.momentum
        self.outside = torch.contiguous_format

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked.add_(1)
        weight, bias = (None if p is None else p.flatten() for p in (self.weight, self.bias))
        out = functional.batch_norm(
            x, self.running_mean.view(-1), self.running_var.view(-1), weight, bias,
            self.training, self.momentum, self.eps,
        )  # fmt: skip
        if out.requires_grad and out.dim() == 4:
            out.register_hook(self._laid_out)  # type: ignore[no-untyped-call]
        return out

    def _laid_out(self, d: Tensor) -> Tensor:
        """A gradient laid out as the outputs: of others torch takes element after element.

        They come from `flatten`: a step of conv4 1.03-1.08 at B = 4, in bfloat16 1.06 at 64.
        """
        return d.contiguous(memory_format=self.outside)


class _LayerNorm(_Grouped):
    """weight and bias (K, C); x (B, K C)."""

    def __init__(self, one: nn.LayerNorm, k: int) -> None:
        super().__init__()
        self.shape, self.eps = (k, *one.normalized_shape), one.eps
        assert len(one.normalized_shape) == 1 and one.elementwise_affine

    def forward(self, x: Tensor) -> Tensor:
        normed = functional.layer_norm(x.view(len(x), *self.shape), self.shape[1:], eps=self.eps)
        scaled = normed * self.weight
        return (scaled if self.bias is None else scaled + self.bias).flatten(1)


_GROUPED: dict[type[nn.Module], Callable[..., _Grouped]] = {
    nn.Conv2d: _Conv2d, nn.Linear: _Linear, nn.BatchNorm1d: _BatchNorm,
    nn.BatchNorm2d: _BatchNorm, nn.LayerNorm: _LayerNorm,
}  # fmt: skip


def _parameter(w: Tensor, layout: torch.memory_format) -> nn.Parameter:
    if w.dim() == 5:
        w = w.flatten(0, 1).contiguous(memory_format=layout).view(w.shape)
    return nn.Parameter(w)


# How a convolution with many weights is done, if not by torch with channels last, which copies a
# gradient of weights once more to lay it out. As NCHW, with its activations copied there and back,
# a layer whose weights outweigh them takes 0.73-1.0 of its time (64 x 64 channels at 2x2 for 8 to
# 24 members, 256 x 512 and 512 x 512 at 2x2 and 4x4, B = 4 to 64), others 1.0-1.4. Where OpenBLAS
# is, its product for that gradient takes less: a step of a ResNet-18 alone 0.95 of that at B = 4, a
# VGG-16 0.97; with kernels under a megabyte 0.96-1.07. Over enough tiles Winograd's way takes less
# again, for the whole layer.
Way = Literal["nchw", "product", "winograd"]
INSTEAD = {"product": filters.convolution, "winograd": winograd.convolution}
# In bfloat16 torch is slower still at that gradient, and a product of its own is 1.2-3.4 times as
# fast, both gradients together: where weights outweigh outputs four times, and with strides to few
# positions an example from a tenth on (64 x 128 and 256 x 512 channels to 4x4, K = 1 and 4, B = 4
# to 256: 1.1-1.9; to 8x8 0.9-1.1; 8 x 16 channels 0.5-1.0). A step of a VGG-16 alone 1.1 at B = 4,
# 1.02-1.06 at 16, 1.00 at 64, of a ResNet-18 1.06 and 1.01, of a conv4 1.10 at 64 together with
# the layout of _BatchNorm's gradients (EPYC of family 25).
HEAVY = 4  # weights of a layer over its outputs, or inputs and outputs, in a batch
# The same with strides to so few positions, and the least weights of either, in bfloat16.
STRIDED, FEW, LEAST = 0.1, 16, 16_000
COPIED = 1e6  # bytes of such weights, of a member by OpenBLAS, else of all together


def _ways(model: nn.Module, members: Members) -> dict[str, Way]:
    """By the name of a layer, where it is not torch's convolution with channels last."""
    if members.input_shape is None:
        return {}
    seen, k, ways = patches(model, members.input_shape), len(members.lr), dict[str, Way]()
    on_cpu, low = members.lr.device.type == "cpu", members.products == torch.bfloat16
    for m in weight_matrices(model):
        name = m.parameter.removesuffix(".weight")
        layer = model.get_submodule(name)
        if not isinstance(layer, nn.Conv2d):
            continue
        places, weights = members.batch_size * seen[m.label], layer.weight.numel()
        outputs, stride = places * layer.out_channels, prod(layer.stride)
        inputs = places * layer.in_channels * stride
        size = weights * members.lr.itemsize
        if on_cpu and not low and winograd.possible(layer, seen[m.label], members.batch_size):
            ways[name] = "winograd"
        elif on_cpu and low and filters.possible(layer, places, low):
            few = stride > 1 and seen[m.label] <= FEW
            if weights >= max(LEAST, (STRIDED if few else HEAVY) * outputs):
                ways[name] = "product"
        elif on_cpu and size >= COPIED and filters.possible(layer, places, low):
            if weights >= HEAVY * outputs:
                ways[name] = "product"
        elif weights >= HEAVY * (inputs + outputs) and k * size >= COPIED:
            ways[name] = "nchw"
    return ways


class GroupedNetwork:
    """K modules of the shape of `model` as one module over K times the channels.

    state: their parameters and buffers by name, each (K, ...); used, not copied, where it is laid
    out as it should be.
    """

    def __init__(
        self,
        model: nn.Module,
        state: dict[str, Tensor],
        device: torch.device,
        ways: dict[str, Way],
    ) -> None:
        self.model, self.device, self.ways = model, device, ways
        self.k = len(next(iter(state.values())))
        # On a CPU channels last: 1.0-1.4x (as above). On CUDA grouped convolutions want NCHW.
        self.layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.module = copy.deepcopy(model)
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        for name, one in list(self.module.named_modules()):
            if not list(one.parameters(recurse=False)) and not list(one.buffers(recurse=False)):
                continue
            many = _GROUPED[type(one)](one, self.k)
            way = ways.get(name)
            inside = torch.contiguous_format if way == "nchw" else self.layout
            if isinstance(many, _Conv2d):
                many.inside, many.outside, many.by = inside, self.layout, INSTEAD.get(str(way))
            elif isinstance(many, _BatchNorm):
                many.outside = self.layout
            prefix = f"{name}." if name else ""
            for key, parameter in one._parameters.items():
                many.register_parameter(
                    key, None if parameter is None else _parameter(state[prefix + key], inside)
                )
            for key in one._buffers:
                many.register_buffer(key, state[prefix + key])
            self.module.set_submodule(name, many)
        for name, parameter in self.module.named_parameters():
            self.parameters[name] = parameter
        self.buffers.update(self.module.named_buffers())

    def part(self, members: slice) -> GroupedNetwork:
        """See Network.part."""
        state = {**self.parameters, **self.buffers}
        views = {name: t.detach()[members] for name, t in state.items()}
        return GroupedNetwork(self.model, views, self.device, self.ways)

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """See Network.forward."""
        together = x.transpose(0, 1).flatten(1, 2)  # (B, K c, ...)
        if together.dim() == 4:
            together = together.contiguous(memory_format=self.layout)
        if self.module.training != training:  # 1% of a step of one conv4 at B = 4
            self.module.train(training)
        outputs: Tensor = self.module(together)
        return outputs.view(len(together), self.k, -1).transpose(0, 1)


class GroupedTrainer(StackedTrainer):
    """SGD on a GroupedNetwork."""

    def _network(
        self,
        models: Sequence[nn.Module],
        members: Members,
        dtype: torch.dtype,
        device: torch.device,
    ) -> GroupedNetwork:
        state = stacked(models, dtype, device)
        return GroupedNetwork(models[0], state, device, _ways(models[0], members))
