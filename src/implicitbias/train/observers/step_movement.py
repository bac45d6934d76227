"""Record how far the last step before a record moves the weights, and what moves them.

The record is that of `movement` over one step: D = -A - lr grad with A = lr weight_decay W. Over an
epoch the noise of steps partly cancels, while the common part of all steps adds up. The movement
over many steps therefore says little about the noise of one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from . import movement

if TYPE_CHECKING:
    from ...plan.specs.sgd import Spec

RECORDS = {
    "sgd": {
        "arrays": {
            "step_movement": "||D||, ||A||, ||D + A|| and ||W before|| in Frobenius norm: D the"
            " change of W in the last step, A its lr weight_decay W [1].",
        },
    },
    "square_sgd": {
        "scalars": {
            "step_movement": "||W - W before||_F over the last step [1].",
        },
    },
}


class Observer(movement.Observer):
    """An observer that records one step of every member and matrix, in the parts of `movement`."""

    QUANTITY: ClassVar[str] = "step_movement"

    @staticmethod
    def steps(spec: Spec) -> int:
        """Return one step, over which movement is measured."""
        return 1
