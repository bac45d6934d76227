"""The reference path: every member is its own `nn.Module`, one after another, by autograd.

Any model trains here. The fast paths are tested against it, and it against `torch.optim.SGD`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..objectives import LOSSES
from .base import Members, products_in, stacked


class PlainTrainer:
    """K modules whose parameters and buffers are views into the stacked state."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        members: Members,
        loss: str,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.members, self.loss = members, LOSSES[loss]
        self._state = stacked(models, dtype, device)
        self.models = [m.to(device, dtype) for m in models]
        for k, model in enumerate(self.models):
            owned = {**dict(model.named_parameters()), **dict(model.named_buffers())}
            for name, tensor in owned.items():
                tensor.data = self._state[name][k]
        self.names = [name for name, _ in models[0].named_parameters()]
        self._velocity: dict[str, Tensor] = {}
        if bool((members.momentum > 0).any()):
            self._velocity = {n: torch.zeros_like(self._state[n]) for n in self.names}

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        losses = []
        for k, model in enumerate(self.models):
            model.train()
            parameters = dict(model.named_parameters())
            with products_in(self.members, x):
                outputs = model(x[k])[None]
            loss = self.loss(outputs.to(x.dtype), y[k][None])[0]
            gradients = torch.autograd.grad(loss, list(parameters.values()))
            losses.append(loss.detach())
            with torch.no_grad():
                for (name, w), g in zip(parameters.items(), gradients, strict=True):
                    update = g + self.members.weight_decay[k] * w
                    if self._velocity:
                        v = self._velocity[name][k]
                        update = v.mul_(self.members.momentum[k]).add_(update)
                    w.sub_(multiplier * self.members.lr[k] * update)
        return torch.stack(losses)

    def part(self, members: slice) -> PlainTrainer:
        """See Trainer.part."""
        part = copy.copy(self)
        part.members, part.models = self.members.part(members), self.models[members]
        part._state = {name: t[members] for name, t in self._state.items()}
        part._velocity = {name: v[members] for name, v in self._velocity.items()}
        return part

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        return torch.stack([model.eval()(x) for model in self.models])

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return self._state

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self._velocity
