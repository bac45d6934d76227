"""How large a network is, for estimates of time and memory: planning cannot build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any


@dataclass(frozen=True)
class Size:
    """Layers with weights, parameters, and, of one example, multiply-adds and floats in training.

    `activations`: what one pass leaves for the gradient; 0 where that is next to nothing.
    """

    layers: int
    parameters: float
    products: float
    activations: float = 0.0


UNKNOWN = Size(10, 1e6, 1e6)
# At width 64 on 3x32x32 with stride 1: parameters and products grow with the square of the width,
# activations with the width, the last two with the pixels behind the first convolution.
_CONVNETS = {
    "resnet18": Size(21, 11.2e6, 556e6, 2.2e6),
    "vgg16": Size(14, 14.7e6, 313e6, 1.0e6),
}


def size_of(
    model: str, arguments: Mapping[str, Any], input_shape: tuple[int, int, int], n_classes: int
) -> Size:
    """Exact for MLP-BN, within a third for the convolutional networks; else UNKNOWN."""
    if model == "mlp_bn":
        width, depth, inputs = arguments["width"], arguments["depth"], prod(input_shape)
        weights = width * inputs + (depth - 1) * width**2 + width * n_classes
        return Size(depth, weights, weights)
    if model not in _CONVNETS:
        return UNKNOWN
    one, wider = _CONVNETS[model], arguments["width"] / 64
    pixels = prod(input_shape[1:]) / (32 * arguments["stem_stride"]) ** 2
    return Size(
        one.layers,
        one.parameters * wider**2,
        one.products * wider**2 * pixels,
        one.activations * wider * pixels,
    )
