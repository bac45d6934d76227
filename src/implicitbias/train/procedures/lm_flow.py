"""`lm_flow` is the gradient flow of the square loss with layers on the sphere.

The flow is compared with its discrete steps.

Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss,
Research 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import numpy as np

from ...plan.spec import RunSpec
from ...plan.specs.lm_flow import Spec
from ..loop import Loop
from ..parts import Once, Part
from ..records import Records, concatenated
from . import Job
from ._lm_flow import Trajectory, integrate
from ._lm_identities import measured
from ._lm_network import Array, Problem, draw


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of all members, one after another.

    The steps of a pack share the flows that they are compared with.
    """
    loop, flows = Loop(job, [s.run_id for s in specs]), dict[str, tuple[Trajectory, Array]]()
    each = [partial(_member, cast(Spec, s), flows) for s in specs]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # divergence is recorded
        return concatenated(loop.run([Part(1, partial(Once, write)) for write in each]))


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
    """Return the states at the times (evenly spaced) of W <- renormalised(W - lr P(gradient))."""
    every = round(times[1] / lr)
    state = start
    yield state
    for _ in times[1:]:
        for _ in range(every):
            state = problem.renormalised(state + lr * problem.velocity(state))
        yield state
