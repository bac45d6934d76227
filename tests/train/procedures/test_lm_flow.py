"""The flow with Lagrange multipliers: closed forms, other solvers, the engine's own steps."""

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from implicitbias.base.errors import UserError
from implicitbias.figures.xu2023dynamics import exp_flow
from implicitbias.models import mlp_relu
from implicitbias.plan import spec
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.sphere import OnSphere
from implicitbias.train.loop import Loop
from implicitbias.train.procedures import Job, _lm_flow, load
from implicitbias.train.procedures._lm_identities import measured
from implicitbias.train.procedures._lm_network import Problem, draw
from implicitbias.train.procedures.lm_flow import steps

SMALL = {"n_examples": 6, "dimension": 4, "width": 5, "horizon": 4.0, "record_points": 5}
KINKED = {"n_examples": 2, "dimension": 3, "width": 3, "depth": 2, "activation": "relu"}


def make(**fields):
    return spec.make({"procedure": "lm_flow", **fields})


def flow(s):
    problem, start = draw(s)
    times = np.linspace(0, s.horizon, s.record_points)
    return problem, start, times, _lm_flow.integrate(problem, start, times, s.rtol)


def scalars(specs, folder):
    found = pd.DataFrame(load("lm_flow")(specs, Job("test", folder, folder)).scalars)
    return found.pivot(index=["run", "epoch"], columns="quantity", values="value")


@pytest.mark.parametrize("free", ["last_layer", "scalar"])
def test_a_chain_of_numbers_follows_its_closed_form(free):
    """Width 1: the layers cannot turn, so rho' = 2 (mu - rho (M + lambda)) is linear."""
    s = make(activation="linear", free=free, dimension=1, width=1, n_examples=5, horizon=3.0,
             record_points=7, init_norm=0.3, weight_decay=0.4)  # fmt: skip
    problem, start, times, found = flow(s)
    f = problem.forward([np.sign(w) for w in problem.layers(start)]).outputs
    mu, rate = (f @ problem.y) / 5, (f @ f) / 5 + 0.2
    exact = mu / rate + (0.3 - mu / rate) * np.exp(-2 * rate * times)
    sign = np.sign(problem.layers(start)[-1][0, 0])
    column = 0 if free == "scalar" else 3
    rho = found.states[:, column] * (1 if free == "scalar" else sign)
    assert np.allclose(rho, exact, rtol=0, atol=1e-9)  # ten times the solver's tolerance
    at = mu / rate + (0.3 - mu / rate) * (1 - 2 * rate * 0.01) ** np.rint(times / 0.01)
    stepped = np.array(list(steps(problem, start, 0.01, times)))[:, column]
    assert np.allclose(stepped * (1 if free == "scalar" else sign), at, rtol=0, atol=1e-13)


def test_one_free_layer_is_ridge_regression():
    """w' = -2 (X^T X / N + lambda) w + 2 X^T y / N, by the matrix exponential."""
    s = make(depth=1, activation="linear", n_examples=8, dimension=4, horizon=5.0, weight_decay=0.1)
    problem, start, times, found = flow(s)
    matrix = 2 * (problem.x.T @ problem.x / 8 + 0.05 * np.eye(4))
    rest = np.linalg.solve(matrix, 2 * problem.x.T @ problem.y / 8)
    for t, state in zip(times, found.states, strict=True):
        assert np.allclose(state[1:], rest + expm(-matrix * t) @ (start[1:] - rest), atol=1e-9)


@pytest.mark.parametrize("free", ["last_layer", "scalar"])
@pytest.mark.parametrize("activation", ["linear", "smooth_relu", "relu"])
def test_velocity_is_the_tangent_gradient_by_finite_differences(activation, free):
    s = make(**SMALL, activation=activation, free=free, init_norm=1.7)
    problem, start = draw(s)

    def loss(state):
        unit = problem.renormalised(state)
        g = unit[0] * problem.forward(problem.layers(unit)).outputs
        free_part = unit[0] if free == "scalar" else np.linalg.norm(problem.layers(unit)[-1])
        return np.mean((g - problem.y) ** 2) + problem.lam * free_part**2

    steps = 1e-6 * np.eye(len(start))
    slope = np.array([(loss(start + e) - loss(start - e)) / 2e-6 for e in steps])
    if free == "last_layer":
        slope[0] = 0  # a stays 1
    assert np.allclose(problem.velocity(start), -slope, atol=1e-8)  # e^2 + eps / e


