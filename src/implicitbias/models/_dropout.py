"""Dropout whose masks belong to a run: the same in any pack, after any resumption, on any device.

torch's own draws from a global generator, so a run's masks would depend on its neighbours and on
where it was interrupted. Here an element's number is a hash of a seed, drawn with the initial
weights and so from the run's own stream, of the count of masks so far, and of its place. Seed and
count are buffers: checkpoints hold them, and a replay of a step finds the same mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LOW = 0xFFFFFFFF  # products of 32-bit words wrap in int64, but their low halves are right


def _mixed(h: Tensor) -> Tensor:
    """murmur3's finaliser on 32-bit words held in int64: a bijection that scatters every bit."""
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _LOW
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _LOW
    return h ^ (h >> 16)


class Dropout(nn.Module):
    """In training x (B, ...) with each element 0 with probability p, else x / (1 - p)."""

    seed: Tensor
    count: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("seed", torch.randint(2**32, ()))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Counts every mask, in place: works under `torch.func.vmap` if the buffers are mapped."""
        if not self.training:
            return x
        place = torch.arange(x.numel(), device=x.device).view(x.shape)
        word = _mixed(place ^ _mixed(self.seed ^ _mixed(self.count & _LOW)))
        self.count.add_(1)
        return x * (word >= self.p * 2**32) / (1 - self.p)


def dropout(p: float) -> nn.Module:
    """Nothing at all if p is 0."""
    return Dropout(p) if p else nn.Identity()
