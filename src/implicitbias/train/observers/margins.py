"""Record the margins of all examples, of training and test."""

from __future__ import annotations

import torch
from torch import Tensor

from ..records import Records
from ._base import Base

RECORDS = {
    "square_sgd": {
        "arrays": {
            "margins": "Margin of each training example, not over rho [1].",
            "test_margins": "Margin of each test example, not over rho [1].",
        },
    },
}


class Observer(Base):
    """An observer that records the margins as arrays over the examples, in the data set's order."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        evaluated = self.networks.evaluated(step)
        for split, name in (("train", "margins"), ("test", "test_margins")):
            rows = margins_of(*evaluated[split]).tolist()
            for run, row in zip(self.networks.runs, rows, strict=True):
                records.array(run, epoch, step, name, row, (len(row),))


def margins_of(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return y_n g_n (K, N), not normalised, of outputs (K, N, C): o_y - max_{j != y} o_j.

    For one output, it is +g for class 0 and -g for class 1; for two outputs, y_n (o_0 - o_1).
    """
    if outputs.shape[-1] == 1:
        return outputs[..., 0] * (1 - 2 * labels)
    own = outputs.gather(-1, labels[..., None])
    others = outputs.scatter(-1, labels[..., None], -torch.inf).amax(-1)
    return own[..., 0] - others
