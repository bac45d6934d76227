"""Record the distribution of the training margins as quantiles, few enough for many records."""

from __future__ import annotations

import torch

from ..records import Records
from ._base import Base
from .margins import margins_of

RECORDS = {
    "square_sgd": {
        "arrays": {
            "margin_quantiles": "Quantiles of the training margins at the levels 0, 0.005, ..., 1,"
            " interpolated, not over rho [1].",
        },
    },
}
LEVELS = 201


class Observer(Base):
    """An observer that records 201 quantiles of y_n g_n; NaN if a margin is not finite."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        margins = margins_of(*self.networks.evaluated(step)["train"])
        levels = torch.linspace(0, 1, LEVELS, dtype=margins.dtype, device=margins.device)
        rows = torch.quantile(margins, levels, dim=1).mT
        rows = rows.where(margins.isfinite().all(1, keepdim=True), torch.nan)
        for run, row in zip(self.networks.runs, rows.tolist(), strict=True):
            records.array(run, epoch, step, "margin_quantiles", row, (LEVELS,))
