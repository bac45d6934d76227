"""Which path through the engine a model takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

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
