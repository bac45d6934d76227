"""Measurements of states of `lm_flow`: rho, loss, margins, and the gaps of the identities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._lm_network import Array, Problem


def measured(problem: Problem, state: Array) -> dict[str, float]:
    """Return the recorded scalars of a state; NaN for a missing one.

    With g = rho f, eps_n = 1 - y_n g_n, mu = mean y_n f_n, M = mean f_n^2 (Xu et al.):

    gap_rho         |rho' - 2 (mu - rho (M + lambda))|
    gap_direction   max_k ||V_k' - (2 rho / N) sum_n (y_n - g_n) (df_n/dV_k - f_n V_k)||
    gap_multiplier  max_k |(rho / N) sum_n (y_n - g_n) <V_k, df_n/dV_k> - rho (mu - rho M)|

    hold always; each is relative to what bounds its terms. On the left is the flow as it is
    integrated, a projected gradient of the whole loss. For a free last layer W_L = rho V_L the
    flow of V_L is that of a free scalar over rho^2. The others are 0 at rest:

    gap_equilibrium |rho - mu / (M + lambda)| / rho
    gap_loss        |mean eps_n^2 + lambda rho^2 - (1 - rho mu)|
    gap_decay       |lambda rho^2 - mean eps_n (1 - eps_n)|
    gap_critical    max_k ||lambda rho V_k - (1/N) sum_n (y_n - g_n) df_n/dV_k||
    """
    here = problem.renormalised(state)  # the identities are of unit layers
    at = _seen(problem, here)
    n, lam, eps = len(problem.y), problem.lam, at.eps
    return {
        "rho": at.rho,
        "loss": float(eps @ eps) / n,
        "decay_lambda": lam,
        "alignment": at.mu,
        "output_square": at.m,
        "margin_min": float((1 - eps).min()),
        "margin_max": float((1 - eps).max()),
        **_gaps_of_the_flow(problem, here, at),
        **_gaps_at_rest(at, lam, n),
        "unit_drift": _unit_drift(problem, state),
        "speed": float(np.linalg.norm(at.velocity)),
    }


class _Seen(NamedTuple):
    """The terms of the identities: layers' sizes and directions V_k, rho, outputs, pulls."""

    sizes: list[float]
    units: list[Array]
    rho: float
    outputs: Array  # f_n
    mu: float
    m: float
    eps: Array
    velocity: Array
    pulled: list[Array]  # (1/N) sum_n (y_n - g_n) df_n/dV_k


def _seen(problem: Problem, here: Array) -> _Seen:
    weights, n, y = problem.layers(here), len(problem.y), problem.y
    sizes = [float(np.linalg.norm(w)) for w in weights]
    units = [w / size for w, size in zip(weights, sizes, strict=True)]
    rho = float(here[0]) * sizes[-1]
    passed = problem.forward(units)
    f = passed.outputs
    mu, m, eps = float(y @ f) / n, float(f @ f) / n, 1 - rho * y * f
    pulled = [p / n for p in problem.pulled(units, passed, y - rho * f)]
    return _Seen(sizes, units, rho, f, mu, m, eps, problem.velocity(here), pulled)


def _gaps_of_the_flow(problem: Problem, here: Array, at: _Seen) -> dict[str, float]:
    """Return the gaps of the identities that hold always."""
    rho, mu, m, lam, n = at.rho, at.mu, at.m, problem.lam, len(problem.y)
    rates = problem.layers(at.velocity)
    along = float((rates[-1] * at.units[-1]).sum())
    rho_rate = float(at.velocity[0]) * at.sizes[-1] + float(here[0]) * along
    force = float((problem.y - rho * at.outputs) @ at.outputs) / n
    rms = float(np.sqrt((at.eps @ at.eps) / n))
    speed = [2 * rho for _ in at.units]
    if problem.spec.free == "last_layer":
        speed[-1] /= rho**2
    tangents = [
        (r - (r * v).sum() * v) / size for r, v, size in zip(rates, at.units, at.sizes, strict=True)
    ]
    directions = [
        float(np.linalg.norm(tangent - c * (p - force * v))) / (c * rms)
        for tangent, v, p, c in zip(tangents, at.units, at.pulled, speed, strict=True)
    ]
    multipliers = [
        abs(float((p * v).sum()) - (mu - rho * m)) / rms
        for p, v in zip(at.pulled, at.units, strict=True)
    ]
    return {
        "gap_rho": abs(rho_rate - 2 * (mu - rho * (m + lam))) / (2 * abs(mu) + 2 * rho * (m + lam)),
        "gap_direction": float(np.max(directions)),
        "gap_multiplier": float(np.max(multipliers)),
    }


def _gaps_at_rest(at: _Seen, lam: float, n: int) -> dict[str, float]:
    """Return the gaps of the identities that hold at an equilibrium."""
    rho, mu, eps = at.rho, at.mu, at.eps
    pulls = zip(at.pulled, at.units, strict=True)
    return {
        "gap_equilibrium": abs(rho - mu / (at.m + lam)) / rho,
        "gap_loss": abs(float(eps @ eps) / n + lam * rho**2 - (1 - rho * mu)),
        "gap_decay": abs(lam * rho**2 - float(eps @ (1 - eps)) / n),
        "gap_critical": float(np.max([np.linalg.norm(lam * rho * v - p) for p, v in pulls])),
    }


def _unit_drift(problem: Problem, state: Array) -> float:
    """Return the largest distance of the norm of a layer on the sphere from 1."""
    on_sphere = problem.layers(state)[: problem.on_sphere]
    return max((abs(float(np.linalg.norm(w)) - 1) for w in on_sphere), default=0.0)
