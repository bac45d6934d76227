"""Dense layers of K members in batched products: what the hand-written paths share.

At batches of `FEW` or less weights lie as (K, in, out) and a layer is h^T W^T: with so few
columns W h is slow in MKL, and so is adding d h^T to W row by row. On one core, B = 4 and K = 4:
200 -> 180 us for a product with 100 x 3072 and 650 -> 120 us for its update, 29 -> 7 us for a
product with 100 x 100. Steps of MLP-10-100 took 0.55 (K = 4) and 0.7 (K = 16) of the time. From
B = 16 on there is no gain, and at 128 the update would lose a third.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from .base import Members

FEW = 8


class Dense:
    """Weights (K, out, in), their momentum buffers and their updates."""

    trained: list[Tensor]  # everything that is trained, weights first

    def __init__(self, members: Members) -> None:
        self.members, self.few = members, members.batch_size <= FEW
        self.buffers: list[Tensor] = []

    @property
    def k(self) -> int:
        """The number of members."""
        return len(self.members.lr)

    def part(self, members: slice) -> Self:
        """See Trainer.part."""
        part = copy.copy(self)
        part.members = self.members.part(members)
        part.trained = [w[members] for w in self.trained]
        part.buffers = [v[members] for v in self.buffers]
        return part

    def laid_out(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """The weights in the layout that suits the batch size."""
        return [w.mT.contiguous().mT for w in weights] if self.few else list(weights)

    def start(self) -> None:
        """Zero momentum, once `trained` is set."""
        if bool((self.members.momentum > 0).any()):
            self.buffers = [torch.zeros_like(w) for w in self.trained]

    def product(self, w: Tensor, h: Tensor) -> Tensor:
        """W h, contiguous: w (K, o, i), h (K, i, B)."""
        w, h = w.to(self.members.products), h.to(self.members.products)
        return torch.bmm(h.mT, w.mT).mT.contiguous() if self.few else torch.bmm(w, h)

    def update(self, j: int, w: Tensor, d: Tensor, h: Tensor, lr: Tensor) -> None:
        """W <- W - lr V with V = mu V + (d h^T + wd W); d (K, out, B), h (K, in, B), lr (K, 1, 1).

        `w` is the j-th of `trained`.
        """
        wd = self.members.weight_decay.view(-1, 1, 1)
        if self.buffers:
            v = self.buffers[j].mul_(self.members.momentum.view(-1, 1, 1)).add_(w * wd)
            _add_product(v, d, h)
            w.sub_(v * lr)
        else:
            _add_product(w.mul_(1 - lr * wd), -lr * d, h)


def _add_product(w: Tensor, d: Tensor, h: Tensor) -> None:
    """W <- W + d h^T; the product is in the type of h."""
    if h.dtype != w.dtype:
        w.add_(torch.bmm(d.to(h.dtype), h.mT))
    elif w.is_contiguous():
        w.baddbmm_(d, h.mT)
    else:
        w.mT.baddbmm_(h, d.mT)