def test_another_solver_on_another_gradient_agrees():
    """LSODA on torch's gradient of the renormalised network: neither solver nor formula shared."""
    s = make(**SMALL, weight_decay=0.3)
    problem, start, times, found = flow(s)
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)

    def rate(t, state):
        w = torch.tensor(state[1:], dtype=torch.float64, requires_grad=True)
        ends, h = np.cumsum([0, *(a * b for a, b in problem.shapes)]), x
        for k, shape in enumerate(problem.shapes):
            v = w[ends[k] : ends[k + 1]].view(shape)
            z = h @ v.T
            r2 = 0.01 * v.square().sum() * h.square().sum(1, keepdim=True) / shape[0]
            h = z if k == 2 else (z + (z.square() + r2).sqrt()) / 2
        total = (h[:, 0] - y).square().mean() + 0.15 * v.square().sum()
        g = torch.autograd.grad(total, w)[0].numpy()
        for a, b in pairwise(ends[:3]):
            g[a:b] -= (g[a:b] @ state[1 + a : 1 + b]) * state[1 + a : 1 + b]
        return np.concatenate([[0], -g])

    other = solve_ivp(rate, (0, s.horizon), start, "LSODA", times, rtol=1e-10, atol=1e-12)
    assert np.abs(other.y.T - found.states).max() < 1e-7  # LSODA's error grows with its steps


@pytest.mark.parametrize("activation", ["linear", "smooth_relu", "relu"])
def test_each_layer_is_homogeneous(activation):
    """<W_k, d net / dW_k> = net (Euler): what E1 to E3 rest on."""
    problem, start = draw(make(**SMALL, activation=activation))
    weights = problem.layers(start)
    found = problem.forward(weights)
    pulled = problem.pulled(weights, found, np.ones(6))
    for w, p in zip(weights, pulled, strict=True):
        assert (w * p).sum() == pytest.approx(found.outputs.sum(), abs=1e-14)


def test_steps_are_those_of_square_sgd():
    """Torch, autograd, the engine's sphere: the same weights after 40 full-batch steps."""
    s = make(**SMALL, activation="relu", weight_decay=0.2)
    problem, start = draw(s)
    net = mlp_relu.build((4,), 1, depth=2, width=5).double()
    for p, w in zip(net.parameters(), problem.layers(start), strict=True):
        p.data.copy_(torch.from_numpy(w))
    members = Members.of([0.1], [0.2], [0.0], torch.float64, torch.device("cpu"))
    plain = PlainTrainer([net], members, "square_sign", torch.float64, torch.device("cpu"))
    trainer = OnSphere(plain, members, ["layers.0.weight", "layers.1.weight"])
    x, labels = torch.from_numpy(problem.x)[None], torch.arange(6)[None] % 2
    for _ in range(40):
        trainer.step(x, labels, 1.0)
    theirs = np.concatenate([t[0].numpy().ravel() for t in trainer.state().values()])
    ours = list(steps(problem, start, 0.1, np.linspace(0, 4, 5)))[-1]
    assert np.abs(ours[1:] - theirs).max() < 1e-12


def heun(problem, start, lr, times):
    state, states = start, [start]
    for i in range(1, round(times[-1] / lr) + 1):
        a = problem.velocity(state)
        state = problem.renormalised(state + lr / 2 * (a + problem.velocity(state + lr * a)))
        states += [state] if i % round(times[1] / lr) == 0 else []
    return states


def test_steps_are_of_first_order_and_the_fit_would_see_a_second():
    problem, start, times, found = flow(make(**SMALL))
    rates = [0.1, 0.05, 0.025, 0.0125]
    for method, order in ((steps, 1), (heun, 2)):
        misses = [
            np.linalg.norm(np.array(list(method(problem, start, lr, times))) - found.states, axis=1)
            for lr in rates
        ]
        rows = pd.DataFrame({"seed": 0, "lr": rates, "value": [m.max() for m in misses]})
        assert exp_flow.slopes(rows)[0] == pytest.approx(order, abs=0.1)
    assert np.isnan(exp_flow.slopes(rows.assign(value=np.nan))[0])


def test_identities_hold_and_would_see_another_flow(tmp_path):
    grid = [(a, f) for a in ("linear", "smooth_relu") for f in ("last_layer", "scalar")]
    found = scalars([make(**SMALL, activation=a, free=f) for a, f in grid], tmp_path)
    gaps = ["gap_rho", "gap_direction", "gap_multiplier"]
    assert found[gaps].max().max() < 1e-14  # tens of roundings
    assert found["unit_drift"].max() < 1e-9
    assert (found["flow_error"] < 1e-7).all()

    class Faster(Problem):
        def velocity(self, state, masks=None):
            return super().velocity(state, masks) * 1.001

    problem, start = draw(make(**SMALL))
    wrong = Faster(**{f.name: getattr(problem, f.name) for f in dataclasses.fields(problem)})
    seen = measured(wrong, start)
    assert min(seen["gap_rho"], seen["gap_direction"]) > 1e-5


