"""What a recorder writes about examples: their margins, and the statistics of neural collapse."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..base.errors import UserError
from ..train.observers import collapse
from ..train.observers.margins import margins_of
from ..train.records import Records


class Examples(NamedTuple):
    """Outputs (n, C) and labels (n,); with features (n, D) also the last layer's weight (C, D)."""

    outputs: Tensor
    labels: Tensor
    features: Tensor | None
    head: Tensor | None


def checked(
    outputs: Tensor | None, labels: Tensor | None, features: Tensor | None, head: Tensor | None
) -> Examples | None:
    """Return the examples to record, or None.

    Raises:
        UserError: shapes that do not fit; labels that are no classes; features without a linear
            last layer of their width.
    """
    if outputs is None and labels is None and features is None:
        return None
    if outputs is None or labels is None:
        raise UserError("outputs (n, C) and labels (n,) are given together")
    if labels.is_floating_point() or labels.is_complex():
        raise UserError(f"labels are whole numbers, the indices of classes, not {labels.dtype}")
    outputs, labels = outputs.detach(), labels.detach().to(outputs.device).long()
    if outputs.dim() != 2 or labels.shape != outputs.shape[:1]:
        shapes = f"{tuple(outputs.shape)} and {tuple(labels.shape)}"
        raise UserError(f"outputs (n, C) and labels (n,), not {shapes}")
    classes = outputs.shape[1]
    wrong = labels[(labels < 0) | (labels >= max(2, classes))]
    if len(wrong):
        raise UserError(f"labels: {int(wrong[0])} is no class of outputs (n, {classes})")
    if features is None:
        return Examples(outputs, labels, None, None)
    inputs = features.detach().flatten(1)
    if len(inputs) != len(labels):
        raise UserError(f"features (n, D) are of {len(inputs)} examples, labels of {len(labels)}")
    if head is None or tuple(head.shape) != (classes, inputs.shape[1]):
        raise UserError(f"features (n, D) need a last linear layer ({classes}, {inputs.shape[1]})")
    return Examples(outputs, labels, inputs, head)


def record(records: Records, run: str, at: tuple[int, int], examples: Examples) -> None:
    """Write the margins of examples and, with features, the statistics of neural collapse.

    Outputs are not rescaled, so quantities that compare them with one-hot targets are meaningful
    only for networks trained on one-hot targets.
    """
    outputs, labels, inputs, head = examples
    margins = margins_of(outputs.double()[None], labels[None])[0].tolist()
    records.array(run, *at, "margins", margins, (len(margins),))
    if inputs is None or head is None:
        return

    def evaluate(at: Tensor) -> tuple[Tensor, Tensor]:
        return inputs[at][None], outputs[at][None]

    with torch.no_grad():
        collapse.record(
            records, [run], *at, evaluate, torch.arange(len(labels), device=outputs.device),
            labels, head[None].to(outputs.device), outputs.shape[1], "one_hot",
        )  # fmt: skip
