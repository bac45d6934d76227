"""MLP-BN-L-H of Galanti et al. (2025) is L times (Linear, BatchNorm1d, ReLU) and a linear head."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ._size import Size

BATCH_NORM = True


class MLPBN(nn.Module):
    """A perceptron of L x (Linear(in, H) with bias -> BatchNorm1d(H) -> ReLU); Linear(H, classes).

    The paper measures the L matrices of `layers`: the first is (H, inputs), the others (H, H). The
    head is not among them. Every unit sees its whole input once, so the patch count m_l is 1.
    """

    by_hand = "mlp"  # the module of train/engine whose TRAINER trains this class

    def __init__(self, n_inputs: int, n_classes: int, depth: int, width: int) -> None:
        super().__init__()
        sizes = [n_inputs] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(depth))
        self.head = nn.Linear(width, n_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return what enters the head (B, H), of examples x (B, ...)."""
        h = x.flatten(1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = norm(layer(h)).relu()
        return h

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of examples x (B, ...)."""
        logits: Tensor = self.head(self.features(x))
        return logits


def size(input_shape: tuple[int, ...], n_classes: int, *, depth: int, width: int) -> Size:
    """Return the size, exact but for biases and normalisation."""
    weights = width * prod(input_shape) + (depth - 1) * width**2 + width * n_classes
    return Size(depth, weights, weights, by_hand=True)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, depth: int = 10, width: int = 100
) -> MLPBN:
    """Return the paper's MLP-BN-10-100 by default, with torch's Kaiming-uniform initialisation.

    Keys:
        depth: Number L of hidden layers, each Linear, BatchNorm and ReLU [1].
        width: Width H of a hidden layer [units].
    """
    return MLPBN(prod(input_shape), n_classes, depth, width)
