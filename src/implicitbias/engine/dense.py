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
from typing import NamedTuple, Self

import torch
from torch import Tensor

from .base import Members

FEW = 8


class Rates(NamedTuple):
    """What an update multiplies with, (K, 1, 1) for weights or (K, 1) for vectors."""

    lr: Tensor
    minus_lr: Tensor
    keep: Tensor  # 1 - lr wd
    decay: Tensor
    momentum: Tensor


class Dense:
    """Weights (K, out, in), their momentum buffers and their updates.

    A step of a small network is a few hundred calls that each take a microsecond or two, so what
    does not change between steps, views and rates, is made once: 1.45 for MLP-10-100 alone at
    B = 4, 1.35 for four members.
    """

    trained: list[Tensor]  # everything that is trained, weights first

    def __init__(self, members: Members) -> None:
        self.members, self.few = members, members.batch_size <= FEW
        self.low = members.products != members.lr.dtype
        self.buffers: list[Tensor] = []
        self._rates: tuple[float, tuple[Rates, Rates]] | None = None

    @property
    def k(self) -> int:
        """The number of members."""
        return len(self.members.lr)

    def part(self, members: slice) -> Self:
        """See Trainer.part."""
        part = copy.copy(self)
        part.members, part._rates = self.members.part(members), None
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

    def rates(self, multiplier: float) -> tuple[Rates, Rates]:
        """Those of weights and of vectors at learning rate `multiplier` x lr."""
        if self._rates is None or self._rates[0] != multiplier:
            lr, wd = multiplier * self.members.lr, self.members.weight_decay
            rates = lr, -lr, 1 - lr * wd, wd, self.members.momentum
            of_weights, of_vectors = (
                Rates(*(v.view(-1, *ones) for v in rates)) for ones in ((1, 1), (1,))
            )
            self._rates = multiplier, (of_weights, of_vectors)
        return self._rates[1]

    def product(self, w: Tensor, transposed: Tensor, h: Tensor) -> Tensor:
        """W h, contiguous: w (K, o, i), transposed w.mT, h (K, i, B)."""
        if self.low:
            low = self.members.products
            w, transposed, h = w.to(low), transposed.to(low), h.to(low)
        return torch.bmm(h.mT, transposed).mT.contiguous() if self.few else torch.bmm(w, h)

    def update(self, j: int, w: Tensor, d: Tensor, h: Tensor, rates: Rates) -> None:
        """W <- W - lr V with V = mu V + (d h^T + wd W); d (K, out, B), h (K, in, B).

        `w` is the j-th of `trained`.
        """
        if self.buffers:
            v = self.buffers[j].mul_(rates.momentum).add_(w * rates.decay)
            _add_product(v, d, h)
            w.sub_(v * rates.lr)
        else:
            _add_product(w.mul_(rates.keep), d * rates.minus_lr, h)


def _add_product(w: Tensor, d: Tensor, h: Tensor) -> None:
    """W <- W + d h^T; the product is in the type of h."""
    if h.dtype != w.dtype:
        w.add_(torch.bmm(d.to(h.dtype), h.mT))
    elif w.is_contiguous():
        w.baddbmm_(d, h.mT)
    else:
        w.mT.baddbmm_(h, d.mT)
