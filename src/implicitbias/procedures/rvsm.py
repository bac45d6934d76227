"""The relaxed variable splitting method: a pack of runs as one array, and its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..progress import Reporter
from ..records import Records
from ..sparse import relu_patches as relu
from ..spec import RunSpec
from ..specs.rvsm import Spec
from . import Job
from ._rvsm_limits import at_the_end
from ._rvsm_pack import Array, Inputs, Splitting

SERIES = ("angle", "loss", "lagrangian", "nonzeros")


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """All members; with samples, one group after the other for each set of them."""
    records = Records()
    members = [cast(Spec, s) for s in specs]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # divergence is recorded
        _run(members, records, job)
    return records


def _run(members: list[Spec], records: Records, job: Job) -> None:
    if members[0].gradient == "population":
        _iterate(Splitting(members), None, records, Reporter(job, *_sizes([members]), 0), 0)
        return
    groups: dict[tuple[int, int, int], list[Spec]] = {}
    for s in members:
        # The inputs' targets are those of w*, which seed and sparsity fix.
        groups.setdefault((s.seed, s.patches, s.sparsity), []).append(s)
    reporter, before = Reporter(job, *_sizes(list(groups.values())), 0), 0
    for same in groups.values():
        pack = Splitting(same)
        _iterate(pack, Inputs(same[0], pack.truth[0]).gradient, records, reporter, before)
        before += max(s.iterations for s in same)


def _sizes(groups: list[list[Spec]]) -> tuple[int, int, int]:
    """Runs, and iterations of one group after the other at most, which are epochs too."""
    iterations = sum(max(s.iterations for s in group) for group in groups)
    return sum(map(len, groups)), iterations, iterations


def record_points(spec: Spec) -> frozenset[int]:
    """The iterations at which a trajectory is recorded: 0 and log-spaced ones."""
    if spec.record_points == 0:
        return frozenset()
    spaced = np.geomspace(1, spec.iterations, spec.record_points)
    return frozenset({0, *np.unique(np.rint(spaced).astype(int)).tolist()})


def _iterate(
    pack: Splitting, sampled: Callable[[Array], Array] | None, records: Records,
    reporter: Reporter, before: int,
) -> None:  # fmt: skip
    """Until every member has stopped; stopped ones leave the arrays. `before`: of other groups."""
    due = [record_points(s) for s in pack.specs]
    start, rise = pack.w.copy(), np.zeros(len(due))
    lagrangian = pack.lagrangian()
    step = gone = 0
    while True:
        _series(pack, due, step, lagrangian, records)
        gradient = sampled(pack.w) if sampled else pack_gradient(pack)
        moved = pack.advance(gradient)
        step += 1
        if reporter.due():
            reporter.update(before + step, before + step, float(pack.loss().mean()), gone)
        last, lagrangian = lagrangian, pack.lagrangian()
        rise = np.maximum(rise, lagrangian - last)
        lost = ~np.isfinite(pack.w).all(axis=1)
        limits = np.array([s.iterations for s in pack.specs])
        stops = np.array([s.stop for s in pack.specs])
        done = (moved < stops) | lost | (step >= limits)
        if not done.any():
            continue
        ended, gone = np.flatnonzero(done), gone + int(lost.sum())
        _end(pack.subset(ended), start[ended], rise[ended], step, lost[ended], records)
        kept = np.flatnonzero(~done)
        if not len(kept):
            return
        pack, start, rise = pack.subset(kept), start[kept], rise[kept]
        lagrangian, due = lagrangian[kept], [due[i] for i in kept]


def pack_gradient(pack: Splitting) -> Array:
    """The population gradient of every member."""
    return relu.population_gradient(pack.w, pack.truth, pack.patches)


def _series(
    pack: Splitting, due: list[frozenset[int]], step: int, lagrangian: Array, records: Records
) -> None:
    wanted = [i for i, points in enumerate(due) if step in points]
    if wanted:
        part = pack.subset(np.array(wanted))
        _write_series(part, step, lagrangian[wanted], records)


def _write_series(part: Splitting, step: int, lagrangian: Array, records: Records) -> None:
    values = {
        "angle": relu.angle(part.w, part.truth), "loss": part.loss(), "lagrangian": lagrangian,
        "nonzeros": (part.u != 0).sum(axis=1),
    }  # fmt: skip
    for i, spec in enumerate(part.specs):
        for name in SERIES:
            records.scalar(spec.run_id, step, step, name, values[name][i])


def _end(
    part: Splitting, start: Array, rise: Array, step: int, lost: NDArray[np.bool_],
    records: Records,
) -> None:  # fmt: skip
    """The last rows of members that stop here; a lost one has NaN and its step."""
    with np.errstate(invalid="ignore", divide="ignore"):
        _write_series(part, step, part.lagrangian(), records)
        values = at_the_end(part, start)
    values["lagrangian_rise"] = rise
    values["iterations_used"] = np.full(len(rise), float(step))
    entries = {
        "weight": part.w, "split": part.u, "truth": part.truth,
        "new_threshold": values.pop("new_threshold"),
    }  # fmt: skip
    for i, spec in enumerate(part.specs):
        run = spec.run_id
        for name, column in values.items():
            records.scalar(run, step, step, name, np.nan if lost[i] else column[i])
        if lost[i]:
            records.scalar(run, step, step, "diverged_step", step)
        if spec.record_entries:
            for name, rows in entries.items():
                for j, entry in enumerate(rows[i]):
                    records.scalar(run, step, step, name, entry, layer=f"entry{j}")
