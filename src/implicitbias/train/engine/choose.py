"""Which path through the engine a model takes, and how many members of a pack train side by side.

Both are functions of model, batch size and pack, never of a clock: the path rounds in its own way,
and on the autograd paths so does the number side by side (docs/performance.md). A pack of more
members is trained as consecutive sub-packs, each from its beginning to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

import torch
from torch import nn

from ...models._layers import patches, weight_matrices
from ...models._objectives import LOSSES_WITH_GRADIENT
from ...models.mlp_bn import MLPBN
from ...models.mlp_relu import MLPRelu
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
# autograd weights are a smaller part of what a step reads: 24 ResNet-18 of 0.7 MB at B = 4 and 16
# are faster abreast than in halves, thirds or sixths (1.07-1.9).
CACHED, CACHED_BY_HAND = 20e6, 7e6  # bytes of weights
# What a call costs is shared by members abreast; where their products cost more than that, members
# only push each other's activations out of the cache. Samples per second over the loop's, of 16 or
# 24 members, by products (multiply-adds of the average layer, one batch) and number abreast:
#   ResNet-18, width 8: 0.3M products 4.9 for all, 0.9 for one; 2M 2.2 for 8 and all; 9M 1.7 for 4,
#   1.3 for all; conv4, width 32: 3M 1.5 for 4, 1.4 for all; 5M 1.2 for 2, 1.1 for all; 10M 1.1 for
#   2, 0.8 for all; ViT, dim 32 (vmap): 2M 1.2 for 8 and all, 7M 1.0 for one, 0.8 for all.
# Both are soft, so the number of sub-packs is rounded, not rounded up. Over the 28 shapes of scale
# small on these paths, on an EPYC of family 25, the rule makes 0.98 of the best number's speed, at
# least 0.90 (rounded up 0.97 and 0.78; with 1.2e7 or 3e7 products no more).
MULTIPLY_ADDS = 2e7  # products of the members abreast


def sub_pack_size(
    model: nn.Module,
    input_shape: tuple[int, ...],
    batch_size: int,
    k: int,
    dtype: torch.dtype,
    device: torch.device,
) -> int:
    """How many of K members take their steps side by side, in [1, K]; all of them on CUDA.

    About as many as have their weights in the cache together, and as make MULTIPLY_ADDS products a
    layer: K over the nearest number of sub-packs.
    """
    if device.type != "cpu":
        return k
    matrices, seen = weight_matrices(model), patches(model, input_shape)
    multiply_adds = batch_size * sum(m.rows * m.cols * seen[m.label] for m in matrices)
    enough = ceil(MULTIPLY_ADDS * len(matrices) / multiply_adds)
    weights = dtype.itemsize * sum(p.numel() for p in model.parameters())
    cached = CACHED_BY_HAND if isinstance(model, MLPBN | MLPRelu) else CACHED
    most = max(1, min(k, enough, int(cached // weights)))
    return ceil(k / round(k / most))


def sub_packs(k: int, most: int) -> list[slice]:
    """K members as consecutive sub-packs of at most `most`, as equal in size as can be."""
    n = ceil(k / most)
    return [slice(a, b) for a, b in pairwise(i * k // n for i in range(n + 1))]
