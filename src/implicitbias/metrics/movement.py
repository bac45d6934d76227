"""Movement is how far a weight moves relative to its norm, by weight decay and by gradients.

Recorded over the last epochs before a record: ||Delta||, ||A||, ||Delta + A||, ||W before||, where
A = sum of lr_t weight_decay W_t is weight decay's part and Delta + A the gradients'.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._registry import layer_metric


@layer_metric(of="movement")
def relative_movement(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||Delta|| / ||W before||, from (..., 4) to (...), in [0, inf).

    NaN for a diverged run.
    Source: the code published with Galanti, Siegel, Gupte, Poggio (2025), its `eval_dist`, where
    the classifier counts as 0 in the average and here is left out of it.
    """
    return _relative(parts, 0)


@layer_metric(of="movement")
def raw_movement(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||Delta||, from (..., 4) to (...), in [0, inf); NaN for a diverged run.

    Source: as `relative_movement`.
    """
    return np.asarray(np.asarray(parts, dtype=np.float64)[..., 0])


@layer_metric(of="movement")
def decay_movement(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||A|| / ||W before||, the movement by weight decay alone, from (..., 4) to (...).

    NaN for a diverged run. About the sum of lr_t weight_decay while the norm changes little.
    Source: A is exact; `train/observers/movement.py`.
    """
    return _relative(parts, 1)


@layer_metric(of="movement")
def gradient_movement(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||Delta + A|| / ||W before||, the movement by gradients, from (..., 4) to (...).

    NaN for a diverged run.
    Source: as `decay_movement`.
    """
    return _relative(parts, 2)


@layer_metric(of="step_movement")
def relative_step(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||D|| / ||W before|| of one step, from (..., 4) to (...), in [0, inf).

    NaN for a diverged run.
    Source: as `relative_movement`, over one step.
    """
    return _relative(parts, 0)


@layer_metric(of="step_movement")
def decay_step(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||A|| / ||W before|| of one step, which is lr weight_decay, from (..., 4) to (...).

    NaN for a diverged run.
    Source: as `decay_movement`, over one step.
    """
    return _relative(parts, 1)


@layer_metric(of="step_movement")
def gradient_step(parts: ArrayLike) -> NDArray[np.float64]:
    """Return ||D + A|| / ||W before|| of one step, lr ||grad|| / ||W||, from (..., 4) to (...).

    NaN for a diverged run. Where a run is stationary for its batch it equals `decay_step`.
    Source: as `gradient_movement`, over one step.
    """
    return _relative(parts, 2)


def _relative(parts: ArrayLike, index: int) -> NDArray[np.float64]:
    values = np.asarray(parts, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # a weight that is exactly 0: NaN
        ratio = values[..., index] / values[..., 3]
    return np.asarray(np.where(np.isfinite(ratio), ratio, np.nan))
