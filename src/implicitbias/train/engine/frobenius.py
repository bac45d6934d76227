"""Inner products and Frobenius norms of weights (K, ...), by member."""

from __future__ import annotations

import torch
from torch import Tensor


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return <A, B> of each member, (K, 1, ...)."""
    return (a * b).sum(tuple(range(1, a.dim())), keepdim=True)


def norm(a: Tensor) -> Tensor:
    """Return ||A||_F of each member, (K, 1, ...)."""
    found: Tensor = torch.linalg.vector_norm(a, dim=tuple(range(1, a.dim())), keepdim=True)
    return found
