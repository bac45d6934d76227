"""Diagonal linear networks with and without weight normalisation: a pack of runs, its records."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..progress import Reporter
from ..records import Records
from ..sparse import sensing
from ..sparse.diagonal import excess_bound, log_magnification, log_magnification_bound
from ..spec import RunSpec
from ..specs.weight_norm_flow import Spec
from . import Job, _wn_flow
from ._keeper import Keeper
from ._wn_steps import Steps

Array = NDArray[np.float64]


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """All members at once; a flow member by member, each with its own adaptive steps."""
    members = [cast(Spec, s) for s in specs]
    instances = Instances()
    if members[0].form == "flow":
        return _flows(members, instances, job)
    records = Records()
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is recorded
        _descend(members, instances, records, job)
    return records


def _flows(members: list[Spec], instances: Instances, job: Job) -> Records:
    with Keeper(job, [s.run_id for s in members], len(members)) as keeper:
        state = keeper.resumed()
        done = state["step"] if state else 0
        records = Records(scalars=state["scalars"] if state else [])
        for i, s in enumerate(members[done:], done + 1):
            _wn_flow.run(s, instances.of(s), instances.pursuit(s), records)
            keeper.tick(i, lambda: {"scalars": records.scalars})
    return records


class Instances:
    """The instance and the basis-pursuit solution of each member, each computed once."""

    def __init__(self) -> None:
        self._drawn = lru_cache(maxsize=None)(sensing.draw)
        self._matrices: dict[tuple[int, int, int], Array] = {}
        self._pursuits: dict[tuple[object, ...], Array] = {}

    def of(self, s: Spec) -> sensing.Instance:
        """Members with the same seed and sizes share the very array A: they form a group."""
        made = self._drawn(s.seed, s.dimension, s.measurements, s.sparsity, s.signed, s.noise)
        matrix = self._matrices.setdefault((s.seed, s.dimension, s.measurements), made.matrix)
        return sensing.Instance(matrix, made.truth, made.y)

    def pursuit(self, s: Spec) -> Array:
        """argmin ||z||_1, A z = y."""
        key = (s.seed, s.dimension, s.measurements, s.sparsity, s.signed, s.noise)
        if key not in self._pursuits:
            made = self.of(s)
            self._pursuits[key] = sensing.basis_pursuit(made.matrix, made.y, s.signed)
        return self._pursuits[key]


def record_points(s: Spec) -> frozenset[int]:
    """0 and log-spaced iterations."""
    if s.record_points == 0:
        return frozenset()
    spaced = np.geomspace(1, s.iterations, s.record_points)
    return frozenset({0, *np.unique(np.rint(spaced).astype(int)).tolist()})


def _descend(specs: list[Spec], instances: Instances, records: Records, job: Job) -> None:
    made = [instances.of(s) for s in specs]
    pack, left, step = Steps(specs, made), np.arange(len(specs)), 0
    due = [record_points(s) for s in specs]
    times = frozenset().union(*due)
    tolerance = np.array([s.stop for s in specs])
    limit = np.array([s.iterations for s in specs])
    size = np.array([np.sqrt(np.square(i.y).sum()) for i in made])
    reached = np.full(len(specs), np.nan)
    reporter, lost = Reporter(job, len(specs), int(limit.max()), int(limit.max()), 0), 0
    while True:
        misfit = pack.misfit()
        square = np.square(misfit).sum(axis=-1)[pack.index]
        residual = np.sqrt(square) / size[left]
        if reporter.due():
            reporter.update(step, step, float(square.mean()) / 2, lost)
        reached[left[np.isnan(reached[left]) & (residual <= 1e-4)]] = step
        done = ~(residual > tolerance[left]) | (step >= limit[left])  # NaN is done
        if step in times or done.any():
            z, x = pack.z()[pack.index], pack.x[pack.index]
            for i in np.flatnonzero(done | np.array([step in due[j] for j in left])):
                j = int(left[i])
                _series(specs[j], made[j], z[i], x[i], residual[i], step, records)
                if done[i]:
                    _end(specs[j], made[j], instances.pursuit(specs[j]), z[i], x[i],
                         float(residual[i]), step, float(reached[j]), records)  # fmt: skip
        if done.any():
            lost += int((~np.isfinite(residual[done])).sum())
            left = left[~done]
            if not len(left):
                return
            pack.drop(done)
            misfit = pack.misfit()
        pack.advance(misfit)
        step += 1


def _series(
    s: Spec, made: sensing.Instance, z: Array, x: Array, residual: float, step: int,
    records: Records,
) -> None:  # fmt: skip
    error = np.linalg.norm(z - made.truth) / np.linalg.norm(made.truth)
    for name, value in (
        ("reconstruction_error", error), ("residual", residual), ("l1_norm", np.abs(z).sum()),
        ("scale", np.linalg.norm(x)),
    ):  # fmt: skip
        records.scalar(s.run_id, step, step, name, float(value))


def _end(
    s: Spec, made: sensing.Instance, pursuit: Array, z: Array, x: Array, residual: float,
    step: int, reached: float, records: Records,
) -> None:  # fmt: skip
    """What is measured once: convergence, the excess over Q and its bound, the baseline."""
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
    """Excess of ||z||_1 over Q with its bound, and the magnification; NaN where void."""
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
