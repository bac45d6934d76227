"""Dropout masks that belong to a run: no pack, resumption or device changes them.

torch's own dropout draws from a global generator, so that a run's masks would depend on its
neighbours and on where it was interrupted. Here the number of an element is a hash of a seed, of
the count of masks so far, and of the element's place. The seed is drawn with the initial weights,
from the run's own stream. Seed and count are buffers: checkpoints hold them, and a replayed step
has the mask of the first time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _signed(word: int) -> int:
    """Return the int32 with the bits of a 32-bit word."""
    return word - 2**32 if word >= 2**31 else word


def _mixed_(h: Tensor) -> Tensor:
    """Apply murmur3's finaliser to 32-bit words, in place: a bijection that scatters every bit.

    The words are int32, which is faster than int64 and whose products wrap. Its shifts extend the
    sign, which the mask removes.
    """
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h.bitwise_xor_((h >> shift).bitwise_and_(2 ** (32 - shift) - 1)).mul_(_signed(factor))
    return h.bitwise_xor_((h >> 16).bitwise_and_(2**16 - 1))


class Dropout(nn.Module):
    """A dropout layer with a run's own seed: in training 0 with probability p, else x / (1 - p)."""

    seed: Tensor
    count: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("seed", torch.randint(2**32, ()))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return x with masked elements in training, and count the mask, in place.

        This works under `torch.func.vmap` if the buffers are mapped.
        """
        if not self.training:
            return x
        seed, count = self.seed.to(torch.int32), self.count.to(torch.int32)
        place = torch.arange(x.numel(), device=x.device, dtype=torch.int32).view(x.shape)
        word = _mixed_(place ^ _mixed_(seed ^ _mixed_(count)))
        self.count.add_(1)
        # The order of unsigned words is that of signed ones with the first bit flipped.
        kept = word.bitwise_xor_(-(2**31)) >= round(self.p * 2**32) - 2**31
        return x * (kept / (1 - self.p))


def dropout(p: float) -> nn.Module:
    """Return a dropout layer, or, if p is 0, a layer that changes nothing and counts nothing."""
    return Dropout(p) if p else nn.Identity()
