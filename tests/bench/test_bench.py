"""The benchmark times what it says, in processes of its own."""

import json
import os
import resource
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch.nn import functional

from bench import contenders, driver, measure, plot, together
from bench.cases import MODELS, Case, cases


def test_every_contender_stands_at_every_place():
    found = cases(["MLP-10-100"], [4, 16], [4, 1], 0.1, cores=2)
    alone = [c for c in found if c.processes == 1]
    assert {(c.contender, c.members) for c in alone} == {
        ("loop", (1,)), ("resident", (1,)), ("vmap", (1, 4)), ("ours", (1, 4)),
        ("ours, bfloat16", (1, 4)),
    }  # fmt: skip
    assert {(c.contender, c.members) for c in found if c.processes == 2} == {
        ("loop", (1,)), ("ours", (4,)),
    }  # fmt: skip


def test_on_a_gpu_there_is_one_precision_more_and_no_pairs_of_packs():
    found = cases(["MLP-10-100"], [4], [1, 4], 0.1, cores=2, device="cuda")
    assert {c.device for c in found} == {"cuda"}
    assert {c.processes for c in found} == {1}
    assert ("ours, tf32", (1, 4)) in {(c.contender, c.members) for c in found}


def test_a_round_writes_a_table_with_ratios(tmp_path):
    alike = {"model": "MLP-10-100", "batch_size": 4, "seconds": 0.05}
    chosen = [
        Case(contender="loop", members=(1,), **alike),
        Case(contender="ours", members=(1, 2), **alike),
    ]
    driver.run(chosen, 2, 5.0, tmp_path)
    rows = pd.read_parquet(tmp_path / "throughput.parquet")
    assert len(rows) == 6
    assert (rows["per_core_second"] > 0).all()
    assert (rows["peak_mb"] > 50).all()
    ours = rows[rows["contender"] == "ours"].set_index(["members", "round"])
    assert ours["measuring_share"].notna().tolist() == [True, False, True, False]
    places = driver.summary(rows).set_index(["contender", "members"])
    assert places.loc[("loop", 1), "per_core_second_ratio"] == 1
    assert (places["count"] == 2).all()
    assert (ours["ratio"] > 0).all() and (ours["wall_ratio"] > 0).all()
    of_turns = ours.loc[2, "ratio"].mean()
    assert places.loc[("ours", 2), "per_core_second_ratio"] == pytest.approx(of_turns)
    rows[["ratio", "wall_ratio"]] = float("nan")  # as on a GPU
    by_hand = [
        ours.loc[(2, r), "per_core_second"]
        / rows[(rows["contender"] == "loop") & (rows["round"] == r)]["per_core_second"].item()
        for r in (0, 1)
    ]
    places = driver.summary(rows).set_index(["contender", "members"])
    assert places.loc[("ours", 2), "per_core_second_ratio"] == pytest.approx(sum(by_hand) / 2)
    page = (tmp_path / "throughput.md").read_text()
    assert "| MLP-10-100 | 4 | 2 | 1 | ours |" in page
    assert "| MLP-10-100, ours | " in page
    assert (tmp_path / "throughput.svg").stat().st_size > 0


def test_processes_at_once_are_compared_with_each_alone(tmp_path, monkeypatch):
    class Seen(together.Trainee):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            seen.append(self.process)

    seen = []
    monkeypatch.setattr(together, "Trainee", Seen)
    pair = Case("ours", "MLP-10-100", 4, (2,), 0.05, processes=2)
    driver.run([Case("loop", "MLP-10-100", 4, (1,), 0.05), pair], 1, 5.0, tmp_path)
    _, row = pd.read_parquet(tmp_path / "throughput.parquet").to_dict("records")
    assert row["per_second"] > 0
    assert row["per_core_second"] > 0
    assert row["peak_mb"] > 50
    assert 0 < row["together"] < 20
    assert f" {row['together']:.2f} |\n" in (tmp_path / "throughput.md").read_text()
    assert len(seen) == 2
    assert all(process.poll() is not None for process in seen)


def test_rates_together_and_alone_are_those_of_the_processes(monkeypatch):
    """Two whose rates are known: 100 and 50 samples a second alone, 75 and 50 together."""
    clock, running = [0.0], {}

    class Known(together.Trainee):
        def __init__(self, alone, beside):
            self.alone, self.beside = alone, beside
            self.samples, self.steps = 0.0, 0.0
            running[self] = True

        def let(self, run):
            running[self] = run

        @property
        def progress(self):
            return together.Progress(self.samples, clock[0], clock[0], 1.0, self.steps)

    both = [Known(100, 75), Known(50, 50)]

    def sleep(seconds):
        clock[0] += seconds
        for one in both:
            if running[one]:
                one.samples += seconds * (one.beside if all(running.values()) else one.alone)
                one.steps += 1

    monkeypatch.setattr(together.time, "sleep", sleep)
    monkeypatch.setattr(Known, "process", SimpleNamespace(poll=lambda: None), raising=False)
    rows = together._rounds(both, 1.0)
    assert len(rows) == together.ROUNDS
    assert rows[0]["together"] == pytest.approx(75 / 100 + 50 / 50)
    assert rows[0]["per_second"] == pytest.approx(125)


