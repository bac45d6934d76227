"""Faults injected for real: kill -9 at every save, damage, a full and a read-only disk, a rival."""

import os
import pickle
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from implicitbias import checkpoint, data, packs, spec
from implicitbias.errors import UserError
from implicitbias.files import claimed
from implicitbias.train import train

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
BASE = {
    "dataset": "digits", "n_train": 200, "model": "mlp_bn", "depth": 2, "width": 6, "lr": 0.1,
    "batch_size": 32, "epochs": 3, "record_every": 1, "weight_decay": 0.01,
}  # fmt: skip

SQUARE = {
    **{k: v for k, v in BASE.items() if k not in ("depth", "width")}, "procedure": "square_sgd",
    "model": "conv4", "width": 2, "bias": False, "batch_norm": False,
    "momentum": 0.9, "label_noise": 0.5, "targets": "centred",
    "record": ["margins", "spectra", "collapse", "stationarity", "bounds", "movement"],
}  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda _: None)
    return folder


def new_pack(folder, base=BASE):
    pack = packs.Pack.of([spec.make({**base, "seed": s}) for s in (0, 1)])
    path = folder / pack.name / "pack.json"
    packs.write(path, pack.text)
    return path


def tables(path):
    return [(path.parent / "records" / f"{n}.parquet").read_bytes() for n in ("scalars", "arrays")]


def killed(at_call, work):
    """Run `work` in a fork that kill -9s itself at its n-th rename: whether it came so far."""
    child = os.fork()
    if child == 0:
        real, calls = os.replace, iter(range(10**9))

        def replace(*arguments):
            if next(calls) == at_call:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        os.replace = replace
        work()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("base", [BASE, SQUARE], ids=["sgd", "square_sgd"])
def test_kill_9_during_twenty_writes_ends_with_the_same_bytes(tmp_path, data_dir, base):
    whole, chained = new_pack(tmp_path / "a", base), new_pack(tmp_path / "b", base)
    train(whole, data_dir, "cpu", 1, 60)
    deaths = sum(killed(n % 9, lambda: train(chained, data_dir, "cpu", 1, 1e-4)) for n in range(20))
    assert deaths >= 10, "the kills must hit training"
    train(chained, data_dir, "cpu", 1, 1e-4)
    assert tables(whole) == tables(chained)
    assert {p.name for p in chained.parent.iterdir()} == {"pack.json", "records"}


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    for step in (1, 2):
        checkpoint.save(path, {"step": step, "w": torch.ones(50)})
    sound = path.read_bytes()
    assert checkpoint.load(path, CPU)["step"] == 2
    flipped = bytearray(sound)
    flipped[-100] ^= 1
    for damage in (bytes(flipped), sound[:-9], b"", b"PK\x03\x04 and no more"):
        path.write_bytes(damage)
        assert checkpoint.load(path, CPU)["step"] == 1
        assert "damaged checkpoint" in capsys.readouterr().err
    checkpoint.previous(path).write_bytes(b"")
    with pytest.raises(UserError, match="no checkpoint is whole"):
        checkpoint.load(path, CPU)


def test_a_checkpoint_from_before_checksums_is_read(tmp_path):
    torch.save({"step": 7}, tmp_path / "checkpoint.pt")
    assert checkpoint.load(tmp_path / "checkpoint.pt", CPU) == {"step": 7}


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_bomb_in_a_checkpoint_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("checkpoint.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError):
        checkpoint.load(Path("checkpoint.pt"), CPU)
    assert not Path("exploded").exists()


def mounted(folder, options):
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])
    if done.returncode:
        pytest.skip("mounting is refused here")


def test_a_full_and_a_read_only_disk_are_one_error_and_training_goes_on_after(tmp_path, data_dir):
    whole, disk = new_pack(tmp_path / "a"), tmp_path / "disk"
    train(whole, data_dir, "cpu", 1, 60)
    mounted(disk, "size=2m")
    try:
        path = new_pack(disk)
        with pytest.raises(OSError):
            (disk / "filler").write_bytes(bytes(4_000_000))
        with pytest.raises(UserError, match="cannot be written: No space left"):
            train(path, data_dir, "cpu", 1, 1e-4)
        assert {p.name for p in path.parent.iterdir()} <= {"pack.json", "records"}
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(OSError, match="Read-only"):
            train(path, data_dir, "cpu", 1, 1e-4)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        (disk / "filler").unlink()
        train(path, data_dir, "cpu", 1, 1e-4)
        assert tables(whole) == tables(path)
    finally:
        subprocess.run(["umount", disk])


def test_a_second_trainer_of_a_pack_says_so_and_stops(tmp_path, data_dir):
    path = new_pack(tmp_path)
    with (
        claimed(path, "is being trained"),
        pytest.raises(UserError, match="being trained by another process"),
    ):
        train(path, data_dir, "cpu", 1, 60)
    assert not (path.parent / "records").exists()


def test_a_checkpoint_is_not_written_into_a_folder_that_vanished(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        checkpoint.save(tmp_path / "gone" / "checkpoint.pt", {"step": 1})
    assert not (tmp_path / "gone").exists()


def test_the_lock_holds_every_dependency_within_its_range_and_no_address():
    lines = [s for s in (ROOT / "constraints.txt").read_text().splitlines() if s]
    assert not [s for s in lines if "://" in s or s.startswith("-") or " @ " in s]
    pins = [Requirement(s) for s in lines]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for need in map(Requirement, [*project["dependencies"], *(n for e in extras for n in e)]):
        mine = [p for p in pins if canonicalize_name(p.name) == canonicalize_name(need.name)]
        assert mine, need
        for pin in mine:  # one for each marker
            (version,) = pin.specifier
            assert version.operator == "=="
            assert need.specifier.contains(version.version), f"{pin} is outside {need}"
