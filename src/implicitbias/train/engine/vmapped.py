"""The batched path for any module: `torch.func.vmap` over the members' parameters and buffers.

One forward pass runs the module's own `forward` on all members at once, and one backward pass gives
all gradients. `grouped` is faster where it applies, because here each layer moves the member axis.
A model says `vmapped = True` if its `forward` has no control flow that depends on data and draws no
random numbers (models/_dropout.py hashes them).

Matrix products of K small matrices round differently for another K: a member's last bits depend on
the size of its sub-pack, which is why that is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from .base import Members, stacked
from .stacked import StackedTrainer


class VmappedNetwork:
    """K modules of one shape as one function of their stacked parameters and buffers."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        state = stacked(models, dtype, device)
        # Skeletons: their own weights are not used.
        self.module = models[0].to(device, dtype)
        self.parameters = {n: state[n].requires_grad_() for n, _ in self.module.named_parameters()}
        self.buffers = {n: state[n] for n, _ in self.module.named_buffers()}

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """See Network.forward."""
        self.module.train(training)
        if len(x) == 1:  # faster than a map over one
            parameters, buffers = (
                {n: t[0] for n, t in named.items()} for named in (self.parameters, self.buffers)
            )
            return self._one(parameters, buffers, x[0])[None]
        outputs: Tensor = vmap(self._one)(self.parameters, self.buffers, x)
        return outputs

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        outputs: Tensor = functional_call(self.module, (parameters, buffers), (x,))
        return outputs


class VmappedTrainer(StackedTrainer):
    """K networks of any shape in training by SGD, on a VmappedNetwork."""

    def _network(
        self,
        models: Sequence[nn.Module],
        members: Members,
        dtype: torch.dtype,
        device: torch.device,
    ) -> VmappedNetwork:
        return VmappedNetwork(models, dtype, device)
