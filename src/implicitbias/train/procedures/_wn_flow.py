"""An adaptive solver for the gradient flow of one diagonal linear network.

This is the reference for descent.

The members of a pack are integrated one after another, unlike those of descent, which are one
array: the flows are stiff, and their stiffness differs. For eight typical instances (depth 2 to 4,
to a residual of 1e-8 or time 1e8, rtol 1e-10) LSODA took 2,300 to 7,800 evaluations each, because
it switches to implicit steps of high order where needed, member by member. The explicit methods
that could be written for a batch with a step size per member (Runge-Kutta 5(4) and 8(5,3)) had not
reached the end of seven of them after 400,000. SciPy has no batched stiff solver, and one step size
for the batch would be that of its worst member. One process integrates all members, with one draw
and one linear program per instance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import LSODA
from scipy.linalg import null_space
from scipy.optimize import brentq

from ...plan.specs.weight_norm_flow import Spec
from ..records import Records
from ..sparse import diagonal
from ..sparse.sensing import Instance
from ._wn_records import against_pursuit

Array = NDArray[np.float64]
ATOL = 1e-18  # entries fall far below 1, and their logarithms are invariants
ROUNDING = 4 * np.finfo(float).eps  # to which the end is located, as solve_ivp does
COMPONENTS = 4  # of the projected invariant that are recorded


class Flow:
    """The flow x' with eta_u = 1, eta_r = 1/c; the state is (r, u), or x without c."""

    def __init__(
        self, made: Instance, depth: int, signed: bool, c: float | None, rtol: float = 1e-10
    ) -> None:
        self.b = np.hstack([made.matrix, -made.matrix]) if signed else made.matrix
        self.gram = self.b.T @ self.b
        self.y, self.depth, self.c, self.rtol = made.y, depth, c, rtol
        self.size = float(np.linalg.norm(made.y))

    def x(self, state: Array) -> Array:
        """Return x = r u."""
        return state if self.c is None else np.asarray(state[0] * state[1:])

    def residual(self, state: Array) -> float:
        """Return ||B x^L - y|| / ||y||."""
        misfit = self.b @ self.x(state) ** self.depth - self.y
        return float(np.sqrt(misfit @ misfit)) / self.size

    def __call__(self, t: float, state: Array) -> Array:
        """Return the right-hand side of the flow."""
        x = self.x(state)
        low = x  # x^{L-1} by multiplications: powers of arrays are slower
        for _ in range(self.depth - 2):
            low = low * x
        g = (self.b @ (low * x) - self.y) @ self.b
        g *= self.depth * low
        if self.c is None:
            return -g
        r, u = state[0], state[1:]
        along = float(u @ g)
        change = np.empty_like(state)
        change[0], change[1:] = -along / self.c, r * (along * u - g)
        return change

    def jacobian(self, t: float, state: Array) -> Array:
        """Return d __call__ / d state (n + 1, n + 1), or (n, n) without c."""
        x = self.x(state)
        lower = x ** (self.depth - 2)
        h = (self.b @ (lower * x * x) - self.y) @ self.b
        slope = self.depth * lower * x
        g = slope * h
        hessian = slope[:, None] * self.gram * slope
        hessian[np.diag_indices_from(hessian)] += self.depth * (self.depth - 1) * lower * h
        if self.c is None:
            return np.asarray(-hessian)
        r, u, along = state[0], state[1:], float(state[1:] @ g)
        hessian_u = hessian @ u
        full = np.empty((len(state), len(state)))
        full[0, 0] = -float(u @ hessian_u) / self.c
        full[0, 1:] = -(g + r * hessian_u) / self.c
        full[1:, 0] = along * u - g - r * (hessian_u - float(u @ hessian_u) * u)
        full[1:, 1:] = r * (u[:, None] * (g + r * hessian_u) - r * hessian)
        full[np.arange(1, len(state)), np.arange(1, len(state))] += r * along
        return full

    def integrate(self, start: Array, stop: float, times: Array) -> tuple[Array, Array]:
        """Return times (T,) and states (T, n) of the flow; the last state is at the end.

        The times are among `times`, ascending. The end is where the residual crosses `stop`, else
        the last time, or where the solver gives up. This is `solve_ivp` with a terminal event,
        without its bookkeeping in each of thousands of steps.
        """
        size = float(np.sqrt(np.square(start).sum()))
        state = start if self.c is None else np.concatenate([[size], start / size])
        solver = LSODA(self, 0.0, state, times[-1], rtol=self.rtol, atol=ATOL, jac=self.jacobian)
        moments, states, taken = [], [], 0
        above, arrived = self.residual(state) - stop, False
        while solver.status == "running" and not arrived:
            solver.step()
            before, above = above, self.residual(solver.y) - stop
            arrived = before * above <= 0
            if not arrived and times[taken] > solver.t:
                continue
            between, end = solver.dense_output(), solver.t
            if arrived:
                end = brentq(
                    lambda t, at=between: self.residual(at(t)) - stop, solver.t_old, end,
                    xtol=ROUNDING, rtol=ROUNDING,
                )  # fmt: skip
            until = int(np.searchsorted(times, end, side="left" if arrived else "right"))
            due = np.append(times[taken:until], [end] * arrived)
            moments.append(due)
            states.append(between(due).T)
            taken = until
        if solver.status == "failed":
            moments.append(np.array([solver.t]))
            states.append(solver.y[None])
        return np.concatenate(moments), np.concatenate(states)


