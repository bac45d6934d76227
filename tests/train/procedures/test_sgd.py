"""The procedure from spec to records: when it measures, what survives a kill, what diverges."""

import json
import os
import signal
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tape import record

from implicitbias import data
from implicitbias.base.allocator import ALLOCATOR
from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.plan import packs, spec
from implicitbias.train import checkpoint, loop, minibatch, records
from implicitbias.train.engine import gemm
from implicitbias.train.engine.graphs import Replayed
from implicitbias.train.engine.streams import epoch_order, init_seed
from implicitbias.train.loop import Interrupted, Loop
from implicitbias.train.observers import spectra
from implicitbias.train.procedures import Job, load

BASE = {
    "procedure": "sgd", "dataset": "digits", "n_train": 400, "model": "mlp_bn", "depth": 3,
    "width": 12, "batch_size": 32, "epochs": 3, "record_every": 2, "lr_milestones": [3],
}  # fmt: skip


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda _: None)
    return folder


def make(**changes):
    return spec.make({**BASE, "lr": 0.1, "weight_decay": 1e-2, **changes})


def train(specs, folder, data_dir, **job):
    found = load("sgd")(specs, Job("test", folder, data_dir, **job))
    found.write(folder / "records")
    return [records.read(folder / "records" / f"{n}.parquet") for n in ("scalars", "arrays")]


def test_records_of_the_untrained_network_and_of_the_end(tmp_path, data_dir):
    run = make()
    scalars, arrays = train([run], tmp_path, data_dir)
    assert sorted(scalars["epoch"].unique()) == [0, 2, 3]
    assert set(scalars["step"]) == {0, 26, 39}  # 400 examples: 12 batches of 32 and one of 16
    net = build_seeded("mlp_bn", (1, 8, 8), 10, seed=init_seed(0), depth=3, width=12)
    start = arrays[arrays["epoch"] == 0].set_index("layer")
    assert list(start.index) == ["layer0", "layer1", "layer2", "head"]
    assert list(start["averaged"]) == [True, True, True, False]
    for i, layer in enumerate(net.layers):
        w = layer.weight.detach().double().numpy()
        found = start.loc[f"layer{i}", "values"]
        np.testing.assert_allclose(found, np.linalg.svd(w, compute_uv=False), rtol=1e-9)
        assert list(start.loc[f"layer{i}", "shape"]) == list(w.shape)
        norm = scalars.query(f"epoch == 0 and quantity == 'fro_norm' and layer == 'layer{i}'")
        assert norm["value"].item() == pytest.approx(np.linalg.norm(w))


def test_the_records_are_those_of_a_plain_torch_loop(tmp_path, data_dir):
    """Own loop, own optimiser, own metrics, in float64: the same losses and accuracies."""
    run = make(precision="float64", momentum=0.9)
    scalars, _ = train([run], tmp_path, data_dir)
    split = data.load("digits", data_dir, n_train=400)
    x, y = torch.from_numpy(split.x_train).double(), torch.from_numpy(split.y_train)
    net = build_seeded("mlp_bn", (1, 8, 8), 10, seed=init_seed(0), depth=3, width=12).double()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    for epoch in range(3):
        if epoch == 2:
            optimiser.param_groups[0]["lr"] = 0.1 * 0.2
        for index in torch.from_numpy(epoch_order(0, epoch, 400)).split(32):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net.train()(x[index]), y[index]).backward()
            optimiser.step()
    with torch.no_grad():
        out = net.eval()(x)
    last = scalars[scalars["epoch"] == 3].set_index("quantity")["value"]
    loss = torch.nn.functional.cross_entropy(out, y).item()
    assert last["train_loss"] == pytest.approx(loss, rel=1e-9)
    assert last["train_accuracy"] == pytest.approx((out.argmax(1) == y).double().mean().item())


def test_accuracies_only_at_the_end(tmp_path, data_dir):
    """The last record is that of `evaluate: records`; the earlier ones lose these four alone."""
    evaluated = ["test_accuracy", "test_loss", "train_accuracy", "train_loss"]
    usual, arrays = train([make()], tmp_path / "records", data_dir)
    sparse, same = train([make(evaluate="end")], tmp_path / "end", data_dir)
    left_out = usual["quantity"].isin(evaluated) & (usual["epoch"] < 3)
    assert left_out.sum() == 8
    columns = ["epoch", "step", "quantity", "layer", "value"]
    pd.testing.assert_frame_equal(
        usual.loc[~left_out, columns].reset_index(drop=True), sparse[columns], check_exact=True
    )
    pd.testing.assert_frame_equal(
        arrays.drop(columns="run"), same.drop(columns="run"), check_exact=True
    )


