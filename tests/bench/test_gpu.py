"""`make gpu` on a CPU: what it trains, in which order, and that the next call goes on."""

import itertools
import json

import pytest

from bench import gpu
from implicitbias import data
from implicitbias.base import provenance
from implicitbias.plan import packs
from implicitbias.plan.spec import make

BASE = {"procedure": "sgd", "dataset": "digits", "n_train": 400, "model": "mlp_bn", "depth": 3,
        "width": 20, "batch_size": 4, "lr": 0.05, "record_every": 50}  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda line: None)
    return folder


def test_the_square_loss_comes_first_seed_by_seed_and_no_run_twice():
    work = list(gpu.worklist("paper"))
    members = [json.loads(pack.text)["runs"] for pack in work]
    runs = list(itertools.chain.from_iterable(members))
    assert len(runs) == len(set(runs))
    seeds = [{run.get("seed", 0) for run in pack.values()} for pack in members]
    assert all(len(of_pack) == 1 for of_pack in seeds)
    assert seeds == sorted(seeds, key=min)
    first = next(iter(members[0].values()))
    assert (first["procedure"], first.get("seed", 0)) == ("square_sgd", 0)
    sizes = {run["batch_size"] for pack in members for run in pack.values()
             if run["model"] == "resnet18"}  # fmt: skip
    assert sizes == {16, 32, 64, 128}


STUBBORN = """
import signal, sys, time
from pathlib import Path
def save(*_):
    Path(sys.argv[1]).with_name("checkpoint.pt").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
time.sleep(300)
"""


def test_what_the_end_meets_may_save_and_what_is_complete_is_left(tmp_path, data_dir, monkeypatch):
    work = [packs.Pack.of([make({**BASE, "epochs": 1, "seed": seed})]) for seed in (0, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(gpu, "SAVING_S", 5.0)
        patch.setattr(gpu, "TRAIN", STUBBORN)  # its signal is one of tests/train/procedures
        rows = gpu.trained(gpu.Clock(8 / 60), tmp_path, "cpu", data_dir, iter(work))
    assert [row["became"] for row in rows] == ["has a checkpoint", "not begun"]
    assert (tmp_path / "packs" / work[0].name / "checkpoint.pt").exists()
    for became in ("complete", "complete before"):
        rows = gpu.trained(gpu.Clock(10), tmp_path, "cpu", data_dir, iter(work[1:]))
        assert [row["became"] for row in rows] == [became]
    assert provenance.there(tmp_path / "packs" / work[1].name)


def test_a_step_that_cannot_be_done_stops_no_other(tmp_path, data_dir, monkeypatch, capsys):
    one = packs.Pack.of([make({**BASE, "dataset": "places365", "epochs": 1})])
    monkeypatch.setattr(gpu, "worklist", lambda scale, files: iter([one]))
    monkeypatch.setattr(gpu, "SAVING_S", 1.0)
    words = ["--device", "cpu", "--minutes", "2", "--only", "packs", "--out", str(tmp_path)]
    assert gpu.main([*words, "--data-dir", str(data_dir)]) == 0
    said = json.loads((tmp_path / "gpu.json").read_text())
    assert said["device"] == "cpu"
    assert said["packs"][0]["became"] == "failed with 1"
    assert "places365" in (tmp_path / "train.log").read_text()
