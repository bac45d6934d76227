"""Weight-normalised descent and flow: derived values, invariants, limits, packs, resuming."""

import signal

import numpy as np
import pandas as pd
import pytest

from implicitbias.base.errors import UserError
from implicitbias.plan import spec
from implicitbias.train.loop import Loop
from implicitbias.train.procedures import Job, _wn_flow, load

SMALL = {"dimension": 40, "measurements": 20, "sparsity": 3}


def make(**fields):
    return spec.make({"procedure": "weight_norm_flow", **fields})


def ends(specs, tmp_path):
    found = load("weight_norm_flow")(specs, Job("test", tmp_path, tmp_path))
    frame = pd.DataFrame(found.scalars)
    last = frame[frame["step"] == frame.groupby("run")["step"].transform("max")]
    last = last[last["layer"] == ""]
    return last.pivot(index="run", columns="quantity", values="value").loc[
        [s.run_id for s in specs]
    ]


def test_derived_errors(tmp_path):
    # By a separate implementation, two digits; these are among the quickest of the table.
    specs = [make(depth=3, init_norm=1.0, rate_ratio=5.0, iterations=60_000),
             make(init_norm=2.0, rate_ratio=1.0)]  # fmt: skip
    found = ends(specs, tmp_path)["reconstruction_error"]
    assert found.tolist() == pytest.approx([1.0e-8, 6.0e-2], rel=0.05)


def test_a_run_does_not_depend_on_its_pack(tmp_path):
    specs = [
        make(**{**SMALL, "measurements": m}, seed=s, rate_ratio=c, depth=d, iterations=3000)
        for s in (0, 1) for c in (None, 2.0) for d in (2, 3) for m in (15, 20)
    ]  # fmt: skip
    together = ends(specs, tmp_path)
    for one in (specs[1], specs[6], specs[-1]):
        alone = ends([one], tmp_path)
        names = ["reconstruction_error", "residual", "scale", "iterations_used"]
        pair = together.loc[one.run_id, names], alone.loc[one.run_id, names]
        assert np.allclose(*[p.to_numpy(dtype=float) for p in pair], rtol=1e-9)


def reference_step(s, b, y, x, v, r):
    """One step of a lone network, written from the definition; the new x, v (pairs, n), r."""
    g = s.depth * x ** (s.depth - 1) * (b.T @ (b @ x**s.depth - y))
    if s.rate_ratio is None:
        return x - s.eta * g, v, r
    parts, out = np.split(g, s.polar_pairs), []
    for k, part in enumerate(parts):
        size = np.linalg.norm(v[k])
        u = v[k] / size
        step = r[k] / size * (part - (u @ part) * u)
        moved = r[k] - s.eta / s.rate_ratio * (u @ part), v[k] - s.eta * step
        out.append(moved)
    r, v = [p[0] for p in out], [p[1] for p in out]
    x = np.concatenate([a * w / np.linalg.norm(w) for a, w in zip(r, v, strict=True)])
    if s.form == "projected":
        v = [w / np.linalg.norm(w) for w in v]
    return x, v, r


@pytest.mark.parametrize("form", ["projected", "salimans_kingma"])
@pytest.mark.parametrize(("signed", "pairs"), [(False, 1), (True, 1), (True, 2)])
def test_a_mixed_pack_takes_the_steps_of_the_definition(form, signed, pairs, tmp_path):
    from implicitbias.train.procedures._wn_steps import Steps
    from implicitbias.train.sparse import sensing

    specs = [
        make(dimension=12, measurements=6, sparsity=2, form=form, signed=signed, polar_pairs=pairs,
             depth=d, rate_ratio=c, eta=0.02, init_norm=1.2)
        for d in (2, 3, 4) for c in ((1.0, 3.0) if pairs == 2 else (None, 1.0, 3.0))
    ]  # fmt: skip
    made = sensing.draw(0, 12, 6, 2, signed, 0.0)
    pack = Steps(specs, [made] * len(specs))
    b = np.hstack([made.matrix, -made.matrix]) if signed else made.matrix
    alone = []
    for s in specs:
        x = np.full(b.shape[1], s.init_norm / b.shape[1] ** 0.5)
        parts = np.split(x, s.polar_pairs)
        r = [np.linalg.norm(p) for p in parts]
        alone.append((x, [p / a for p, a in zip(parts, r, strict=True)], r))
    for _ in range(40):
        pack.advance(pack.misfit())
        alone = [reference_step(s, b, made.y, *a) for s, a in zip(specs, alone, strict=True)]
    assert np.allclose(pack.x[pack.index], [a[0] for a in alone], rtol=1e-11)
    assert np.ptp(pack.x[pack.index], axis=0).min() > 1e-3  # the members do differ


