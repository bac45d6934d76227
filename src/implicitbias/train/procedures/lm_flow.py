"""The gradient flow of the square loss with layers on the sphere, and its discrete steps.

Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss,
Research 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from ...plan.spec import RunSpec
from ...plan.specs.lm_flow import Spec
from ..records import Records
from . import Job
from ._keeper import Keeper
from ._lm_flow import Trajectory, integrate
from ._lm_identities import measured
from ._lm_network import Array, Problem, draw


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Member by member; the steps of a pack share the flows that they are compared with."""
    members = [cast(Spec, s) for s in specs]
    flows: dict[str, tuple[Trajectory, Array]] = {}
    with Keeper(job, [s.run_id for s in members], len(members)) as keeper:
        state = keeper.resumed()
        done = state["step"] if state else 0
        records = Records(scalars=state["scalars"] if state else [])
        for i, s in enumerate(members[done:], done + 1):
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                _member(s, flows, records)  # one that diverges is recorded
            keeper.tick(i, lambda: {"scalars": records.scalars})
    return records


def _member(s: Spec, flows: dict[str, tuple[Trajectory, Array]], records: Records) -> None:
    problem, start = draw(s)
    times = np.linspace(0, s.horizon, s.record_points)
    key = s.model_copy(update={"lr": None}).run_id
    if key not in flows:
        exact = integrate(problem, start, times, s.rtol)
        rough = integrate(problem, start, times, 100 * s.rtol)
        flows[key] = exact, np.linalg.norm(rough.states - exact.states, axis=1)
    exact, error = flows[key]
    states = iter(exact.states) if s.lr is None else steps(problem, start, s.lr, times)
    for i, (t, state) in enumerate(zip(times, states, strict=True)):
        if s.lr is None and exact.why == "stationary" and t > exact.end:
            break
        distance = float(np.linalg.norm(state - exact.states[i]))
        values = {"time": float(t), "flow_distance": distance, "flow_error": float(error[i])}
        _write(records, s, i, {**values, **measured(problem, state)})
        if s.lr is not None and not np.isfinite(state).all():
            records.scalar(s.run_id, i, i, "diverged_step", round(t / s.lr))
            break
    if s.lr is None:
        if exact.why == "stationary":
            _write(records, s, i, {"time": exact.end, **measured(problem, exact.last)})
        ended = {"converged": exact.why != "budget", "slid": exact.why == "slid"}
        _write(records, s, i, {name: float(value) for name, value in ended.items()})


def _write(records: Records, s: Spec, i: int, values: dict[str, float]) -> None:
    for name, value in values.items():
        records.scalar(s.run_id, i, i, name, value)


def steps(problem: Problem, start: Array, lr: float, times: Array) -> Iterator[Array]:
    """The states at the times (evenly spaced) of W <- renormalised(W - lr P(gradient))."""
    every = round(times[1] / lr)
    state = start
    yield state
    for _ in times[1:]:
        for _ in range(every):
            state = problem.renormalised(state + lr * problem.velocity(state))
        yield state
