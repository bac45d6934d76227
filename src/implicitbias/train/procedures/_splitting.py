"""The split variable of a pack of networks, around any path through the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ...plan.specs.splitting_sgd import Spec
from ..engine.base import Trainer
from ..sparse import thresholds

Weights = dict[str, Tensor]  # each (K, ...)


def threshold(penalty: str, w: Tensor, tau: Tensor, a: Tensor) -> Tensor:
    """Return `sparse.thresholds.threshold` of tensors; tau and a broadcast against w."""
    if penalty == "none":
        return w.clone()
    size = w.abs()
    if penalty == "l1":
        return w.sign() * (size - tau).clamp_min(0)
    if penalty == "l0":
        return w * (size > tau)
    mu = torch.from_numpy(thresholds.weight_of("tl1", tau.cpu().numpy(), a.cpu().numpy())).to(w)
    total = a + size
    phi = (1 - 13.5 * mu * a * (a + 1) / total**3).clamp(-1, 1).acos()
    kept = (2 / 3) * total * (phi / 3).cos() - 2 * a / 3 + size / 3
    return w.sign() * kept * (size > tau)


class Split:
    """The operator T of each member, with the parameters that it needs."""

    def __init__(self, specs: Sequence[Spec], like: Tensor) -> None:
        kinds = [s.penalty for s in specs]
        self.rows = {p: [i for i, k in enumerate(kinds) if k == p] for p in set(kinds)}
        self.tau = like.new_tensor([s.cutoff for s in specs])
        self.a = like.new_tensor([s.tl1_shape for s in specs])
        self.beta = like.new_tensor([s.beta * (s.penalty != "none") for s in specs])

    def of(self, weights: Weights) -> Weights:
        """Return u = T(w)."""
        return {name: self._one(w) for name, w in weights.items()}

    def _one(self, w: Tensor) -> Tensor:
        u = torch.empty_like(w)
        for p, at in self.rows.items():
            tau, a = (along(v[at], w) for v in (self.tau, self.a))
            u[at] = threshold(p, w[at], tau, a)
        return u


class Splitting:
    """A trainer whose step pulls the weights w towards u = T(w), then prunes what is due.

    The step is w <- w - lr (grad f(w) + beta (w - u)), with the pull from the old w and u; then u
    <- T(w). After its `prune_epoch` a member loses the smallest entries of w, which stay zero.
    """

    def __init__(
        self, inner: Trainer, specs: Sequence[Spec], lr: Tensor, names: Sequence[str]
    ) -> None:
        self.inner, self.specs, self.lr = inner, specs, lr
        self.weights: Weights = {n: inner.state()[n] for n in names}
        self.split = Split(specs, lr)
        self.u = self.split.of(self.weights)
        self.masks: dict[str, Weights] = {}  # member -> where it keeps weights
        self.taken, per_epoch = 0, specs[0].steps_per_epoch
        self.prunings = {
            (k, s.prune_epoch * per_epoch): s.prune_share
            for k, s in enumerate(specs)
            if s.prune_epoch is not None and s.prune_share is not None
        }

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        rate = self.lr * self.split.beta
        pull = {n: along(rate, w) * (w - self.u[n]) for n, w in self.weights.items()}
        losses = self.inner.step(x, y, multiplier)
        for n, w in self.weights.items():
            w.sub_(pull[n])
        self.taken += 1
        for member, masks in self.masks.items():
            self._cut(int(member), masks)
        for (k, step), share in self.prunings.items():
            if step == self.taken:
                self.masks[str(k)] = magnitude_masks(self.weights, k, share)
                self._cut(k, self.masks[str(k)])
        self.u = self.split.of(self.weights)
        return losses

    def _cut(self, member: int, masks: Weights) -> None:
        for n, kept in masks.items():
            self.weights[n][member].mul_(kept)

    @contextmanager
    def at(self, other: Weights) -> Iterator[None]:
        """Give the networks these weights in place of w within the block."""
        kept = {n: w.clone() for n, w in self.weights.items()}
        for n, w in self.weights.items():
            w.copy_(other[n])
        yield
        for n, w in self.weights.items():
            w.copy_(kept[n])

    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        return self.inner.outputs(x)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return self.inner.state()

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self.inner.velocity()

    def kept(self) -> dict[str, Any]:
        """Return what a checkpoint must hold in addition to the weights; u follows from w."""
        return {"masks": self.masks, "taken": self.taken}

    def restore(self, kept: dict[str, Any]) -> None:
        """Restore what `kept` returned; the weights have been restored."""
        self.masks, self.taken, self.u = kept["masks"], kept["taken"], self.split.of(self.weights)


def along(values: Tensor, w: Tensor) -> Tensor:
    """Return per-member values (K,) as (K, 1, ..., 1), to multiply w (K, ...)."""
    return values.view(-1, *[1] * (w.dim() - 1))


def magnitude_masks(weights: Weights, member: int, share: float) -> Weights:
    """Return masks that are False at the round(share n) smallest of the n entries, else True.

    n counts the entries of all layers together.
    """
    flat = torch.cat([w[member].abs().flatten() for w in weights.values()])
    keep = torch.ones_like(flat, dtype=torch.bool)
    keep[flat.argsort(stable=True)[: round(share * len(flat))]] = False
    parts = torch.split(keep, [w[member].numel() for w in weights.values()])
    return {n: k.view_as(w[member]) for k, (n, w) in zip(parts, weights.items(), strict=True)}