def test_ratios_are_medians_over_turns_with_the_loop(monkeypatch):
    """A loop of 10 samples a CPU second and 5 a second; four turns at 20 samples, one at 1000."""
    turns = iter([20.0, 20.0, 1000.0, 20.0, 20.0])
    begin, end = (together.Progress(n * 10.0, n * 1.0, n * 2.0, 1.0, n) for n in (3, 7))
    loop = SimpleNamespace(turn=lambda seconds: (begin, end))
    monkeypatch.setattr(measure, "calls", lambda *_: (next(turns), 1.0, 1.0))
    found = measure.alternating(lambda: 1, 1.0, torch.device("cpu"), loop)
    assert found["ratio"] == pytest.approx(20 / 10)
    assert found["wall_ratio"] == pytest.approx(20 / 5)
    assert found["per_core_second"] == pytest.approx(1080 / 5)


def test_the_loop_beside_a_contender_is_stopped_but_in_its_turns_and_ends_with_it():
    case = Case("ours", "MLP-10-100", 4, (1,), 0.05)
    with together.loop_beside(case) as loop:
        pid, before = loop.process.pid, loop.progress.steps
        time.sleep(0.3)
        assert loop.progress.steps <= before + 1
        begin, end = loop.turn(0.05)
        assert end.steps >= begin.steps + 2
    assert loop.process.poll() is not None
    assert not Path(f"/proc/{pid}").exists()
    with together.loop_beside(case._replace(contender="loop")) as loop:
        assert loop is None


def test_a_process_that_ends_has_no_number(monkeypatch):
    pair = Case("ours", "MLP-10-100", 4, (2,), 0.05, processes=2)
    limits = partial(resource.setrlimit, resource.RLIMIT_DATA, (10**7, 10**7))
    assert together.timed(pair, dict(os.environ), limits) == []


def test_no_round_begins_that_would_end_too_late(tmp_path):
    driver.run([Case("loop", "MLP-10-100", 4, (1,), 0.01)], 5, 0.0, tmp_path)
    assert len(pd.read_parquet(tmp_path / "throughput.parquet")) == 1


def test_what_does_not_fit_has_no_number_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(driver, "TIMEOUT", 0.01)
    assert driver.timed(Case("loop", "MLP-10-100", 4, (1,), 0.05)) == []
    rows = pd.DataFrame(
        [["loop", 10.0], ["ours", None]], columns=["contender", "per_core_second"]
    ).assign(model="a", batch_size=4, members=1, processes=1, round=0, per_second=1.0,
             peak_mb=1.0, measuring_share=0.0, together=None, ratio=None,
             wall_ratio=None)  # fmt: skip
    assert "| a | 4 | 1 | 1 | ours | no number |" in driver.page(rows)


def test_a_pack_whose_step_would_take_too_long_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(measure, "LONGEST_CALL", 1e-6)
    measure.measure(Case("ours", "MLP-10-100", 4, (1, 4, 16), 0.01))
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["members"] == 1


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_slope_is_the_exponent(power):
    x = [2, 4, 8, 16, 32, 64]
    fixed = [9.0, 1.0, 0, 0, 0, 0]  # a fixed cost is felt at the lower end only
    points = pd.DataFrame(
        {"x": x, "value": [3 * v**power + f for v, f in zip(x, fixed, strict=True)]}
    )
    assert plot.fitted_slope(points) == pytest.approx(power)


def test_every_network_of_the_bench_exists():
    for model in MODELS:
        assert len(contenders.networks(model, 1)) == 1


def test_ensembling_trains_as_sgd_does(monkeypatch):
    """The vmap contender is no straw man that skips work: its steps are torch.optim.SGD's."""
    batch = torch.arange(64)  # at 4, rounding grows a thousandfold a step through batch norm
    monkeypatch.setattr(contenders, "_batches", lambda *_: iter(lambda: batch[None], None))
    kept = {}
    stack = contenders.stack_module_state
    monkeypatch.setattr(
        contenders, "stack_module_state", lambda nets: kept.setdefault("state", stack(nets))
    )
    step = contenders.ensemble("MLP-10-100", 64, 1)
    [net] = contenders.networks("MLP-10-100", 1)
    x, y = contenders.images()
    optimiser = torch.optim.SGD(
        net.parameters(), lr=contenders.LR, weight_decay=contenders.WEIGHT_DECAY
    )
    for _ in range(3):
        step()
        optimiser.zero_grad()
        functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimiser.step()
    weights, _ = kept["state"]
    for name, w in net.named_parameters():
        torch.testing.assert_close(weights[name][0], w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("contender", contenders.WITHOUT_ENGINE)
def test_contenders_step(contender):
    assert contenders.WITHOUT_ENGINE[contender]("MLP-10-100", 4, 1)() == 4
