"""Name the weight matrices of a network, and mark the ones that the papers average."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class WeightMatrix:
    """A weight seen as a matrix (rows, cols): Linear (out, in); Conv2d (out, in x kh x kw).

    `label` is `layer<i>`, i counted from 0 over the matrices in the papers' average, or the
    module's own name for the rest (the classifier's head, 1x1 shortcuts), which are not averaged.
    """

    parameter: str  # the key in the state dict
    label: str
    rows: int
    cols: int
    averaged: bool


def weight_matrices(model: nn.Module) -> tuple[WeightMatrix, ...]:
    """Return every weight matrix in the order of the modules.

    This is the only switch on layer types. As in the code of Galanti et al. (analysis_rank.py) the
    average takes every linear and convolutional layer but the classifier's head (`head`) and
    shortcut convolutions (`shortcut`); or, of a model that says `averaged`, the layers of these
    names alone.
    """
    chosen: tuple[str, ...] | None = getattr(model, "averaged", None)
    matrices: list[WeightMatrix] = []
    index = 0
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        averaged = "head" not in name and "shortcut" not in name
        if chosen is not None:
            averaged = name.split(".")[-1] in chosen
        label = f"layer{index}" if averaged else name
        index += averaged
        rows, *rest = module.weight.shape
        matrices.append(WeightMatrix(f"{name}.weight", label, rows, prod(rest), averaged))
    return tuple(matrices)


@dataclass(frozen=True)
class Sight:
    """The part of a layer's input that one of its units sees.

    positions: of a kernel, or the pixels that a linear layer flattens; 1 for a plain vector. taps:
    for each of a kernel's positions the output positions at which it meets a pixel rather than
    padding, so ||T(W)||_F^2 = sum_tap taps x ||W[:, :, tap]||_F^2 for the matrix T(W) that the
    convolution is; (1,) for a linear layer.
    """

    positions: int
    taps: tuple[int, ...]


def sights(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Sight]:
    """Return the sight of every weight matrix, by its label, from one pass over an empty image."""
    names = {m.parameter.removesuffix(".weight"): m.label for m in weight_matrices(model)}
    by_label: dict[str, Sight] = {}
    channels: list[int] = []  # of the last convolution passed

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        label = names[next(n for n, m in model.named_modules() if m is module)]
        if isinstance(module, nn.Conv2d):
            by_label[label] = Sight(prod(module.kernel_size), _taps(module, inputs[0], output))
            channels[:] = [module.out_channels]
        else:
            width = inputs[0].shape[-1]
            by_label[label] = Sight(width // channels.pop() if channels else 1, (1,))

    hooks = [model.get_submodule(name).register_forward_hook(look) for name in names]
    try:
        with torch.no_grad():
            dtype = next(model.parameters()).dtype
            model.eval()(torch.zeros(1, *input_shape, dtype=dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return by_label


def patches(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, int]:
    """Return m_l of every weight matrix, by label: how often it is applied to one example.

    The output positions of a convolution; the tokens that a linear layer is applied to, 1 where
    that is the whole example. The gradient of one example has at most that rank. Observed on one
    pass over an empty image, so a layer that is used twice counts twice.
    """
    names = {m.parameter.removesuffix(".weight"): m for m in weight_matrices(model)}
    counts = dict.fromkeys((m.label for m in names.values()), 0)

    def look(name: str, output: Tensor) -> None:
        matrix = names[name]
        counts[matrix.label] += output.numel() // matrix.rows

    hooks = [
        model.get_submodule(name).register_forward_hook(lambda _m, _i, out, n=name: look(n, out))
        for name in names
    ]
    training = model.training
    try:
        with torch.no_grad():
            dtype = next(model.parameters()).dtype
            model.eval()(torch.zeros(1, *input_shape, dtype=dtype))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return counts


def _taps(conv: nn.Conv2d, x: Tensor, y: Tensor) -> tuple[int, ...]:
    """Return, for each kernel position, the number of output positions whose pixel there exists."""
    axes = []
    for axis in (0, 1):
        size, stride, pad = x.shape[2 + axis], conv.stride[axis], int(conv.padding[axis])
        out = range(y.shape[2 + axis])
        taps = range(conv.kernel_size[axis])
        axes.append([sum(0 <= i * stride + tap - pad < size for i in out) for tap in taps])
    return tuple(rows * cols for rows in axes[0] for cols in axes[1])
