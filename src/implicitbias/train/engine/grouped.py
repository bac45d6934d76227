"""The grouped path trains members as groups of channels, where features lie on axis 1.

K networks of C channels are one network of K C channels. A convolution becomes one convolution with
K groups, batch normalisation acts on K C channels unchanged, pooling and activations need no
change, and a linear layer is a batched gemm. `torch.func.vmap` moves the member axis back and forth
at each layer instead, and is slower (docs/performance.md).

A model says `grouped = True` if its `forward` uses layers, elementwise functions, pooling and
`flatten(1)` only. A convolution rounds differently for another number of groups: a member's last
bits depend on the size of its pack, which is why the pack is recorded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models._layers import patches, weight_matrices
from . import gemm
from .base import Members, stacked
from .stacked import StackedTrainer


class _Grouped(nn.Module):
    """A layer of K members, whose stacked parameters and buffers GroupedNetwork registers."""

    weight: Tensor
    bias: Tensor | None


class _Conv2d(_Grouped):
    """A convolution of K members, from x (B, K in, ...) to (B, K out, ...).

    weight is (K, out, in, kh, kw), bias (K, out) or none.
    """

    def __init__(self, one: nn.Conv2d, k: int) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = one.stride, one.padding, one.dilation
        self.groups = k * one.groups
        self.inside = self.outside = torch.contiguous_format

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.flatten(0, 1), None if self.bias is None else self.bias.flatten()
        out = functional.conv2d(
            x.contiguous(memory_format=self.inside), weight, bias,
            self.stride, self.padding, self.dilation, self.groups,
        )  # fmt: skip
        return out.contiguous(memory_format=self.outside)


class _Linear(_Grouped):
    """A linear layer of K members, from x (B, K in) to (B, K out).

    weight is (K, out, in), bias (K, out) or none.
    """

    def __init__(self, one: nn.Linear, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        out = gemm.bmm(x.view(len(x), self.k, -1).transpose(0, 1), self.weight.mT)
        if self.bias is not None:
            out = out + self.bias.unsqueeze(1)
        return out.transpose(0, 1).flatten(1)


class _BatchNorm(_Grouped):
    """A batch normalisation of K members; x is (B, K C, ...).

    Statistics and affine parameters are (K, C).
    """

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
        """Return a gradient in the layout of the outputs.

        In other layouts, which come from `flatten`, torch reads element after element.
        """
        return d.contiguous(memory_format=self.outside)


class _LayerNorm(_Grouped):
    """A layer normalisation of K members; x is (B, K C), weight and bias are (K, C)."""

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


# A gradient of weights with channels last is copied once more to lay it out. So a convolution with
# many weights is done as NCHW, with its activations copied there and back.
HEAVY = 4  # weights of such a layer over its inputs and outputs in a batch
COPIED = 1e6  # bytes of such weights, of all members of the pack together


def _heavy(model: nn.Module, members: Members) -> frozenset[str]:
    """Return the names of the convolutions whose weights outweigh their activations."""
    if members.input_shape is None or members.matmul_dtype == torch.bfloat16:
        return frozenset()
    seen, names = patches(model, members.input_shape), set[str]()
    for m in weight_matrices(model):
        name = m.parameter.removesuffix(".weight")
        layer = model.get_submodule(name)
        if not isinstance(layer, nn.Conv2d):
            continue
        places, weights = members.batch_size * seen[m.label], layer.weight.numel()
        activations = places * (layer.out_channels + layer.in_channels * prod(layer.stride))
        size = members.pack_size * weights * members.lr.itemsize
        if weights >= HEAVY * activations and size >= COPIED:
            names.add(name)
    return frozenset(names)


class GroupedNetwork:
    """A module over K times the channels that holds K modules of the shape of `model`.

    state: their parameters and buffers by name, each (K, ...). A tensor whose memory layout is
    suitable is used without a copy.
    """

    def __init__(
        self,
        model: nn.Module,
        state: dict[str, Tensor],
        device: torch.device,
        heavy: frozenset[str],
    ) -> None:
        self.heavy, self.k = heavy, len(next(iter(state.values())))
        # On a CPU channels last: 1.0-1.4x (as above). On CUDA grouped convolutions want NCHW.
        self.layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.module = copy.deepcopy(model)
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        for name, one in list(self.module.named_modules()):
            if not list(one.parameters(recurse=False)) and not list(one.buffers(recurse=False)):
                continue
            many = _GROUPED[type(one)](one, self.k)
            inside = torch.contiguous_format if name in heavy else self.layout
            if isinstance(many, _Conv2d):
                many.inside, many.outside = inside, self.layout
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
    """A trainer that runs SGD on a GroupedNetwork."""

    def _network(
        self,
        models: Sequence[nn.Module],
        members: Members,
        dtype: torch.dtype,
        device: torch.device,
    ) -> GroupedNetwork:
        state = stacked(models, dtype, device)
        return GroupedNetwork(models[0], state, device, _heavy(models[0], members))
