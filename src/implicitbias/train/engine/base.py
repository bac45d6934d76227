"""Every path through the engine is a `Trainer`, and all share the state defined here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

# The dtype of weights, updates, statistics and losses. With `bfloat16` matrix products and
# convolutions alone are in it, and with `tf32` their factors alone are rounded.
DTYPES = {
    "float32": torch.float32, "float64": torch.float64,
    "bfloat16": torch.float32, "tf32": torch.float32,
}  # fmt: skip


class Rates(NamedTuple):
    """The factors in the updates of one step, each (K, 1, ...)."""

    lr: Tensor
    minus_lr: Tensor
    keep: Tensor  # 1 - lr wd
    decay: Tensor
    momentum: Tensor


class Rule(Protocol):
    """A rule by which a step changes one weight, in place of torch's rule."""

    def __call__(self, w: Tensor, g: Tensor, velocity: Tensor | None, rates: Rates) -> None:
        """Update w (K, ...) and its momentum buffer in place; the gradient g may be spent."""
        ...


@dataclass(frozen=True)
class Members:
    """The hyper-parameters of a pack's members, each (K,), and the batch size they share."""

    lr: Tensor
    weight_decay: Tensor
    momentum: Tensor
    # Hints for the layout of the weights, nothing else: the size of a full batch, the shape of an
    # example, and the number of runs in the pack, of which these members may be a part.
    batch_size: int
    input_shape: tuple[int, ...] | None
    pack_size: int
    matmul_dtype: torch.dtype  # of the layers' multiplications: the weights' own, or bfloat16
    decay_vectors: bool = True  # whether biases and normalisation's scales and shifts are decayed

    @classmethod
    def of(
        cls,
        lr: Sequence[float],
        weight_decay: Sequence[float],
        momentum: Sequence[float],
        dtype: torch.dtype,
        device: torch.device,
        batch_size: int = 128,
        precision: str = "",
        input_shape: tuple[int, ...] | None = None,
        pack_size: int | None = None,
        decay_vectors: bool = True,
    ) -> Members:
        """Return the members with these hyper-parameters, one value of each per member."""
        lrs, decays, momenta = (
            torch.tensor(v, dtype=dtype, device=device) for v in (lr, weight_decay, momentum)
        )
        matmul_dtype = torch.bfloat16 if precision == "bfloat16" else dtype
        size = pack_size or len(lrs)
        return cls(lrs, decays, momenta, batch_size, input_shape, size, matmul_dtype, decay_vectors)

    def rates(self, multiplier: float, axes: int) -> Rates:
        """Return the rates at learning rate `multiplier` x lr, for tensors with so many axes.

        The first axis is that of the members, so a vector has two axes.
        """
        lr, wd = multiplier * self.lr, self.weight_decay
        if axes < 3 and not self.decay_vectors:
            wd = torch.zeros_like(wd)
        rates = lr, -lr, 1 - lr * wd, wd, self.momentum
        return Rates(*(v.view(-1, *[1] * (axes - 1)) for v in rates))


class Trainer(Protocol):
    """A trainer that holds K networks of one shape in training."""

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """Take one SGD step at learning rate `multiplier` x lr and return the losses (K,).

        x is (K, B, ...) and y is (K, B). The losses are those of the batch before the step, in
        training mode.
        """
        ...

    def outputs(self, x: Tensor) -> Tensor:
        """Return the outputs (K, n, C) in evaluation mode for the examples x (n, ...)."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return parameters and buffers by their names in the module, (K, ...): views."""
        ...

    def velocity(self) -> dict[str, Tensor]:
        """Return the momentum buffers (K, ...) by parameter name, and other state of the steps."""
        ...


def stacked(
    models: Sequence[nn.Module], dtype: torch.dtype, device: torch.device
) -> dict[str, Tensor]:
    """Return the state dicts of K modules as one, each tensor with a leading axis of length K."""
    states = [m.state_dict() for m in models]
    return {
        name: torch.stack([s[name] for s in states]).to(
            device, dtype if states[0][name].is_floating_point() else None
        )
        for name in states[0]
    }


def matmul_autocast(members: Members, x: Tensor) -> AbstractContextManager[object]:
    """Return a context in which the autograd paths multiply in `members.matmul_dtype`."""
    if members.matmul_dtype == x.dtype:
        return nullcontext()
    return torch.autocast(x.device.type, members.matmul_dtype)


def multiply_float32_in(precision: str) -> None:
    """Set whether CUDA devices round the factors of float32 matrix products to TF32's 10 bits.

    They round only with precision `tf32`. torch's own default rounds only in convolutions.
    """
    how = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = how
    torch.backends.cudnn.conv.fp32_precision = how  # type: ignore[attr-defined]


def load_into(trainer: Trainer, state: dict[str, Tensor], velocity: dict[str, Tensor]) -> None:
    """Copy a checkpoint's tensors into a trainer; every name must be present on both sides."""
    for ours, theirs in ((trainer.state(), state), (trainer.velocity(), velocity)):
        if ours.keys() != theirs.keys():
            raise ValueError("the checkpoint is of another model")
        for name, tensor in ours.items():
            tensor.copy_(theirs[name])
