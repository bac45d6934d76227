"""Class means and scatters of features, accumulated chunk by chunk in float64."""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """Counts n (K, C), means (K, C, D), scatters of each class (K, C) and pooled (K, D, D)."""

    def __init__(self, members: int, n_classes: int, dimension: int, device: torch.device) -> None:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(members, *shape, dtype=torch.float64, device=device)

        self.counts, self.means = zeros(n_classes), zeros(n_classes, dimension)
        self.spread, self.scatter = zeros(n_classes), zeros(dimension, dimension)

    def update(self, features: Tensor, one_hot: Tensor) -> None:
        """Merge a chunk: features (K, n, D), one_hot (K, n, C), both float64.

        With d the difference of the two means and w = n m / (n + m), the sums of squares of the
        parts plus w d d^T are those of the union, and the mean moves by d m / (n + m).
        """
        counts = one_hot.sum(1)
        means = one_hot.mT @ features / counts.clamp(min=1)[..., None]
        residual = features - one_hot @ means
        moved = (means - self.means) * (counts > 0)[..., None]
        total = (self.counts + counts).clamp(min=1)
        weighted = moved * (self.counts * counts / total)[..., None]
        self.scatter += residual.mT @ residual + weighted.mT @ moved
        self.spread += (one_hot.mT @ residual.square().sum(-1, keepdim=True))[..., 0]
        self.spread += (weighted * moved).sum(-1)
        self.means += moved * (counts / total)[..., None]
        self.counts += counts

    def arrays(self) -> dict[str, Tensor]:
        """Return the recorded statistics of the features, each (K, ...)."""
        n = self.counts.sum(-1)[:, None, None]
        return {
            "class_counts": self.counts,
            "class_gram": self.means @ self.means.mT,
            "class_scatter": self.spread / self.counts,
            "mean_scatter": self.means @ (self.scatter / n) @ self.means.mT,
        }
