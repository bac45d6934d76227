"""SGD on K networks takes one backward pass by autograd and one update for all members."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from ...models._objectives import LOSSES
from .base import Members, Rates, Rule, matmul_autocast


class Network(Protocol):
    """A module that holds K modules: `forward` maps (K, B, ...) to outputs (K, B, C)."""

    parameters: dict[str, Tensor]  # leaves (K, ...) that require gradients
    buffers: dict[str, Tensor]  # (K, ...), updated in place by a forward pass in training

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Return the outputs (K, B, C) of the batches x (K, B, ...)."""
        ...


class StackedTrainer:
    """A trainer of K networks by SGD on the sum of their losses.

    The gradients of different members are independent.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        members: Members,
        loss: str,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.loss = LOSSES[loss]
        self.network = self._network(models, members, dtype, device)
        self.members, self.k = members, len(members.lr)
        self.names = list(self.network.parameters)
        self.weights = list(self.network.parameters.values())
        self._rates: tuple[float, dict[int, Rates]] | None = None
        self._velocity: list[Tensor] = []
        if bool((members.momentum > 0).any()):
            self._velocity = [torch.zeros_like(w) for w in self.weights]
        self.rules: dict[str, Rule] = {}  # of weights that torch's rule does not update, by name
        for j, w in enumerate(self.weights):
            w.register_post_accumulate_grad_hook(partial(self._update, j))  # type: ignore[no-untyped-call]

    def _network(
        self,
        models: Sequence[nn.Module],
        members: Members,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Network:
        raise NotImplementedError

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        with matmul_autocast(self.members, x):
            outputs = self.network.forward(x, training=True)
        losses = self.loss(outputs.to(x.dtype), y)
        self._now = self.rates(multiplier)
        torch.autograd.backward(losses.sum())
        return losses.detach()

    def _update(self, j: int, w: Tensor) -> None:
        """Update V <- mu V + (g + wd W); W <- W - lr V when the j-th gradient is there.

        The update is taken within the backward pass, so that no more than one layer's gradient is
        held. Nothing after it needs the old weight: torch accumulates a gradient when all its users
        are done. Gradients are not recorded here. `addcmul_` makes no copy.
        """
        g, w.grad = w.grad, None
        assert g is not None
        rate = self._now[w.dim()]
        rule = self.rules.get(self.names[j])
        if rule is not None:
            rule(w, g, self._velocity[j] if self._velocity else None, rate)
        elif self._velocity:
            v = self._velocity[j].mul_(rate.momentum).add_(g).addcmul_(w, rate.decay)
            w.addcmul_(v, rate.minus_lr)
        else:
            w.mul_(rate.keep).addcmul_(g, rate.minus_lr)

    def rates(self, multiplier: float) -> dict[int, Rates]:
        """Return the rates of weights by their number of axes.

        They are made anew when the multiplier changes.
        """
        if self._rates is None or self._rates[0] != multiplier:
            axes = {w.dim() for w in self.weights}
            self._rates = multiplier, {n: self.members.rates(multiplier, n) for n in axes}
        return self._rates[1]

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        # In pieces of 256 examples of all members, whose activations stay in the cache.
        pieces = [p.expand(self.k, *p.shape) for p in torch.split(x, max(1, 256 // self.k))]
        with matmul_autocast(self.members, x):
            outputs = torch.cat([self.network.forward(p, training=False) for p in pieces], 1)
        return outputs.to(x.dtype)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        weights = {name: w.detach() for name, w in self.network.parameters.items()}
        return {**weights, **self.network.buffers}

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return dict(zip(self.network.parameters, self._velocity, strict=False))
