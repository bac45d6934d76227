"""The gradients of one member, computed by autograd and independently of the trainer.

They are a second implementation, against which the trainer's gradients can be checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ...models._layers import WeightMatrix
from ...models._objectives import LOSSES


def batch_gradients(
    model: nn.Module, state: Mapping[str, Tensor], x: Tensor, y: Tensor, loss: str
) -> dict[str, Tensor]:
    """Return the gradient of the mean loss on the batch x (B, ...), y (B,), by parameter.

    The network is in training mode. Batch statistics are those of the batch. The running statistics
    and the global random generator are not changed.
    """
    names = [name for name, _ in model.named_parameters()]
    copies = {name: tensor.detach().clone() for name, tensor in state.items()}
    weights = {name: copies[name].requires_grad_() for name in names}
    model.train()
    with torch.random.fork_rng(devices=[]):
        outputs = cast(Tensor, functional_call(model, {**copies, **weights}, (x,)))
    value = LOSSES[loss](outputs[None], y[None])[0]
    return dict(zip(names, torch.autograd.grad(value, list(weights.values())), strict=True))


def in_float64(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a dict of tensors with floating tensors in double precision, the others unchanged."""
    return {n: t.double() if t.is_floating_point() else t for n, t in state.items()}


@contextmanager
def summands(model: nn.Module, matrices: Sequence[WeightMatrix]) -> Iterator[dict[str, float]]:
    """Note ||d||_F ||x||_F for each matrix, by label, during a backward pass in the block.

    x is the layer's input, and d the gradient at its output (for a convolution times the square
    root of the kernel's positions). A weight's gradient is a sum of d x^T over examples and places.
    Where its terms cancel, its rounding error is still relative to this product.
    """
    sizes: dict[str, float] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, label: str) -> None:
        taps = prod(getattr(module, "kernel_size", (1,)))
        size = float(inputs[0].detach().norm()) * taps**0.5
        sizes.setdefault(label, 0.0)

        def back(gradient: Tensor) -> None:
            sizes[label] += size * float(gradient.norm())

        output.register_hook(back)  # type: ignore[no-untyped-call]

    hooks = [
        model.get_submodule(m.parameter.removesuffix(".weight")).register_forward_hook(
            lambda module, x, y, label=m.label: look(module, x, y, label)
        )
        for m in matrices
    ]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()
