"""`rvsm` is relaxed variable splitting on a pack as one array, with its records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...plan.spec import RunSpec
from ...plan.specs.rvsm import Spec
from ..loop import Loop
from ..parts import Part, Training, tensors
from ..records import Records, concatenated, log_spaced
from ..sparse import relu_patches as relu
from . import Job
from ._rvsm_limits import at_the_end
from ._rvsm_pack import Array, Inputs, Splitting

SERIES = ("angle", "loss", "lagrangian", "nonzeros")


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of all members, trained group by group where they share samples."""
    loop = Loop(job, [s.run_id for s in specs])
    groups = _groups([cast(Spec, s) for s in specs])
    parts = [Part(max(s.iterations for s in group), partial(Group, group)) for group in groups]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # divergence is recorded
        return concatenated(loop.run(parts))


def _groups(members: list[Spec]) -> list[list[Spec]]:
    """Return groups of members that share their inputs.

    With the population gradient there are no inputs to share.
    """
    if members[0].gradient == "population":
        return [members]
    groups: dict[tuple[int, int, int], list[Spec]] = {}
    for s in members:
        # The inputs' targets are those of w*, which seed and sparsity fix.
        groups.setdefault((s.seed, s.patches, s.sparsity), []).append(s)
    return list(groups.values())


class Group(Training):
    """A part of a pack in iteration; members that have stopped leave the arrays."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs, self.pack, self.step = list(specs), Splitting(specs), 0
        sampled = specs[0].gradient != "population"
        self.inputs = Inputs(specs[0], self.pack.truth[0]) if sampled else None
        self.due = [log_spaced(s.iterations, s.record_points) for s in specs]
        self.start, self.rise = self.pack.w.copy(), np.zeros(len(specs))
        self.lagrangian = self.pack.lagrangian()

    def state(self) -> dict[str, Any]:
        """See Training."""
        arrays = {"w": self.pack.w, "u": self.pack.u, "rise": self.rise, "start": self.start}
        left = [self.specs.index(s) for s in self.pack.specs]
        return {"left": left, **tensors(arrays)}

    def restore(self, state: dict[str, Any]) -> None:
        """See Training."""
        self._keep(np.array(state["left"], dtype=int))
        kept = {name: state[name].numpy() for name in ("w", "u", "rise", "start")}
        self.pack.w, self.pack.u, self.rise, self.start = kept.values()
        self.lagrangian = self.pack.lagrangian()

    def loss(self) -> float:
        """Return the mean loss of the members that have not stopped."""
        return float(self.pack.loss().mean()) if self.pack.specs else math.nan

    def advance(self, records: Records) -> bool:
        """Record what is due, take one iteration of all members, and record those that stop."""
        pack = self.pack
        if not pack.specs:
            return False
        _series(pack, self.due, self.step, self.lagrangian, records)
        if self.inputs:
            gradient = self.inputs.gradient(pack.w, self.step)
        else:
            gradient = relu.population_gradient(pack.w, pack.truth, pack.patches)
        moved = pack.advance(gradient)
        self.step += 1
        before, self.lagrangian = self.lagrangian, pack.lagrangian()
        self.rise = np.maximum(self.rise, self.lagrangian - before)
        lost = ~np.isfinite(pack.w).all(axis=1)
        done = (moved < pack.stop) | lost | (self.step >= pack.limit)
        if done.any():
            ended = np.flatnonzero(done)
            _end(pack.subset(ended), self.start[ended], self.rise[ended], self.step,
                 lost[ended], records)  # fmt: skip
            self._keep(np.flatnonzero(~done))
        return True

    def _keep(self, kept: NDArray[np.intp]) -> None:
        self.pack, self.due = self.pack.subset(kept), [self.due[i] for i in kept]
        self.start, self.rise, self.lagrangian = (
            v[kept] for v in (self.start, self.rise, self.lagrangian)
        )


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
    """Write the last rows of members that stop here; a diverged member has NaN and its step."""
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
