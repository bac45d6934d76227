"""Architectures, one file each: `build(input_shape, n_classes, *, ...) -> nn.Module`.

The keyword arguments of `build` are keys of the config; planning reads them from the source.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from ..base.registry import known, names


def build(name: str, input_shape: tuple[int, ...], n_classes: int, **arguments: Any) -> nn.Module:
    """The named model with torch's default initialisation, drawn from the global generator."""
    module = importlib.import_module(f".{known('model', name, names('models'))}", __package__)
    model: nn.Module = module.build(input_shape, n_classes, **arguments)
    return model


def build_seeded(
    name: str, input_shape: tuple[int, ...], n_classes: int, *, seed: int, **arguments: Any
) -> nn.Module:
    """As `build`, drawn from a generator of its own; the global one is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name, input_shape, n_classes, **arguments)
