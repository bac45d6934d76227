"""The path of a model through the engine, and the number of members that train at once.

Both are functions of model, batch size and pack, and never of a clock: each path rounds in its own
way, and on the autograd paths the number of members side by side also changes the rounding
(docs/performance.md). A pack of more members is trained as consecutive sub-packs, each from its
beginning to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from math import ceil

import torch
from torch import nn

from ...models._layers import patches, weight_matrices
from ...models._objectives import LOSSES_WITH_GRADIENT
from .base import Members, Trainer
from .grouped import GroupedTrainer
from .plain import PlainTrainer
from .vmapped import VmappedTrainer


def trainer_for(
    models: Sequence[nn.Module],
    members: Members,
    loss: str,
    dtype: torch.dtype,
    device: torch.device,
) -> Trainer:
    """Return a trainer of these models on the fastest path that their class allows.

    `by_hand` of a model's class names a module of this folder whose `TRAINER` has a hand-written
    backward pass; it serves the losses whose gradient is also written by hand. `grouped` trains
    members as groups of channels, `vmapped` by vmap. Every other model trains its members one by
    one.
    """
    path: Callable[..., Trainer] = PlainTrainer
    by_hand = getattr(models[0], "by_hand", None)
    if by_hand is not None and loss in LOSSES_WITH_GRADIENT:
        path = import_module(f".{by_hand}", __package__).TRAINER
    elif getattr(models[0], "grouped", False):
        path = GroupedTrainer
    elif getattr(models[0], "vmapped", False):
        path = VmappedTrainer
    return path(models, members, loss, dtype, device)


# Members side by side share what a call costs, and are slower together once their weights leave the
# cache or their activations push each other out of it. Measured in docs/performance.md.
CACHED, CACHED_BY_HAND = 20e6, 7e6  # bytes of the weights of a sub-pack, on the paths by hand
MULTIPLY_ADDS = 2e7  # of the members of a sub-pack in the average layer, a batch of each


def sub_pack_size(
    model: nn.Module,
    input_shape: tuple[int, ...],
    batch_size: int,
    k: int,
    dtype: torch.dtype,
    device: torch.device,
) -> int:
    """Return how many of the K members of a pack at most train side by side, in [1, K].

    On CUDA, all K members do. On a CPU, about as many as have their weights in the cache together,
    and as make MULTIPLY_ADDS a layer: K over the nearest number of sub-packs, because both limits
    are soft.
    """
    if device.type != "cpu":
        return k
    matrices, seen = weight_matrices(model), patches(model, input_shape)
    multiply_adds = batch_size * sum(m.rows * m.cols * seen[m.label] for m in matrices)
    enough = ceil(MULTIPLY_ADDS * len(matrices) / multiply_adds)
    weights = dtype.itemsize * sum(p.numel() for p in model.parameters())
    cached = CACHED_BY_HAND if hasattr(model, "by_hand") else CACHED
    most = max(1, min(k, enough, int(cached // weights)))
    return ceil(k / round(k / most))


def sub_packs(k: int, most: int) -> list[slice]:
    """Return slices that cut K members into consecutive sub-packs of nearly equal size.

    None is larger than `most`.
    """
    n = ceil(k / most)
    return [slice(a, b) for a, b in pairwise(i * k // n for i in range(n + 1))]
