"""This homogeneous perceptron has linear layers and ReLUs, no biases, no normalisation."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ._size import Size


class MLPRelu(nn.Module):
    """A perceptron of depth x (Linear, ReLU) and a linear head."""

    grouped = True
    by_hand = "mlp_relu"  # the module of train/engine whose TRAINER trains this class

    def __init__(self, n_inputs: int, n_outputs: int, depth: int, width: int) -> None:
        super().__init__()
        sizes = [n_inputs] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(i, o, bias=False) for i, o in pairwise(sizes))
        self.head = nn.Linear(width, n_outputs, bias=False)

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the input of the head (B, width), for examples x (B, ...)."""
        h = x.flatten(1)
        for layer in self.layers:
            h = layer(h).relu()
        return h

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, n_outputs) of examples x (B, ...)."""
        outputs: Tensor = self.head(self.features(x))
        return outputs


def size(input_shape: tuple[int, ...], n_classes: int, *, depth: int, width: int) -> Size:
    """Return the exact size."""
    weights = width * prod(input_shape) + (depth - 1) * width**2 + width * n_classes
    return Size(depth, weights, weights, by_hand=True, multiply_add_seconds=8e-11)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, depth: int = 4, width: int = 500
) -> MLPRelu:
    """Return a network of five matrices by default, without biases.

    Keys:
        depth: Number of hidden layers, each Linear and ReLU; with the head depth + 1 matrices [1].
        width: Width of a hidden layer [units].
    """
    return MLPRelu(prod(input_shape), n_classes, depth, width)
