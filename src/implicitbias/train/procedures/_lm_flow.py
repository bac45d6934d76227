"""An adaptive solver for the flow of `lm_flow`, from kink to kink where there are kinks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.integrate import DOP853
from scipy.optimize import brentq

from ._lm_network import Array, Masks, Problem

DEPTH = 1e-12  # how far beyond a kink it counts as crossed; pre-activations are at most 1
LOOKS = 4  # points within a step at which kinks are looked for


@dataclass(frozen=True)
class Trajectory:
    """The states (T, n) at the requested times, NaN after the end, with the end and why it ended.

    `why` is horizon, stationary, slid (a ReLU's flow would stay on a kink), or budget. With budget
    the right-hand side was evaluated as often as allowed, or the solver gave up: the flow did not
    converge.
    """

    states: Array
    end: float
    last: Array
    why: str
    evaluations: int


def integrate(problem: Problem, start: Array, times: Array, rtol: float) -> Trajectory:
    """Return the flow from `start` at time 0 to the last of `times` (increasing)."""
    s = problem.spec
    states = np.full((len(times), len(start)), np.nan)
    states[times == 0] = start
    masks = _masks(problem, start) if s.activation == "relu" else None
    t, state, used = 0.0, start, 0
    while True:
        right = partial(_right, problem, masks)
        piece: Any = DOP853(right, t, state, float(times[-1]), rtol=rtol, atol=rtol / 100)
        crossed = None
        while piece.status == "running" and crossed is None:
            if used + piece.nfev >= s.max_evaluations:
                return Trajectory(states, t, state, "budget", used + piece.nfev)
            piece.step()
            if piece.status == "failed":
                return Trajectory(states, t, state, "budget", used + piece.nfev)
            path = piece.dense_output()
            crossed = None if masks is None else _crossing(problem, path, t, piece.t, masks)
            until = piece.t if crossed is None else crossed
            inside = (times > t) & (times <= until)
            if inside.any():
                states[inside] = path(times[inside]).T
            t, state = until, piece.y.copy() if crossed is None else path(until)
            if np.linalg.norm(problem.velocity(state, masks)) <= s.stop:
                return Trajectory(states, t, state, "stationary", used + piece.nfev)
        used += piece.nfev
        if crossed is None:
            return Trajectory(states, t, state, "horizon", used)
        assert masks is not None
        if _slides(problem, state, masks):
            return Trajectory(states, t, state, "slid", used)


def _right(problem: Problem, masks: Masks | None, t: float, state: Array) -> Array:
    return problem.velocity(state, masks)


def _masks(problem: Problem, state: Array) -> Masks:
    return [z > 0 for z in problem.forward(problem.layers(state)).z[:-1]]


def _signed(problem: Problem, state: Array, masks: Masks) -> list[Array]:
    """Return pre-activations, positive where a unit is on the side that its mask says."""
    z = problem.forward(problem.layers(state), masks).z[:-1]
    return [np.where(m, a, -a) for m, a in zip(masks, z, strict=True)]


def _crossing(problem: Problem, path: Any, begin: float, end: float, masks: Masks) -> float | None:
    """Return the first time at which a unit is DEPTH beyond its kink; None if no unit is.

    A unit that leaves and comes back between two evaluations is not noticed.
    """

    def least(t: float) -> float:
        return min(float(a.min()) for a in _signed(problem, path(t), masks)) + DEPTH

    before = begin
    for t in np.linspace(begin, end, LOOKS + 1)[1:]:
        if least(t) < 0:
            # Just after a kink the unit that crossed it is DEPTH away, and rounding may hide that.
            return before if least(before) <= 0 else float(brentq(least, before, t, xtol=1e-15))
        before = t
    return None


def _slides(problem: Problem, state: Array, masks: Masks) -> bool:
    """Flip the unit that crossed; return whether the flow on its new side drives it back."""
    signed = _signed(problem, state, masks)
    layer = min(range(len(signed)), key=lambda k: float(signed[k].min()))
    where = np.unravel_index(np.argmin(signed[layer]), signed[layer].shape)
    masks[layer] = masks[layer].copy()
    masks[layer][where] ^= True
    side = 1.0 if masks[layer][where] else -1.0
    return side * float(_rates(problem, state, masks)[layer][where]) <= 0


def _rates(problem: Problem, state: Array, masks: Masks) -> list[Array]:
    """Return dz/dt of every pre-activation along the flow of these masks."""
    weights = problem.layers(state)
    moving = problem.layers(problem.velocity(state, masks))
    passed = problem.forward(weights, masks)
    rates, h_rate = [], np.zeros_like(problem.x)
    for k, mask in enumerate(masks):
        rates.append(h_rate @ weights[k].T + passed.h[k] @ moving[k].T)
        h_rate = np.where(mask, rates[-1], 0.0)
    return rates
