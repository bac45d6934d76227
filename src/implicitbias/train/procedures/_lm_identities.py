"""What `lm_flow` measures of a state: rho, the loss, margins, and the gaps of the identities."""

from __future__ import annotations

import numpy as np

from ._lm_network import Array, Problem


def measured(problem: Problem, state: Array) -> dict[str, float]:
    """The recorded scalars of a state; NaN for a missing one.

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
    weights, n, lam = problem.layers(here), len(problem.y), problem.lam
    sizes = [float(np.linalg.norm(w)) for w in weights]
    units = [w / size for w, size in zip(weights, sizes, strict=True)]
    rho = float(here[0]) * sizes[-1]
    found = problem.forward(units)
    f, y = found.outputs, problem.y
    mu, m, eps = float(y @ f) / n, float(f @ f) / n, 1 - rho * y * f
    velocity = problem.velocity(here)
    rates = problem.layers(velocity)
    turning = float((rates[-1] * units[-1]).sum())
    rho_rate = float(velocity[0]) * sizes[-1] + float(here[0]) * turning
    pulled = [p / n for p in problem.pulled(units, found, y - rho * f)]
    force, rms = float((y - rho * f) @ f) / n, float(np.sqrt((eps @ eps) / n))
    speed = [2 * rho for _ in units]
    if problem.spec.free == "last_layer":
        speed[-1] /= rho**2
    turns = [(r - (r * v).sum() * v) / size for r, v, size in zip(rates, units, sizes, strict=True)]
    directions = [
        float(np.linalg.norm(turn - c * (p - force * v))) / (c * rms)
        for turn, v, p, c in zip(turns, units, pulled, speed, strict=True)
    ]
    multipliers = [
        abs(float((p * v).sum()) - (mu - rho * m)) / rms for p, v in zip(pulled, units, strict=True)
    ]
    return {
        "rho": rho,
        "loss": float(eps @ eps) / n,
        "decay_lambda": lam,
        "alignment": mu,
        "output_square": m,
        "margin_min": float((1 - eps).min()),
        "margin_max": float((1 - eps).max()),
        "gap_rho": abs(rho_rate - 2 * (mu - rho * (m + lam))) / (2 * abs(mu) + 2 * rho * (m + lam)),
        "gap_direction": float(np.max(directions)),
        "gap_multiplier": float(np.max(multipliers)),
        "gap_equilibrium": abs(rho - mu / (m + lam)) / rho,
        "gap_loss": abs(float(eps @ eps) / n + lam * rho**2 - (1 - rho * mu)),
        "gap_decay": abs(lam * rho**2 - float(eps @ (1 - eps)) / n),
        "gap_critical": float(
            np.max([np.linalg.norm(lam * rho * v - p) for p, v in zip(pulled, units, strict=True)])
        ),
        "unit_drift": max(
            abs(float(np.linalg.norm(w)) - 1) for w in problem.layers(state)[: problem.on_sphere]
        )
        if problem.on_sphere
        else 0.0,
        "speed": float(np.linalg.norm(velocity)),
    }
