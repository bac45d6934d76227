"""The split variable of a pack of networks: thresholding, pruning and shares of zeros, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...plan.specs.splitting_sgd import Spec
from ..sparse import thresholds

Weights = dict[str, Tensor]  # each (K, ...)


def threshold(penalty: str, w: Tensor, tau: Tensor, a: Tensor) -> Tensor:
    """`sparse.thresholds.threshold` on tensors; tau and a broadcast against w."""
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
    """T of each member, with what it needs at hand."""

    def __init__(self, specs: Sequence[Spec], like: Tensor) -> None:
        kinds = [s.penalty for s in specs]
        self.rows = {p: [i for i, k in enumerate(kinds) if k == p] for p in set(kinds)}
        self.tau = like.new_tensor([s.cutoff for s in specs])
        self.a = like.new_tensor([s.tl1_shape for s in specs])
        self.beta = like.new_tensor([s.beta * (s.penalty != "none") for s in specs])

    def of(self, weights: Weights) -> Weights:
        """u = T(w)."""
        return {name: self._one(w) for name, w in weights.items()}

    def _one(self, w: Tensor) -> Tensor:
        u = torch.empty_like(w)
        for p, at in self.rows.items():
            tau, a = (along(v[at], w) for v in (self.tau, self.a))
            u[at] = threshold(p, w[at], tau, a)
        return u


def along(values: Tensor, w: Tensor) -> Tensor:
    """Per-member values (K,) as (K, 1, ..., 1), to multiply w (K, ...)."""
    return values.view(-1, *[1] * (w.dim() - 1))


def magnitude_masks(weights: Weights, member: int, share: float) -> Weights:
    """True at the entries to keep: all but the round(share n) smallest of the n in all layers."""
    flat = torch.cat([w[member].abs().flatten() for w in weights.values()])
    keep = torch.ones_like(flat, dtype=torch.bool)
    keep[flat.argsort(stable=True)[: round(share * len(flat))]] = False
    parts = torch.split(keep, [w[member].numel() for w in weights.values()])
    return {n: k.view_as(w[member]) for k, (n, w) in zip(parts, weights.items(), strict=True)}


def zero_shares(weights: Weights, member: int) -> tuple[float, float]:
    """Share of zero entries of all weights, and of convolution channels whose filter is zero."""
    of_member = [w[member] for w in weights.values()]
    zeros = sum(int((w == 0).sum()) for w in of_member)
    filters = [(w == 0).flatten(1).all(1) for w in of_member if w.dim() == 4]
    channels = float(torch.cat(filters).double().mean()) if filters else float("nan")
    return zeros / sum(w.numel() for w in of_member), channels
