"""The schedules of learning rates are the one place that says which rate an epoch has."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi
from typing import Literal

Schedule = Literal["steps", "cosine"]


def multiplier(
    epoch: int,
    epochs: int,
    milestones: Sequence[int] = (),
    factor: float = 1.0,
    schedule: Schedule = "steps",
) -> float:
    """Return the factor of the learning rate during 0-based epoch `epoch` of `epochs`.

    It is 1 in the first epoch. steps: `factor` to the power of the milestones passed, 1-based
    epochs from whose first step on the rate is multiplied: [60] leaves 59 epochs at the full rate.
    cosine: (1 + cos(pi e / E)) / 2.
    """
    if schedule == "cosine":
        return 0.5 * (1 + cos(pi * epoch / epochs))
    return float(factor ** sum(epoch + 1 >= m for m in milestones))
