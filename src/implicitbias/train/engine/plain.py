"""The reference path trains every member as its own `nn.Module`, one by one, by autograd.

Any model trains here. The fast paths are tested against this path, and this path against
`torch.optim.SGD`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...models._objectives import LOSSES
from .base import Members, Rule, matmul_autocast, stacked


class PlainTrainer:
    """A trainer of K modules whose parameters and buffers are views into the stacked state."""

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
        # Looked up once, not in every step; rates as numbers.
        self.parameters = [dict(model.named_parameters()) for model in self.models]
        self.rates = [v.tolist() for v in (members.lr, members.weight_decay, members.momentum)]
        self.rules: dict[str, Rule] = {}  # of weights that torch's rule does not update, by name
        self._velocity: dict[str, Tensor] = {}
        if bool((members.momentum > 0).any()):
            self._velocity = {n: torch.zeros_like(self._state[n]) for n in self.parameters[0]}

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        losses, held = [], {name: list[Tensor]() for name in self.rules}
        each = zip(self.models, self.parameters, *self.rates, strict=True)
        for k, (model, parameters, lr, weight_decay, momentum) in enumerate(each):
            model.train()
            with matmul_autocast(self.members, x):
                outputs = model(x[k])[None]
            loss = self.loss(outputs.to(x.dtype), y[k][None])[0]
            gradients = torch.autograd.grad(loss, list(parameters.values()))
            losses.append(loss.detach())
            with torch.no_grad():
                for (name, w), g in zip(parameters.items(), gradients, strict=True):
                    if name in held:
                        held[name].append(g)
                        continue
                    decayed = w.dim() > 1 or self.members.decay_vectors
                    update = g.add(w, alpha=weight_decay if decayed else 0.0)
                    if self._velocity:
                        update = self._velocity[name][k].mul_(momentum).add_(update)
                    w.sub_(update, alpha=multiplier * lr)
        for name, rule in self.rules.items():
            w, rates = self._state[name], self.members.rates(multiplier, self._state[name].dim())
            rule(w, torch.stack(held[name]), self._velocity.get(name), rates)
        return torch.stack(losses)

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        with matmul_autocast(self.members, x):
            outputs = torch.stack([model.eval()(x) for model in self.models])
        return outputs.to(x.dtype)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return self._state

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self._velocity
