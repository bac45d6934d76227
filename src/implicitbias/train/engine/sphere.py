"""A trainer that keeps layers on the unit Frobenius sphere, around any path through the engine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Members, Trainer
from .frobenius import inner, norm


class OnSphere:
    """A trainer whose steps move the named weights along the unit Frobenius sphere.

    For a weight W with ||W||_F = 1, let P(A) = A - <A, W> W be the tangent part. One step is V <-
    P(momentum V + grad),  W <- (W - lr V) / ||W - lr V||_F.  The inner trainer takes the plain
    step, and this trainer removes the radial part. Weight decay is wholly radial, so it acts only
    on the other parameters. As lr -> 0 this is the flow with Lagrange multipliers of Xu et al.
    (2023).
    """

    def __init__(self, inner: Trainer, members: Members, names: Sequence[str]) -> None:
        self.inner, self.members, self.names = inner, members, tuple(names)
        state = inner.state()
        for name in self.names:
            state[name].div_(norm(state[name]))

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        state, velocity = self.inner.state(), self.inner.velocity()
        before = {name: state[name].clone() for name in self.names}
        losses = self.inner.step(x, y, multiplier)
        for name, old in before.items():
            w = state[name]
            if velocity:
                v = velocity[name]
                v.sub_(inner(v, old) * old)
                rate = (multiplier * self.members.lr).view(-1, *[1] * (w.dim() - 1))
                torch.sub(old, rate * v, out=w)
            else:
                w.add_(inner(old - w, old) * old)
            w.div_(norm(w))
        return losses

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        return self.inner.outputs(x)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return self.inner.state()

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self.inner.velocity()
