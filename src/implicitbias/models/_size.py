"""A network's size serves estimates of time and memory, for planning builds no network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Counts of layers and parameters, and of multiply-adds and activations for one example.

    `activations`: the numbers that one pass keeps for the gradient; 0 where they are not counted.
    `by_hand`: whether the engine has the model's steps written out, so that no layer waits for
    autograd.

    The remaining fields are measured on one core. `activation_seconds`: time per activation beyond
    its multiply-adds. Of a step of `square_sgd`, `step_seconds` per member, and
    `multiply_add_seconds` for one of a forward pass, its share of the backward pass included.
    """

    layers: int
    parameters: float
    multiply_adds: float
    activations: float = 0.0
    by_hand: bool = False
    activation_seconds: float = 0.0
    step_seconds: float = 1e-4
    multiply_add_seconds: float = 4e-10


UNKNOWN = Size(10, 1e6, 1e6)  # of a model whose file does not say
