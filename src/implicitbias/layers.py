"""Which matrices a network has, how they are named, and which of them the papers measure."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import nn


@dataclass(frozen=True)
class WeightMatrix:
    """One weight as a matrix (rows, cols): Linear (out, in); Conv2d (out, in x kh x kw).

    `label` is `layer<i>`, i counted from 0 over the matrices in the papers' average, or the
    module's own name for the rest (the classifier's head, 1x1 shortcuts), which are not averaged.
    """

    parameter: str  # the key in the state dict
    label: str
    rows: int
    cols: int
    averaged: bool


def weight_matrices(model: nn.Module) -> tuple[WeightMatrix, ...]:
    """Every weight matrix in the order of the modules. The only switch on layer types.

    As in the code of Galanti et al. (analysis_rank.py) the average takes every linear and
    convolutional layer but the classifier's head (`head`) and shortcut convolutions (`shortcut`).
    """
    found: list[WeightMatrix] = []
    index = 0
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        averaged = "head" not in name and "shortcut" not in name
        label = f"layer{index}" if averaged else name
        index += averaged
        rows, *rest = module.weight.shape
        found.append(WeightMatrix(f"{name}.weight", label, rows, prod(rest), averaged))
    return tuple(found)
