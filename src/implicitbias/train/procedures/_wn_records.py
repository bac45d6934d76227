"""The records of runs on diagonal linear networks, by descent or by flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...plan.specs.weight_norm_flow import Spec
from ..records import Records
from ..sparse import sensing
from ..sparse.diagonal import excess_bound, log_magnification, log_magnification_bound

Array = NDArray[np.float64]


def series(
    s: Spec, made: sensing.Instance, z: Array, x: Array, residual: float, step: int,
    records: Records,
) -> None:  # fmt: skip
    error = np.linalg.norm(z - made.truth) / np.linalg.norm(made.truth)
    for name, value in (
        ("reconstruction_error", error), ("residual", residual), ("l1_norm", np.abs(z).sum()),
        ("scale", np.linalg.norm(x)),
    ):  # fmt: skip
        records.scalar(s.run_id, step, step, name, float(value))


def end(
    s: Spec, made: sensing.Instance, pursuit: Array, z: Array, x: Array, residual: float,
    step: int, reached: float, records: Records,
) -> None:  # fmt: skip
    """Write what is measured once: convergence, the excess over Q and its bound, the baseline."""
    values = {
        "converged": float(residual <= max(s.stop, 1e-6)), "iterations_used": float(step),
        "steps_to_1e-4": reached, **against_pursuit(s, made, pursuit, z, x),
    }  # fmt: skip
    for name, value in values.items():
        records.scalar(s.run_id, step, step, name, value)
    if not np.isfinite(residual):
        records.scalar(s.run_id, step, step, "diverged_step", step)


def against_pursuit(
    s: Spec, made: sensing.Instance, pursuit: Array, z: Array, x: Array
) -> dict[str, float]:
    """Return the excess of ||z||_1 over Q with its bound, and the magnification.

    A quantity that is not defined is NaN.
    """
    q, r = float(np.abs(pursuit).sum()), float(np.linalg.norm(x))
    log_rho = log_magnification(s.init_norm, r, s.rate_ratio) if r > 0 else np.nan
    excess = (float(np.abs(z).sum()) - q) / q
    bound = excess_bound(len(x), s.init_norm, q, s.depth, log_rho) if r > 0 else np.nan
    floor = log_magnification_bound(s.init_norm, q, s.depth, s.rate_ratio)
    return {
        "bp_l1": q,
        "bp_error": float(np.linalg.norm(pursuit - made.truth) / np.linalg.norm(made.truth)),
        "excess": excess,
        "excess_bound": bound,
        "excess_over_bound": excess / bound,
        "log10_magnification": log_rho / np.log(10),
        "log10_magnification_bound": floor / np.log(10),
    }
