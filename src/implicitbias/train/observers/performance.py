"""Record losses and accuracies over all examples, of training and test, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...models._objectives import LOSSES, accuracy
from ..records import Records
from ._base import Base

RECORDS = {
    "sgd": {
        "scalars": {
            "train_loss": "Mean loss over the training set, in evaluation mode, without decay [1].",
            "train_accuracy": "Share of the training set that is classified correctly [1].",
            "test_loss": "Mean loss over the test set, in evaluation mode, without decay [1].",
            "test_accuracy": "Share of the test set that is classified correctly [1].",
        },
    },
}
ALWAYS = ("sgd",)
_CHUNK = 2048  # examples in one evaluation


class Observer(Base):
    """An observer that records losses and accuracies at every record.

    With `evaluate: end` it records only the last ones.
    """

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, shape = self.networks, self.networks.specs[0]
        if shape.evaluate == "records" or epoch == shape.epochs:
            for name, split in (("train", networks.train), ("test", networks.test)):
                record(
                    records, networks.runs, networks.trainer.outputs, (name, *split), shape.loss,
                    epoch, step,
                )  # fmt: skip


@torch.no_grad()
def record(
    records: Records,
    runs: list[str],
    outputs_of: Callable[[Tensor], Tensor],
    split: tuple[str, Tensor, Tensor],
    loss: str,
    epoch: int,
    step: int,
) -> None:
    """Write loss and accuracy over a whole split: its name, examples (N, ...), labels (N,).

    `outputs_of` maps examples (n, ...) to outputs (K, n, C) in evaluation mode.
    """
    name, x, y = split
    losses = torch.zeros(len(runs), dtype=torch.float64)
    right = torch.zeros_like(losses)
    for i in range(0, len(y), _CHUNK):
        outputs = outputs_of(x[i : i + _CHUNK])
        labels = y[i : i + _CHUNK].expand(len(runs), -1)
        share = labels.shape[1] / len(y)
        losses += LOSSES[loss](outputs, labels).cpu().double() * share
        right += accuracy(outputs, labels).cpu().double() * share
    for k, run in enumerate(runs):
        records.scalar(run, epoch, step, f"{name}_loss", losses[k].item())
        records.scalar(run, epoch, step, f"{name}_accuracy", right[k].item())
