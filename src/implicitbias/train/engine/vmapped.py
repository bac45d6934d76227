"""The vmapped path trains any module by `torch.func.vmap` over the members' parameters.

One forward pass runs the module's own `forward` on all members at once, and one backward pass gives
all gradients. This path is slower than `grouped` where that applies, because each layer moves the
member axis. For networks of small layers it is many times as fast as one member at a time. A model
says `vmapped = True` if its `forward` has no control flow that depends on data and draws no random
numbers (models/_dropout.py hashes them).

Gemms of K small matrices round differently for another K: a member's last bits depend on the size
of its pack, which is why the pack is recorded.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from . import gemm
from .base import Members, stacked
from .stacked import StackedTrainer


class _Linear(nn.Linear):
    """A linear layer by the faster gemm, which vmap cannot map."""

    def forward(self, x: Tensor) -> Tensor:
        out = gemm.bmm(x.flatten(0, -2)[None], self.weight.mT[None])
        if self.bias is not None:
            out += self.bias
        return out.view(*x.shape[:-1], -1)


def _alone(model: nn.Module) -> nn.Module:
    """Return a copy of the module whose linear layers use the faster gemm."""
    model = copy.deepcopy(model)
    for one in model.modules():
        if type(one) is nn.Linear:
            one.__class__ = _Linear
    return model


class VmappedNetwork:
    """A network of K modules of one shape, as one function of their stacked parameters."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        dtype: torch.dtype,
        device: torch.device,
        matmul_dtype: torch.dtype,
    ) -> None:
        state = stacked(models, dtype, device)
        # Skeletons: their own weights are not used.
        self.module = models[0].to(device, dtype)
        by_openblas = gemm.openblas and matmul_dtype == dtype and device.type == "cpu"
        self.alone = _alone(self.module) if by_openblas else self.module
        self.parameters = {n: state[n].requires_grad_() for n, _ in self.module.named_parameters()}
        self.buffers = {n: state[n] for n, _ in self.module.named_buffers()}

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """See Network.forward."""
        if len(x) == 1:  # a map over one costs a tenth (ViT of width 512, B = 4)
            self.alone.train(training)
            parameters, buffers = (
                {n: t[0] for n, t in named.items()} for named in (self.parameters, self.buffers)
            )
            alone: Tensor = functional_call(self.alone, (parameters, buffers), (x[0],))
            return alone[None]
        self.module.train(training)
        outputs: Tensor = vmap(self._one)(self.parameters, self.buffers, x)
        return outputs

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        outputs: Tensor = functional_call(self.module, (parameters, buffers), (x,))
        return outputs


class VmappedTrainer(StackedTrainer):
    """A trainer that runs SGD on a VmappedNetwork."""

    def _network(
        self,
        models: Sequence[nn.Module],
        members: Members,
        dtype: torch.dtype,
        device: torch.device,
    ) -> VmappedNetwork:
        return VmappedNetwork(models, dtype, device, members.matmul_dtype)
