"""Each file is an architecture: `build(input_shape, n_classes, *, ...) -> nn.Module`.

The keyword arguments of `build` are keys of the config. `info` returns the facts that planning
needs about a model; torch is loaded when the first model is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import studies
from ..base.registry import known, names
from ._info import ModelInfo, info

if TYPE_CHECKING:
    from torch import nn


def build(name: str, input_shape: tuple[int, ...], n_classes: int, **arguments: Any) -> nn.Module:
    """Return the named model, torch's default initialisation drawn from the global generator."""
    module = studies.module("models", known("model", name, names("models")))
    model: nn.Module = module.build(input_shape, n_classes, **arguments)
    return model


def build_seeded(
    name: str, input_shape: tuple[int, ...], n_classes: int, *, seed: int, **arguments: Any
) -> nn.Module:
    """Return the named model, drawn from a generator of its own; the global one is untouched."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name, input_shape, n_classes, **arguments)


__all__ = ["ModelInfo", "build", "build_seeded", "info"]
