"""A trainer that freezes gains and trains directions, around any path that uses autograd."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from .base import Rates, Rule, Trainer
from .frobenius import inner, norm


class Ruled(Trainer, Protocol):
    """A trainer that accepts rules for some of its weights, by their names."""

    rules: dict[str, Rule]


class WeightNormalised:
    """A trainer whose named weights are w = g v / ||v||_F: the gain g frozen, the direction v free.

    One step is SGD on v, in torch's convention and without decay:  V <- momentum V + dL/dv, v <- v
    - lr V,  with  dL/dv = (g / ||v||) (dL/dw - <dL/dw, v> v / ||v||^2)  of the whole tensor. The
    gradient is orthogonal to v, so ||v|| grows and its direction turns ever more slowly. The inner
    trainer holds w, and v = ||v|| w / g, so only the norms are kept beside it. Weight decay acts on
    the other weights, and not on biases. This equals torch.nn.utils.parametrizations.weight_norm
    with dim None and a gain without gradient. Source: Salimans and Kingma (2016), NeurIPS, arXiv
    1602.07868, equation 3.
    """

    def __init__(self, trainer: Ruled, gains: Mapping[str, Tensor]) -> None:
        """Take the norms of the inner trainer's weights at the start as those of v; gains: (K,)."""
        self.inner, self.norms = trainer, dict[str, Tensor]()
        state = trainer.state()
        for name, gain in gains.items():
            self.norms[name] = norm(state[name])
            g = gain.to(self.norms[name]).view_as(self.norms[name])
            state[name].mul_(g / self.norms[name])
            trainer.rules[name] = partial(self._rotate, name, g)
        for name in state:
            if name.endswith("bias"):
                trainer.rules[name] = undecayed

    @torch.no_grad()
    def _rotate(
        self, name: str, gain: Tensor, w: Tensor, g: Tensor, velocity: Tensor | None, rates: Rates
    ) -> None:
        length = self.norms[name]
        g.addcmul_(w, inner(g, w) / -gain.square()).mul_(gain / length)  # dL/dv
        step = g if velocity is None else velocity.mul_(rates.momentum).add_(g)
        w.mul_(length / gain).addcmul_(step, rates.minus_lr)  # v, for a moment
        length.copy_(norm(w))
        w.mul_(gain / length)

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        return self.inner.step(x, y, multiplier)

    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        return self.inner.outputs(x)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state: w, not v."""
        return self.inner.state()

    def velocity(self) -> dict[str, Tensor]:
        """Return the momentum buffers, and the norms of v, which no forward pass needs."""
        return self.inner.velocity() | {f"norm of {n}": v for n, v in self.norms.items()}


@torch.no_grad()
def undecayed(w: Tensor, g: Tensor, velocity: Tensor | None, rates: Rates) -> None:
    """Take a step of a bias: V <- momentum V + g, w <- w - lr V."""
    step = g if velocity is None else velocity.mul_(rates.momentum).add_(g)
    w.addcmul_(step, rates.minus_lr)
