"""The gradient flow of one diagonal linear network, by an adaptive solver: the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import null_space

from ..records import Records
from ..sparse import diagonal
from ..sparse.sensing import Instance
from ..specs.weight_norm_flow import Spec

Array = NDArray[np.float64]
ATOL = 1e-18  # entries fall far below 1, and their logarithms are invariants
COMPONENTS = 4  # of the projected invariant that are recorded


class Flow:
    """x' of the flow with eta_u = 1, eta_r = 1/c; the state is (r, u), or x without c."""

    def __init__(
        self, made: Instance, depth: int, signed: bool, c: float | None, rtol: float = 1e-10
    ) -> None:
        self.b = np.hstack([made.matrix, -made.matrix]) if signed else made.matrix
        self.y, self.depth, self.c, self.rtol = made.y, depth, c, rtol

    def x(self, state: Array) -> Array:
        """x = r u."""
        return state if self.c is None else np.asarray(state[0] * state[1:])

    def residual(self, state: Array) -> float:
        """||B x^L - y|| / ||y||."""
        misfit = self.b @ self.x(state) ** self.depth - self.y
        return float(np.linalg.norm(misfit) / np.linalg.norm(self.y))

    def __call__(self, t: float, state: Array) -> Array:
        """The right-hand side."""
        x = self.x(state)
        low = x ** (self.depth - 1)
        g = self.depth * low * (self.b.T @ (self.b @ (low * x) - self.y))
        if self.c is None:
            return np.asarray(-g)
        r, u = state[0], state[1:]
        along = float(u @ g)
        return np.concatenate([[-along / self.c], -r * (g - along * u)])

    def integrate(
        self, start: Array, stop: float, horizon: float, times: Array | None
    ) -> tuple[Array, Array]:
        """Times (T,) and states (T, n) until the residual is `stop` or the horizon."""
        size = float(np.sqrt(np.square(start).sum()))
        state = start if self.c is None else np.concatenate([[size], start / size])

        def arrived(t: float, state: Array) -> float:
            return self.residual(state) - stop

        arrived.terminal = True  # type: ignore[attr-defined]
        found: Any = solve_ivp(
            self, (0.0, horizon), state, method="LSODA", rtol=self.rtol, atol=ATOL, t_eval=times,
            events=arrived,
        )  # fmt: skip
        if found.t_events[0].size:
            kept = found.t < found.t_events[0][0]
            return (
                np.append(found.t[kept], found.t_events[0][0]),
                np.vstack([found.y.T[kept], found.y_events[0][0][None]]),
            )
        return found.t, found.y.T


def run(s: Spec, made: Instance, pursuit: Array, records: Records) -> None:
    """Integrate one member; record its trajectory, its invariants and its limit."""
    from .weight_norm_flow import against_pursuit

    flow = Flow(made, s.depth, s.signed, s.rate_ratio, s.rtol)
    width = flow.b.shape[1]
    start = np.full(width, s.init_norm / np.sqrt(width))
    spaced = np.geomspace(1e-2, s.horizon, max(s.record_points, 2))
    times = np.concatenate([[0.0], spaced])
    moments, states = flow.integrate(start, s.stop, s.horizon, times)
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
    """||z_WN - z_plain|| / ||z_WN||, the plain flow started at x(0) / magnification."""
    size = float(np.linalg.norm(x))
    shrink = np.exp(-diagonal.log_magnification(s.init_norm, size, s.rate_ratio))
    plain = Flow(made, s.depth, s.signed, None, s.rtol)
    _, states = plain.integrate(start * shrink, s.stop, s.horizon * 1e4, None)
    if plain.residual(states[-1]) > 10 * s.stop:
        return float("nan")
    other, z = _z(states[-1], s), _z(x, s)
    return float(np.linalg.norm(other - z) / np.linalg.norm(z))
