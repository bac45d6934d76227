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
    """Exact for MLP-BN, within a third for other networks that are named here; else UNKNOWN."""
    if model in ("mlp_bn", "mlp_relu"):
        width, depth, inputs = arguments["width"], arguments["depth"], prod(input_shape)
        weights = width * inputs + (depth - 1) * width**2 + width * n_classes
        return Size(depth, weights, weights)
    if model == "vit":
        return _vit(arguments, input_shape)
    if model == "mixed_residual":
        return _mixed_residual(arguments, input_shape)
    if model == "convnet":
        return _convnet(arguments, input_shape, n_classes)
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


def _vit(arguments: Mapping[str, Any], input_shape: tuple[int, int, int]) -> Size:
    """Projections and perceptrons at every token, and the products of attention."""
    dim, depth, mlp = (arguments[k] for k in ("dim", "depth", "mlp_dim"))
    inner = arguments["heads"] * arguments["head_dim"]
    tokens = prod(input_shape[1:]) // arguments["patch"] ** 2 + arguments["class_token"]
    weights = depth * dim * (4 * inner + 2 * mlp)
    products = tokens * (weights + depth * 2 * tokens * inner)
    kept = tokens * depth * (6 * dim + 5 * inner + 2 * mlp + 2 * tokens * arguments["heads"])
    return Size(4 * depth + 2, weights, products, kept)


def _mixed_residual(arguments: Mapping[str, Any], input_shape: tuple[int, int, int]) -> Size:
    """Convolutions at every position, the adapter, linear layers."""
    width, depth = arguments["width"], 2 * arguments["blocks"]
    positions = prod(-(-side // arguments["stem_stride"]) for side in input_shape[1:])
    convs, dense = 9 * width * (input_shape[0] + depth * width), depth * width**2
    adapter = width**2 * positions
    return Size(
        2 * depth + 3, convs + dense + adapter, positions * convs + dense + adapter,
        3 * depth * width * positions,
    )  # fmt: skip


def _convnet(
    arguments: Mapping[str, Any], input_shape: tuple[int, int, int], n_classes: int
) -> Size:
    """A stem at half the sides, everything else at a quarter of them."""
    width, depth, (channels, *sides) = arguments["width"], arguments["depth"], input_shape
    positions, at_stem = prod(s // 4 for s in sides), prod(s // 2 for s in sides)
    stem, body = 4 * channels * width, (4 + 9 * depth) * width**2
    head = width * positions * n_classes
    return Size(
        depth + 3, stem + body + head, at_stem * stem + positions * body + head,
        width * (at_stem + 2 * (depth + 1) * positions),
    )  # fmt: skip
