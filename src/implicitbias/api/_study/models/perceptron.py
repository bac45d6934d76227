"""A perceptron with ReLUs: the model of this study. Its name in the config is that of this file."""

from __future__ import annotations

from math import prod

from torch import nn

from implicitbias.models._size import Size


def size(input_shape: tuple[int, ...], n_classes: int, *, depth: int = 3, width: int = 64) -> Size:
    """Return how large the network is, for estimates of time and memory; it may be left out."""
    weights = width * prod(input_shape) + (depth - 1) * width**2 + width * n_classes
    return Size(layers=depth + 1, parameters=weights, multiply_adds=weights)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, depth: int = 3, width: int = 64
) -> nn.Module:
    """Return flatten, depth x (Linear, ReLU), and a linear head, which no average of ranks counts.

    Keys:
        depth: hidden layers [1]
        width: units of a hidden layer [units]
    """
    sizes = [prod(input_shape)] + [width] * depth
    layers: list[nn.Module] = [nn.Flatten()]
    for i in range(depth):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    net = nn.Sequential(*layers)
    net.add_module("head", nn.Linear(sizes[-1], n_classes))
    return net
