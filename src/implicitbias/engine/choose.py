"""Which path through the engine a model takes, and how many members of a pack step abreast.

Both are functions of model, batch size and pack, never of a clock: the path rounds in its own way,
and on the autograd paths so does the number abreast (docs/performance.md). Members that are not
abreast take turns, each for a stretch of steps: another order of independent computations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from ..layers import patches, weight_matrices
from ..models.mlp_bn import MLPBN
from ..models.mlp_relu import MLPRelu
from ..objectives import LOSSES_WITH_GRADIENT
from .base import Members, Trainer
from .grouped import GroupedTrainer
from .mlp import MLPTrainer
from .mlp_relu import MLPReluTrainer
from .plain import PlainTrainer
from .stacked import StackedTrainer
from .vmapped import VmappedTrainer


def trainer_for(
    models: Sequence[nn.Module],
    members: Members,
    loss: str,
    dtype: torch.dtype,
    device: torch.device,
) -> Trainer:
    """The fastest path that computes the same: batched for MLPs and where members can be groups.

    Anything else trains one by one.
    """
    path: type[PlainTrainer | MLPTrainer | MLPReluTrainer | StackedTrainer] = PlainTrainer
    if isinstance(models[0], MLPBN):
        path = MLPTrainer
    elif isinstance(models[0], MLPRelu) and loss in LOSSES_WITH_GRADIENT:
        path = MLPReluTrainer
    elif getattr(models[0], "grouped", False):
        path = GroupedTrainer
    elif getattr(models[0], "vmapped", False):
        path = VmappedTrainer
    return path(models, members, loss, dtype, device)


# Measured on one core of an AMD EPYC with 32 MB of cache, shared by two and by strangers, samples
# per second abreast over one at a time. Weights of 1.6 MB (MLP-10-100, B = 4): 1.9 for 4 abreast,
# 1.2-1.9 for 5 and 8, 1.1-1.3 for 10 to 16. Weights of 10 MB (MLP-5-500): 0.75 for 4. Through
# autograd weights are a smaller part of what a step reads: 24 ResNet-18 of 0.7 MB at B = 4, 16 and
# 32 are faster abreast than in halves, thirds or quarters (1.0-1.8).
CACHED, CACHED_BY_HAND = 20e6, 7e6  # bytes of weights
# ResNet-18 of width 8 at 0.3, 1.3 and 5 million products a layer: 4.8, 2.5 and 1.5 for 24. conv4 of
# width 32 at 3, 10, 40 and 160 million: 1.9, 1.15, 0.94 and 0.81 for 16; ResNet-18 at 110: 0.93.
BUSY = 2e7  # multiply-adds of one member's batch in the average layer


def abreast(
    model: nn.Module,
    input_shape: tuple[int, ...],
    batch_size: int,
    k: int,
    dtype: torch.dtype,
    device: torch.device,
) -> int:
    """How many of K members take their steps side by side, in [1, K]; all of them on CUDA.

    As many as have their weights in the cache together, and one where a layer of one member is work
    enough for a core.
    """
    if device.type != "cpu":
        return k
    matrices, seen = weight_matrices(model), patches(model, input_shape)
    products = batch_size * sum(m.rows * m.cols * seen[m.label] for m in matrices)
    if products > BUSY * len(matrices):
        return 1
    weights = dtype.itemsize * sum(p.numel() for p in model.parameters())
    cached = CACHED_BY_HAND if isinstance(model, MLPBN | MLPRelu) else CACHED
    return max(1, min(k, int(cached // weights)))


def in_turns(trainer: Trainer, k: int, abreast: int) -> list[tuple[slice, Trainer]]:
    """The members in parts of at most `abreast`, as equal as can be, and a trainer of each part."""
    n = -(-k // abreast)
    edges = [i * k // n for i in range(n + 1)]
    parts = [slice(a, b) for a, b in pairwise(edges)]
    return [(part, trainer if n == 1 else trainer.part(part)) for part in parts]
