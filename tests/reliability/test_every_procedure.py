"""Of every procedure: progress while it runs, and divergence that captions count."""

import json

import numpy as np
import pandas as pd
import pytest

from implicitbias import data, figures, packs, registry, spec, status, table
from implicitbias.progress import Reporter
from implicitbias.train import train

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


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("digits", "mnist5k"):
        data.fetch(name, folder, report=lambda _: None)
    return folder


def test_there_is_a_case_for_every_procedure():
    assert {*CASES} == {*registry.names("procedures")} == {*registry.names("specs")}


@pytest.mark.parametrize("procedure", CASES)
def test_progress_is_shown_and_divergence_is_counted(procedure, tmp_path, data_dir, monkeypatch):
    usual, wild = CASES[procedure]
    runs = [spec.make({"procedure": procedure, **usual, **more}) for more in ({}, wild)]
    assert runs[0].shape() == runs[1].shape()
    pack = packs.Pack.of(runs)
    path = tmp_path / "results/small/packs" / pack.name / "pack.json"
    packs.write(path, pack.text)
    shown, update = [], Reporter.update

    def seen(self, *arguments):
        update(self, *arguments)
        shown.append(json.loads(self.path.read_text()) | {"line": status.lines(path.parents[3])})

    monkeypatch.setattr(Reporter, "update", seen)
    with np.errstate(all="ignore"):
        train(path, data_dir, "cpu", 1, 1e-9)
    steps = [s["step"] for s in shown]
    assert steps == sorted(steps)
    assert len(set(steps)) >= 2
    assert all(0 <= s["step"] <= s["steps"] and s["runs"] == 2 for s in shown)
    assert pack.name in shown[-1]["line"][0]
    assert status.lines(path.parents[3]) == ["no pack is in training"]

    rows = pd.read_parquet(path.parent / "records/scalars.parquet")
    metric = str(rows["quantity"].iloc[0])
    made = table.measure(runs, [metric], [path.parent])
    by_run = made.groupby("run")["diverged_step"].first()
    assert np.isnan(by_run[runs[0].run_id])
    assert by_run[runs[1].run_id] >= 0
    assert "1 diverged" in figures.caption("galanti2025rank/fig07", "small", made, {})
    calm = made[made["run"] == runs[0].run_id]
    assert "None diverged" in figures.caption("galanti2025rank/fig07", "small", calm, {})