def test_rest_satisfies_its_identities(tmp_path):
    s = make(**SMALL | {"horizon": 2000.0}, activation="linear", stop=1e-9)
    last = scalars([s], tmp_path).iloc[-1]
    assert last["speed"] <= 1e-9
    names = ["gap_equilibrium", "gap_loss", "gap_decay", "gap_critical"]
    assert last[names].max() < 1e-7  # speed over the smallest rate, lambda
    assert last["time"] < 2000


def test_equal_margins_rest_at_f_over_f_squared_and_lambda(tmp_path):
    """One example: rho = f / (f^2 + lambda), its miss is lambda / (f^2 + lambda)."""
    s = make(**SMALL | {"n_examples": 1, "horizon": 2000.0}, activation="linear", stop=1e-8)
    last = scalars([s], tmp_path).iloc[-1]
    f, lam = last["alignment"], 0.01
    off = 1e-6  # speed over the smallest rate, lambda
    assert last["rho"] == pytest.approx(f / (f**2 + lam), abs=off)
    assert 1 - last["margin_min"] == pytest.approx(lam / (f**2 + lam), abs=off)


def test_kinks_are_crossed_where_the_flow_goes_through():
    """Against a solver that knows nothing of kinks and takes them in tiny steps."""
    for seed in (2, 13):
        s = make(**KINKED, seed=seed)
        problem, start, times, found = flow(s)
        assert found.why == "horizon"
        ends = [_lm_flow._masks(problem, state)[0] for state in (start, found.last)]
        assert (ends[0] != ends[1]).sum() >= 2
        other = solve_ivp(lambda t, y, p=problem: p.velocity(y), (0, s.horizon), start, "RK45",
                          times, rtol=1e-9, atol=1e-11)  # fmt: skip
        assert np.abs(other.y.T - found.states).max() < 1e-7


def test_a_flow_that_slides_stops_and_steps_chatter_there():
    problem, _, times, found = flow(make(**KINKED, seed=1))
    assert found.why == "slid"
    assert np.isnan(found.states[times > found.end]).all()
    assert np.isfinite(found.states[times <= found.end]).all()
    state, sides = found.last, []
    unit = np.unravel_index(np.argmin(np.abs(problem.forward(problem.layers(state)).z[0])), (2, 3))
    for _ in range(60):
        state = problem.renormalised(state + 1e-4 * problem.velocity(state))
        sides.append(problem.forward(problem.layers(state)).z[0][unit] > 0)
    assert np.count_nonzero(np.diff(sides)) >= 20  # a flow that crosses would change side once


def test_a_spent_budget_is_recorded(tmp_path):
    found = scalars([make(**SMALL, max_evaluations=60)], tmp_path)
    assert found["converged"].dropna().tolist() == [0]
    assert np.isnan(found["rho"].iloc[-1])
    assert np.isfinite(found["rho"].iloc[0])


def test_a_step_beyond_stability_diverges_and_is_recorded(tmp_path):
    found = scalars(
        [make(**SMALL | {"horizon": 1e6}, lr=1e3, init_norm=10.0, max_evaluations=100)], tmp_path
    )
    assert found["diverged_step"].dropna().iloc[0] > 0


def test_a_run_does_not_depend_on_its_pack_nor_on_a_kill(tmp_path, monkeypatch):
    specs = [make(**SMALL, lr=lr, seed=k) for k in (0, 1) for lr in (0.1, None, 0.5)]
    whole = scalars(specs, tmp_path)
    alone = scalars([specs[3]], tmp_path)
    assert whole.loc[[specs[3].run_id]].dropna(axis=1, how="all").equals(alone)
    tick = Loop.tick

    def killed(self, training, records, before):
        self._signal = 15 if before == 1 else None
        tick(self, training, records, before)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "tick", killed)
        with pytest.raises(SystemExit):
            scalars(specs, tmp_path)
    assert (tmp_path / "checkpoint.pt").exists()
    assert scalars(specs, tmp_path).equals(whole)


@pytest.mark.parametrize(
    "fields", [{"lr": 0.3}, {"lr": 20.0}, {"lr": 0.1, "stop": 1e-3}, {"record_points": 1}]
)
def test_impossible_specs(fields):
    with pytest.raises(UserError):
        make(**fields)
