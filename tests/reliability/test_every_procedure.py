"""Of every procedure: progress, divergence that stays with its run, and kills at any time."""

import json
import os
import random
import shutil
import signal
import time

import numpy as np
import pandas as pd
import pytest
from one_pack import forked, tables
from patience import slowness

from implicitbias import figures
from implicitbias.analysis.tables import measure
from implicitbias.base import registry
from implicitbias.plan import packs, spec
from implicitbias.train import records, status
from implicitbias.train.pack import train
from implicitbias.train.progress import Reporter

NET = {"dataset": "digits", "n_train": 100, "batch_size": 50, "epochs": 4, "lr": 0.1}
# Runs that take a moment, and what makes one diverge.
CASES = {
    "sgd": ({**NET, "model": "mlp_bn", "depth": 2, "width": 6}, {"lr": 1e30}),
    "square_sgd": (
        {**NET, "model": "mlp_relu", "depth": 2, "width": 6, "normalisation": "none"},
        {"lr": 1e30},
    ),
    "splitting_sgd": (
        {**NET, "dataset": "mnist5k", "model": "conv_small", "penalty": "l1"},
        {"lr": 1e30},
    ),
    "weight_norm_flow": (
        {"dimension": 20, "measurements": 10, "sparsity": 2, "iterations": 300},
        {"eta": 50.0},
    ),
    "rvsm": (
        {"penalty": "l1", "beta": 0.004, "cutoff": 0.05, "iterations": 300, "sparsity": 3},
        {"eta": 1e300},
    ),
    "lm_flow": (
        {"n_examples": 4, "dimension": 3, "width": 3, "horizon": 1e6, "record_points": 3,
         "max_evaluations": 50, "lr": 5e5},
        {"lr": 1e3},
    ),
}  # fmt: skip


def test_there_is_a_case_for_every_procedure():
    assert {*CASES} == {*registry.names("train/procedures")} == {*registry.names("plan/specs")}


def written(folder, runs):
    """The pack.json of these runs."""
    pack = packs.Pack.of(runs)
    path = folder / pack.name / "pack.json"
    packs.write(path, pack.text)
    return path


@pytest.mark.parametrize("procedure", CASES)
def test_progress_is_shown_and_divergence_is_counted_and_touches_no_other_run(
    procedure, tmp_path, data_dir, monkeypatch
):
    usual, wild = CASES[procedure]
    runs = [spec.make({"procedure": procedure, **usual, **more}) for more in ({}, wild)]
    assert runs[0].shape() == runs[1].shape()
    path = written(tmp_path / "results/small/packs", runs)
    shown, update = [], Reporter.update

    def seen(self, *arguments):
        update(self, *arguments)
        shown.append(json.loads(self.path.read_text()) | {"line": status.lines(path.parents[3])})

    monkeypatch.setattr(Reporter, "update", seen)
    with np.errstate(all="ignore"):
        train(path, data_dir, "cpu", 1, 1e-3)
    steps = [s["step"] for s in shown]
    assert steps == sorted(steps)
    assert len(set(steps)) >= 2
    assert all(0 <= s["step"] <= s["steps"] and s["runs"] == 2 for s in shown)
    assert path.parent.name in shown[-1]["line"][0]
    assert status.lines(path.parents[3]) == ["no pack is in training"]

    rows = pd.read_parquet(path.parent / "records/scalars.parquet")
    metric = str(rows["quantity"].iloc[0])
    made = measure(runs, [metric], [path.parent])
    by_run = made.groupby("run")["diverged_step"].first()
    assert np.isnan(by_run[runs[0].run_id])
    assert by_run[runs[1].run_id] >= 0
    assert "1 diverged" in figures.caption("galanti2025rank/fig07", "small", made, {})
    calm = made[made["run"] == runs[0].run_id]
    assert "None diverged" in figures.caption("galanti2025rank/fig07", "small", calm, {})

    other = spec.make({**runs[0].canonical(), "seed": 1})
    beside = written(tmp_path / "calm", [runs[0], other])
    train(beside, data_dir, "cpu", 1, 60)
    for name in ("scalars", "arrays"):
        rows = [records.read(p.parent / f"records/{name}.parquet") for p in (path, beside)]
        mine = [r[r["run"] == runs[0].run_id].reset_index(drop=True) for r in rows]
        pd.testing.assert_frame_equal(*mine, check_exact=True)


def ended(child, seconds):
    """The exit code of a process that ends within so many seconds, else None."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


@pytest.mark.parametrize("procedure", CASES)
def test_kills_at_twenty_random_times_end_with_the_same_bytes(procedure, tmp_path, data_dir):
    """kill -9, and now and then SIGTERM (gone within 5 seconds); a checkpoint after every step."""
    usual, _ = CASES[procedure]
    longer = {"epochs": 20} if "epochs" in usual else {}
    runs = [spec.make({"procedure": procedure, **usual, **longer, "seed": s}) for s in (0, 1)]
    whole, path = written(tmp_path / "a", runs), written(tmp_path / "b", runs)

    def work(at):
        train(at, data_dir, "cpu", 1, 1e-9)

    begin = time.monotonic()
    assert os.waitpid(forked(lambda: work(whole)), 0)[1] == 0
    seconds = time.monotonic() - begin
    dice, deaths, kept, patience = random.Random(procedure), 0, 0, 5 * slowness()
    while deaths < 20:
        child, signum = forked(lambda: work(path)), dice.choice([9, 9, 9, 15])
        code = ended(child, dice.uniform(0, seconds))
        if code is None:
            os.kill(child, signum)
            sent = time.monotonic()
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert signum == signal.SIGKILL or time.monotonic() - sent < patience
        if code == 0:  # it was done before
            assert tables(path) == tables(whole)
            shutil.rmtree(path.parent / "records")
            seconds *= 0.8
            continue
        assert code in (-signum, 128 + signum)  # the first of a process that was not training yet
        deaths += 1
        kept += (path.parent / "checkpoint.pt").exists()
    assert kept >= 3, "the kills must hit training"
    work(path)
    assert tables(path) == tables(whole)