def run(s: Spec, made: Instance, pursuit: Array, records: Records) -> None:
    """Integrate one member; record its trajectory, its invariants and its limit."""
    flow = Flow(made, s.depth, s.signed, s.rate_ratio, s.rtol)
    width = flow.b.shape[1]
    start = np.full(width, s.init_norm / np.sqrt(width))
    spaced = np.geomspace(1e-2, s.horizon, max(s.record_points, 2))
    times = np.concatenate([[0.0], spaced])
    moments, states = flow.integrate(start, s.stop, times)
    kernel = null_space(flow.b)
    first = kernel.T @ diagonal.invariant(start, s.depth, s.rate_ratio)
    drift = 0.0
    for k, (t, state) in enumerate(zip(moments, states, strict=True)):
        x = flow.x(state)
        now = kernel.T @ diagonal.invariant(np.maximum(x, 1e-300), s.depth, s.rate_ratio)
        # Relative to the whole vector: the uniform start has a projection that may vanish.
        size = np.linalg.norm(diagonal.invariant(np.maximum(x, 1e-300), s.depth, s.rate_ratio))
        drift = max(drift, float(np.abs(now - first).max() / size))
        if s.record_points or k == len(moments) - 1:
            _record(s, made, flow, state, k, t, drift, now, records)
    x, k = flow.x(states[-1]), len(moments) - 1
    z = _z(x, s)
    residual = flow.residual(states[-1])
    values = {
        **against_pursuit(s, made, pursuit, z, x),
        "converged": float(residual <= 10 * s.stop),
        "unit_drift": 0.0 if s.rate_ratio is None else abs(np.linalg.norm(states[-1][1:]) - 1),
    }
    if s.compare_start:
        values["magnification_gap"] = _gap(s, made, start, x)
    for name, value in values.items():
        records.scalar(s.run_id, k, k, name, float(value))


def _z(x: Array, s: Spec) -> Array:
    power = x**s.depth
    n = s.dimension
    return np.asarray(power[:n] - power[n:] if s.signed else power)


def _record(
    s: Spec, made: Instance, flow: Flow, state: Array, k: int, t: float, drift: float,
    now: Array, records: Records,
) -> None:  # fmt: skip
    x = flow.x(state)
    z = _z(x, s)
    values = {
        "time": t, "residual": flow.residual(state), "l1_norm": np.abs(z).sum(),
        "scale": np.linalg.norm(x), "invariant_drift": drift,
        "reconstruction_error": np.linalg.norm(z - made.truth) / np.linalg.norm(made.truth),
    }  # fmt: skip
    for name, value in values.items():
        records.scalar(s.run_id, k, k, name, float(value))
    for i, component in enumerate(now[:COMPONENTS]):
        records.scalar(s.run_id, k, k, "invariant", component, layer=f"component{i}")


def _gap(s: Spec, made: Instance, start: Array, x: Array) -> float:
    """Return ||z_WN - z_plain|| / ||z_WN||, the plain flow started at x(0) / magnification."""
    size = float(np.linalg.norm(x))
    shrink = np.exp(-diagonal.log_magnification(s.init_norm, size, s.rate_ratio))
    plain = Flow(made, s.depth, s.signed, None, s.rtol)
    _, states = plain.integrate(start * shrink, s.stop, np.array([s.horizon * 1e4]))
    if plain.residual(states[-1]) > 10 * s.stop:
        return float("nan")
    other, z = _z(states[-1], s), _z(x, s)
    return float(np.linalg.norm(other - z) / np.linalg.norm(z))
