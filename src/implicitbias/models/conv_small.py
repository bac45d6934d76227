"""This small convolutional network has two strided convolutions, one hidden layer and a head."""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from ._size import Size

MIN_IMAGE = 13  # pixels a side


def size(input_shape: tuple[int, ...], n_classes: int, *, channels: int, width: int) -> Size:
    """Return the size, exact but for biases; activations are not counted."""
    inputs, *sides = input_shape
    parameters = multiply_adds = 0
    for maps in (channels, 2 * channels):
        sides = [(side - 3) // 2 for side in sides]
        parameters += 25 * inputs * maps
        multiply_adds += 25 * inputs * maps * prod(sides)
        inputs = maps
    dense = width * (inputs * prod(sides) + n_classes)
    return Size(4, parameters + dense, multiply_adds + dense)


def build(
    input_shape: tuple[int, ...], n_classes: int, *, channels: int = 8, width: int = 64
) -> nn.Module:
    """Return conv 5x5 stride 2 (C), ReLU; conv 5x5 stride 2 (2C), ReLU; Linear, ReLU; head.

    No pooling and no normalisation. On 28x28 grey images with the defaults: 20,522 parameters,
    maps of 12x12 and 4x4. input_shape is (channels, height, width), each side 13 or more.

    Keys:
        channels: Channels C of the first convolution; the second has 2C [channels].
        width: Width of the hidden linear layer [units].
    """
    maps = nn.Sequential(
        nn.Conv2d(input_shape[0], channels, 5, stride=2), nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 5, stride=2), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    with torch.no_grad():
        n = prod(maps(torch.zeros(1, *input_shape)).shape)
    net = nn.Sequential(*maps, nn.Linear(n, width), nn.ReLU())
    net.add_module("head", nn.Linear(width, n_classes))
    return net