def test_a_run_has_the_same_numbers_in_every_pack(tmp_path, data_dir):
    one, other = make(), make(lr=0.3, seed=1)
    alone = train([one], tmp_path / "a", data_dir)
    packed = train([other, one], tmp_path / "b", data_dir)
    for a, b in zip(alone, packed, strict=True):
        mine = b[b["run"] == one.run_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(a, mine, check_exact=True)


def test_seeds_and_streams_differ():
    assert init_seed(0) != init_seed(1)
    orders = [tuple(epoch_order(s, e, 50)) for s in (0, 1) for e in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(o) == list(range(50)) for o in orders)


def test_golden_numbers(tmp_path, data_dir):
    """An accidental change of the procedure fails here; one on purpose raises `version`.

    Six digits: other processors and versions of torch round otherwise, and 13 steps of float64
    keep that below 1e-10.
    """
    run = make(precision="float64", epochs=1, lr_milestones=[])
    scalars, arrays = train([run], tmp_path, data_dir)
    last = scalars[scalars["epoch"] == 1].set_index("quantity")["value"]
    top = arrays.query("epoch == 1 and layer == 'layer1'")["values"].item()[:3]
    assert last["train_loss"] == pytest.approx(GOLDEN["train_loss"], rel=1e-6)
    assert last["test_loss"] == pytest.approx(GOLDEN["test_loss"], rel=1e-6)
    np.testing.assert_allclose(top, GOLDEN["layer1"], rtol=1e-6)


GOLDEN = {
    "train_loss": 2.135115511, "test_loss": 2.144914212,
    "layer1": [0.905691462, 0.843183176, 0.709502102],
}  # fmt: skip


def test_divergence_is_recorded_and_stays_with_its_member(tmp_path, data_dir):
    calm, wild = make(), make(lr=1e30, loss="cross_entropy")
    scalars, arrays = train([calm, wild], tmp_path / "a", data_dir)
    lost = scalars[scalars["quantity"] == "diverged_step"]
    assert list(lost["run"]) == [wild.run_id]
    assert 1 <= lost["value"].item() <= 3
    end = scalars[(scalars["epoch"] == 3) & (scalars["quantity"] != "diverged_step")]
    assert end[end["run"] == wild.run_id]["value"].isna().all()
    spectra = arrays[(arrays["epoch"] == 3) & (arrays["run"] == wild.run_id)]
    assert all(np.isnan(v).all() for v in spectra["values"])
    alone, _ = train([calm], tmp_path / "b", data_dir)
    mine = scalars[scalars["run"] == calm.run_id].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone, check_exact=True)