def test_members_of_a_pack_arrive_and_stop_at_their_own_first_step(tmp_path):
    from implicitbias.train.procedures._wn_steps import Steps
    from implicitbias.train.sparse import sensing

    specs = [make(**SMALL, rate_ratio=c, depth=d, eta=0.05, stop=stop, iterations=3000)
             for c in (None, 5.0) for d, stop in ((2, 1e-2), (2, 1e-6), (3, 1e-5))]  # fmt: skip
    found = ends(specs, tmp_path)[["steps_to_1e-4", "iterations_used"]]
    made = sensing.draw(0, 40, 20, 3, False, 0.0)
    for s in specs:
        pack, sizes = Steps([s], [made]), []
        for _ in range(3000):
            sizes.append(np.linalg.norm(pack.misfit()) / np.linalg.norm(made.y))
            pack.advance(pack.misfit())
        below = [np.flatnonzero(np.array(sizes) <= limit) for limit in (1e-4, s.stop)]
        stop = below[1][0] if len(below[1]) else 3000
        arrived = below[0][0] if len(below[0]) and below[0][0] <= stop else np.nan
        assert found.loc[s.run_id].tolist() == pytest.approx([arrived, stop], nan_ok=True), s
    assert found["steps_to_1e-4"].notna().any()
    assert (found["iterations_used"] < 3000).sum() >= 2


@pytest.mark.parametrize("form", ["projected", "flow"])
def test_a_killed_pack_goes_on_and_ends_bitwise_the_same(form, tmp_path, monkeypatch):
    steps = {True: (1, 2, 3), False: (300, 900, 900)}[form == "flow"]
    specs = [make(**SMALL, form=form, seed=s, rate_ratio=c, iterations=n, record_points=5)
             for s in (0, 1) for c, n in zip((None, 1.0, 4.0), steps, strict=True)]  # fmt: skip
    whole = load("weight_norm_flow")(specs, Job("test", tmp_path, tmp_path)).scalars
    tick, kill, ticks = Loop.tick, 4 if form == "flow" else 500, []

    def once(self, training, records, before):  # after members have been dropped
        ticks.append(before + training.step)
        if len(ticks) == kill:
            self._note(signal.SIGTERM, None)
        tick(self, training, records, before)

    monkeypatch.setattr(Loop, "tick", once)
    with pytest.raises(SystemExit):
        load("weight_norm_flow")(specs, Job("test", tmp_path, tmp_path))
    again = load("weight_norm_flow")(specs, Job("test", tmp_path, tmp_path)).scalars
    assert ticks[kill - 1 : kill + 1] == [kill, kill + 1]  # it went on from there
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(whole), check_exact=True)


@pytest.mark.parametrize("c", [None, 3.0])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_jacobian_of_the_flow_is_that_of_finite_differences(depth, c):
    from implicitbias.train.procedures._wn_flow import Flow
    from implicitbias.train.sparse import sensing

    flow = Flow(sensing.draw(0, 8, 4, 2, True, 0.0), depth, True, c)
    state = np.random.default_rng(1).uniform(0.3, 1, 16 + (c is not None))
    h = 1e-6 * np.eye(len(state))
    differences = np.array([(flow(0, state + e) - flow(0, state - e)) / 2e-6 for e in h]).T
    assert np.abs(flow.jacobian(0, state) - differences).max() < 1e-8


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("signed", [False, True])
def test_flow_keeps_its_invariants_and_its_bound(depth, signed, tmp_path):
    flow = {**SMALL, "form": "flow", "depth": depth, "signed": signed, "init_norm": 1.0}
    found = ends([make(**flow, rate_ratio=c, horizon=1e8) for c in (None, 1.0, 4.0)], tmp_path)
    assert found["invariant_drift"].max() < 1e-6
    assert found["unit_drift"].max() < 1e-6
    done = found[found["converged"] == 1]
    assert len(done) >= 2
    assert (done["excess_over_bound"].dropna() <= 1).all()


def test_the_invariant_of_another_ratio_is_not_kept():
    from implicitbias.train.procedures._wn_flow import Flow
    from implicitbias.train.sparse import diagonal, sensing

    made = sensing.draw(0, 40, 20, 3, False, 0.0)
    start = np.full(40, 40**-0.5)
    flow = Flow(made, 2, False, 4.0)
    _, states = flow.integrate(start, 1e-6, np.array([1e5]))
    kernel = np.linalg.svd(made.matrix)[2][20:]
    for c, kept in ((4.0, True), (3.0, False)):
        ends = [kernel @ diagonal.invariant(x, 2, c) for x in (start, flow.x(states[-1]))]
        assert (np.abs(ends[0] - ends[1]).max() < 1e-6) == kept


