"""Dense layers of K members as batched gemms, for the paths with a hand-written backward pass.

There are two layouts, which differ in what is contiguous in memory. For a few examples, activations
are (K, B, H) and weights are stored as (K, in, out), because MKL is slow where the columns of a
matrix product do not fill its registers, and slow at adding d h^T to W row by row. Otherwise
activations are (K, H, B) and weights are stored as (K, out, in).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Members, Rates
from .gemm import batched


def few(batch_size: int) -> bool:
    """Return whether a batch size counts as few examples: less than 32, and not 16."""
    return batch_size < 32 and batch_size != 16


class Dense:
    """The weights (K, out, in) of dense layers, with their momentum buffers and their updates.

    A step of a small network is a few hundred calls that each take a microsecond or two. Views and
    rates do not change between steps and are therefore made once.
    """

    trained: list[Tensor]  # everything that is trained, weights first

    def __init__(self, members: Members) -> None:
        self.members, self.few = members, few(members.batch_size)
        self.mixed = members.matmul_dtype != members.lr.dtype
        self.bmm, self.baddbmm_ = batched(
            members.batch_size, members.matmul_dtype, members.lr.device
        )
        self.buffers: list[Tensor] = []
        self._rates: tuple[float, tuple[Rates, Rates]] | None = None

    @property
    def k(self) -> int:
        """Return the number of members."""
        return len(self.members.lr)

    def laid_out(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return the weights in the layout that suits the batch size."""
        return [w.mT.contiguous().mT for w in weights] if self.few else list(weights)

    def relayout(self, h: Tensor) -> Tensor:
        """Transpose between (K, B, n) and the layout of the activations."""
        return h if self.few else h.mT

    def start(self) -> None:
        """Set momentum buffers to zero; `trained` must be set."""
        if bool((self.members.momentum > 0).any()):
            self.buffers = [torch.zeros_like(w) for w in self.trained]

    def rates(self, multiplier: float) -> tuple[Rates, Rates]:
        """Return the rates of weights and of vectors at learning rate `multiplier` x lr."""
        if self._rates is None or self._rates[0] != multiplier:
            of_weights, of_vectors = (self.members.rates(multiplier, axes) for axes in (3, 2))
            self._rates = multiplier, (of_weights, of_vectors)
        return self._rates[1]

    def to_matmul_dtype(self, h: Tensor) -> Tensor:
        """Convert to the dtype of matrix products."""
        return h.to(self.members.matmul_dtype) if self.mixed else h

    def to_weight_dtype(self, h: Tensor) -> Tensor:
        """Convert to the dtype of the weights."""
        return h.to(self.members.lr.dtype) if self.mixed else h

    def sum(self, h: Tensor) -> Tensor:
        """Return the sum of activations over the examples, (K, 1, n) or (K, n, 1).

        A matrix product with ones would be faster, but would round by the place in the pack.
        """
        return h.sum(1 if self.few else 2, True)

    def matmul(self, w: Tensor, transposed: Tensor, h: Tensor) -> Tensor:
        """Return W h in the dtype of matrix products; w is (K, o, i), h has i features.

        `transposed` is w.mT.
        """
        if not self.mixed:
            return self.matmul_exact(w, transposed, h)
        one, other = (h, transposed) if self.few else (w, h)
        return self.bmm(self.to_matmul_dtype(one), self.to_matmul_dtype(other))

    def matmul_exact(self, w: Tensor, transposed: Tensor, h: Tensor) -> Tensor:
        """Return W h in the dtype of w and h, with the arguments of `matmul`."""
        return self.bmm(h, transposed) if self.few else self.bmm(w, h)

    def descent(self, d: Tensor, rates: Rates) -> Tensor:
        """Return the quantity that is propagated back in place of d = d loss / d outputs.

        Without momentum it is -lr d: every gradient on the way down is then the change of its
        weight.
        """
        return d if self.buffers else d.mul_(rates.minus_lr)

    def update(self, j: int, w: Tensor, d: Tensor, h: Tensor, rates: Rates) -> None:
        """Update W <- W - lr V with V = mu V + (d h^T + wd W); d of out features is `descent`'s.

        `w` is the j-th of `trained`, h has its in features.
        """
        if self.buffers:
            v = self.buffers[j].mul_(rates.momentum).add_(w * rates.decay)
            self._add_matmul(v, d, h)
            w.sub_(v * rates.lr)
        else:
            self._add_matmul(w.mul_(rates.keep), d, h)

    def _add_matmul(self, w: Tensor, d: Tensor, h: Tensor) -> None:
        """Update W <- W + d h^T; the matrix product is in the dtype of h."""
        target, a, b = (w.mT, h.mT, d) if self.few else (w, d, h.mT)
        if h.dtype != w.dtype:
            target.add_(self.bmm(a.to(h.dtype), b.to(h.dtype)))
        else:
            self.baddbmm_(target, a, b)