SIGNALLED = """
import os, sys
from implicitbias.__main__ import main
from implicitbias.train.loop import Loop

signum, save = int(sys.argv.pop(1)), Loop._timed_save

def then_a_signal(*arguments):
    save(*arguments)
    os.kill(os.getpid(), signum)

Loop._timed_save = then_a_signal
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("signals", "momentum"),
    [((signal.SIGTERM, signal.SIGKILL), 0.9), ((signal.SIGINT, signal.SIGHUP), 0.0)],
)
def test_a_killed_pack_resumes_and_ends_with_the_same_numbers(
    tmp_path, data_dir, signals, momentum
):
    """The process signals itself after its first checkpoint, so however slow a machine, in time.

    Kills from outside, at any time, are those of tests/reliability.
    """
    runs = [make(epochs=120, record_every=40, seed=s, momentum=momentum) for s in (0, 1)]
    pack = packs.Pack.of(runs)
    whole, path = (tmp_path / folder / pack.name / "pack.json" for folder in ("whole", "killed"))
    for one in (whole, path):
        packs.write(one, pack.text)
    options = ["--data-dir", str(data_dir), "--checkpoint-seconds", "0.01"]
    verb = ["train", str(path), *options]
    environment = {**os.environ, **ALLOCATOR, "OMP_NUM_THREADS": "1"}  # or it starts itself anew
    undisturbed = [sys.executable, "-m", "implicitbias", "train", str(whole), *options]
    subprocess.run(undisturbed, check=True, timeout=300)
    for signum in signals:
        signalled = [sys.executable, "-c", SIGNALLED, str(int(signum)), *verb]
        code = subprocess.run(signalled, env=environment, timeout=300).returncode
        assert code == (-signum if signum is signal.SIGKILL else 128 + signum)
        assert (path.parent / "checkpoint.pt").exists()
        assert not (path.parent / "records").exists()
    subprocess.run([sys.executable, "-m", "implicitbias", *verb], check=True, timeout=300)
    for name in ("scalars.parquet", "arrays.parquet"):
        of_whole, resumed = (records.read(p.parent / "records" / name) for p in (whole, path))
        pd.testing.assert_frame_equal(of_whole, resumed, check_exact=True)
    left = {p.name for p in path.parent.iterdir()}
    assert left == {"pack.json", "records"}
    facts = json.loads((path.parent / "records" / "provenance.json").read_text())
    assert facts["resumed"]
    assert {"commit", "packages", "threads", "seconds", "device", "processor"} <= facts.keys()
    assert facts["sha256"].keys() == {"scalars.parquet", "arrays.parquet"}


@pytest.mark.parametrize(("cost", "every"), [(0.1, 60), (2.0, 100), (9.0, 120)])
def test_saving_takes_two_percent_or_is_put_off_to_twice_the_interval(monkeypatch, cost, every):
    clock, saving = [0.0], Loop(Job("test", Path("."), Path("."), checkpoint_seconds=60), [])
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(saving, "_save", lambda *_: clock.__setitem__(0, clock[0] + cost))
    saving._timed_save(None, None)
    assert saving._saved == cost
    assert saving._save_every == every


def test_sub_packs_give_the_same_records_and_go_on_as_they_began(tmp_path, data_dir, monkeypatch):
    runs = [make(epochs=8, seed=s, lr=lr) for s, lr in enumerate((0.1, 1e30, 0.2, 0.3))]
    for folder in ("whole", "parts"):  # a slow machine writes checkpoints there
        (tmp_path / folder).mkdir()
    whole = train(runs, tmp_path / "whole", data_dir)
    monkeypatch.setattr(minibatch, "sub_pack_size", lambda *_: 2)
    job, steps, told, tick = Job("test", tmp_path / "parts", data_dir), runs[0].steps, [], Loop.tick

    def killed(self, training, records, before):
        if before == steps and training.step == steps // 2:
            self._reporter.update = lambda *progress: told.append(progress)
            self._report(training, records, before + training.step)  # as if it were due
            self._signal = signal.SIGTERM
        tick(self, training, records, before)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Loop, "tick", killed)
        load("sgd")(runs, job)
    [(epoch, step, _, diverged)] = told
    assert (epoch, step, diverged) == (8 + 4, steps + steps // 2, 1)
    state = checkpoint.load(job.checkpoint, "cpu")
    assert len(state["finished"]) == 1
    assert state["part"]["state"]["head.bias"].shape[0] == 2
    monkeypatch.setattr(minibatch, "sub_pack_size", lambda *_: 1)  # as if the rule were another
    found = load("sgd")(runs, job)
    by = "OpenBLAS" if gemm.openblas else "torch"
    assert found.facts == {"path": "MLPTrainer", "sub_pack_size": 2, "gemm": by}
    found.write(tmp_path / "parts" / "records")
    for name, table in zip(("scalars", "arrays"), whole, strict=True):
        ours = records.read(tmp_path / "parts" / "records" / f"{name}.parquet")
        pd.testing.assert_frame_equal(ours, table, check_exact=True)


def test_a_checkpoint_of_another_pack_or_of_an_older_version_is_refused(tmp_path, data_dir):
    run, job = make(), Job("test", tmp_path, data_dir)
    checkpoint.save(job.checkpoint, {"runs": [make(seed=1).run_id], "finished": []})
    with pytest.raises(UserError, match="checkpoint.pt: the checkpoint of another pack"):
        load("sgd")([run], job)
    checkpoint.save(job.checkpoint, {"runs": [run.run_id], "step": 3})
    with pytest.raises(UserError, match="checkpoint.pt: of an older version"):
        load("sgd")([run], job)


def test_spectra_beside_training_and_replayed_steps_are_the_same_records(
    tmp_path, data_dir, monkeypatch
):
    """What a GPU's packs do otherwise, with a tape for its graphs, and stopped half-way."""
    runs = [make(epochs=6, record_every=1, seed=s, lr_milestones=[4]) for s in (0, 1)]
    usual = train(runs, tmp_path / "usual", data_dir)
    (tmp_path / "other").mkdir()
    job, replayed, tick = Job("test", tmp_path / "other", data_dir), [], Loop.tick
    beside = partialmethod(spectra.Observer.__init__, beside=True)
    monkeypatch.setattr(spectra.Observer, "__init__", beside)

    def other(networks):
        networks.trainer = Replayed(networks.trainer, print, record)
        replayed.append(networks.trainer)

    def killed(self, training, *rest):
        if training.step == 3 * 13 + 1:  # while the spectra of the third epoch are computed
            self._note(signal.SIGTERM, None)
        tick(self, training, *rest)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Loop, "tick", killed)
        minibatch.train(runs, job, change=other)
    found = minibatch.train(runs, job, change=other)
    assert all(trainer.replays for trainer in replayed)
    assert found.facts["replayed"]
    found.write(tmp_path / "other" / "records")
    for name, table in zip(("scalars", "arrays"), usual, strict=True):
        ours = records.read(tmp_path / "other" / "records" / f"{name}.parquet")
        pd.testing.assert_frame_equal(ours, table, check_exact=True)


def test_tf32_is_not_trained_on_a_cpu(tmp_path, data_dir):
    with pytest.raises(UserError, match="precision: tf32 is of CUDA devices"):
        train([make(precision="tf32")], tmp_path, data_dir)


def test_a_pack_that_cannot_be_written_says_so(tmp_path, data_dir):
    if os.geteuid() == 0:
        blocked = tmp_path / "file"
        blocked.write_text("")  # root writes anywhere but into a file
    else:
        blocked = tmp_path / "locked"
        blocked.mkdir(mode=0o500)
    with pytest.raises(Exception, match="cannot be written"):
        train([make(epochs=1, lr_milestones=[])], blocked / "x", data_dir)