def test_flow_ends_where_plain_flow_from_the_magnified_start_does(tmp_path):
    flow = {**SMALL, "form": "flow", "compare_start": True, "horizon": 1e8}
    found = ends([make(**flow, init_norm=r, rate_ratio=1.0) for r in (0.3, 1.0)], tmp_path)
    assert found["magnification_gap"].max() < 1e-6
    assert (found["log10_magnification"].abs() > 0.05).all()  # the starts do differ


def test_discretisations_approach_the_flow(tmp_path):
    base = {**SMALL, "measurements": 15, "init_norm": 1.0, "rate_ratio": 1.0}
    exact = ends([make(**base, form="flow", horizon=1e8)], tmp_path)["excess"].iloc[0]
    for form in ("projected", "salimans_kingma"):
        steps = make(**base, form=form, eta=0.002, iterations=60_000, stop=1e-5)
        assert ends([steps], tmp_path)["excess"].iloc[0] == pytest.approx(exact, rel=0.05)


def test_an_orthonormal_design_decouples():
    from implicitbias.train.procedures._wn_flow import Flow
    from implicitbias.train.sparse.sensing import Instance

    # Plain flow at depth 2: x' = -2 x (x^2 - y), so z = x^2 is logistic.
    y = np.array([1.0, 0.5])
    flow = Flow(Instance(np.eye(2, 3), np.zeros(3), y), 2, False, None)
    t, states = flow.integrate(np.full(3, 0.1), 1e-12, np.linspace(0, 3, 7))
    for i, end in enumerate(y):
        exact = end / (1 + (end / 0.01 - 1) * np.exp(-4 * end * t))
        assert np.allclose(states[:, i] ** 2, exact, rtol=1e-7)
    assert np.allclose(states[:, 2], 0.1)


@pytest.mark.parametrize("stop", [1e-3, 1e-14], ids=["arrives", "runs to the horizon"])
@pytest.mark.parametrize("c", [None, 4.0])
def test_the_flow_is_that_of_scipy_with_a_terminal_event(c, stop):
    from scipy.integrate import solve_ivp

    from implicitbias.train.procedures._wn_flow import ATOL, Flow
    from implicitbias.train.sparse import sensing

    made, start = sensing.draw(0, 40, 20, 3, False, 0.0), np.full(40, 40**-0.5)
    flow, times = Flow(made, 2, False, c), np.concatenate([[0.0], np.geomspace(0.01, 300, 40)])
    t, states = flow.integrate(start, stop, times)

    def arrived(t, state):
        return flow.residual(state) - stop

    arrived.terminal = True
    state = start if c is None else np.concatenate([[1.0], start])
    other = solve_ivp(flow, (0, times[-1]), state, "LSODA", times, events=arrived, rtol=flow.rtol,
                      atol=ATOL, jac=flow.jacobian)  # fmt: skip
    ends = other.t_events[0]
    kept = other.t < (ends[0] if len(ends) else np.inf)
    assert len(ends) == (stop == 1e-3)
    np.testing.assert_allclose(t, np.append(other.t[kept], ends), rtol=1e-12)
    everything = np.vstack([other.y.T[kept], *other.y_events[0]])
    np.testing.assert_allclose(states, everything, rtol=1e-12, atol=0)


def test_a_step_beyond_stability_diverges_and_is_recorded(tmp_path):
    found = ends([make(**SMALL, eta=50.0, iterations=500)], tmp_path)
    assert found["diverged_step"].iloc[0] > 0


def test_killed_flows_go_on_after_the_last_whole_one(tmp_path, monkeypatch):
    specs = [make(**SMALL, form="flow", rate_ratio=c, horizon=1e4) for c in (None, 1.0, 2.0)]
    whole = ends(specs, tmp_path)
    tick = Loop.tick

    def killed(self, training, records, before):
        if before == 1:
            self._note(signal.SIGTERM, None)
        tick(self, training, records, before)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "tick", killed)
        with pytest.raises(SystemExit):
            ends(specs, tmp_path)
    assert (tmp_path / "checkpoint.pt").exists()
    run = _wn_flow.run
    left = []
    monkeypatch.setattr(_wn_flow, "run", lambda s, *rest: (left.append(s), run(s, *rest)))
    pd.testing.assert_frame_equal(ends(specs, tmp_path), whole)
    assert left == specs[2:]


@pytest.mark.parametrize(
    "fields", [{"depth": 1}, {"sparsity": 300}, {"measurements": 200}, {"polar_pairs": 2}]
)
def test_impossible_specs(fields):
    with pytest.raises(UserError):
        make(**fields)
