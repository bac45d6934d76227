"""What a recorder writes about examples: their margins, and the statistics of neural collapse."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base.errors import UserError
from ..train.observers import collapse
from ..train.observers.margins import margins_of
from ..train.records import Records


def record(
    records: Records,
    run: str,
    at: tuple[int, int],
    outputs: Tensor | None,
    labels: Tensor | None,
    features: Tensor | None,
    head: Tensor | None,
) -> None:
    """Write the margins of examples and, with features, the statistics of neural collapse.

    outputs (n, C) with labels (n,) give `margins`; features (n, D) are the inputs of the last
    layer, and head (C, D) its weight. Outputs are not rescaled, so quantities that compare them
    with one-hot targets are meaningful only for networks trained on one-hot targets.

    Raises:
        UserError: shapes that do not fit; features without a linear last layer of their width.
    """
    if outputs is None or labels is None:
        raise UserError("outputs (n, C) and labels (n,) are given together")
    outputs, labels = outputs.detach(), labels.detach().to(outputs.device).long()
    if outputs.dim() != 2 or labels.shape != outputs.shape[:1]:
        shapes = f"{tuple(outputs.shape)} and {tuple(labels.shape)}"
        raise UserError(f"outputs (n, C) and labels (n,), not {shapes}")
    margins = margins_of(outputs.double()[None], labels[None])[0].tolist()
    records.array(run, *at, "margins", margins, (len(margins),))
    if features is None:
        return
    inputs = features.detach().flatten(1)
    classes = outputs.shape[1]
    if head is None or tuple(head.shape) != (classes, inputs.shape[1]):
        raise UserError(f"features (n, D) need a last linear layer ({classes}, {inputs.shape[1]})")

    def evaluate(at: Tensor) -> tuple[Tensor, Tensor]:
        return inputs[at][None], outputs[at][None]

    with torch.no_grad():
        collapse.record(
            records, [run], *at, evaluate, torch.arange(len(labels), device=outputs.device),
            labels, head[None].to(outputs.device), classes, "one_hot",
        )  # fmt: skip
