"""A trainer killed with kill -9 at its writes, damaged checkpoints, and rivals."""

import errno
import fcntl
import os
import pickle
import shutil
import signal
from pathlib import Path

import pytest
import torch
from one_pack import BASE, forked, new_pack, tables

from implicitbias.base.errors import UserError
from implicitbias.base.files import replacing
from implicitbias.train import checkpoint
from implicitbias.train.pack import train

CPU = torch.device("cpu")
SQUARE = {
    **{k: v for k, v in BASE.items() if k not in ("depth", "width")}, "procedure": "square_sgd",
    "model": "conv4", "width": 2, "bias": False, "batch_norm": False,
    "momentum": 0.9, "label_noise": 0.5, "targets": "centred",
    "record": ["margins", "spectra", "collapse", "stationarity", "bounds", "movement",
               "step_movement"],
}  # fmt: skip


def killed(at_call, work):
    """Run `work` in a fork that kill -9s itself at its n-th rename: whether it came so far."""
    real, calls = os.replace, iter(range(10**9))

    def replace(*arguments):
        if next(calls) == at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    def armed():
        os.replace = replace
        work()

    return os.waitpid(forked(armed), 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("base", [BASE, SQUARE], ids=["sgd", "square_sgd"])
def test_kill_9_during_twenty_writes_ends_with_the_same_bytes(tmp_path, data_dir, base):
    whole, chained = new_pack(tmp_path / "a", base), new_pack(tmp_path / "b", base)
    train(whole, data_dir, "cpu", 1, 60)
    deaths = tries = 0
    while deaths < 20:
        if killed(tries % 9, lambda: train(chained, data_dir, "cpu", 1, 1e-4)):
            deaths += 1
        else:
            assert tables(whole) == tables(chained)
            shutil.rmtree(chained.parent / "records")
        tries += 1
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


def test_two_trainers_where_nothing_can_be_locked_leave_one_set_of_results(
    tmp_path, data_dir, monkeypatch, capfd
):
    """As on Lustre without `flock`: each is warned; whole files replace whole files."""

    def refused(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    whole, path = new_pack(tmp_path / "a"), new_pack(tmp_path / "b")
    train(whole, data_dir, "cpu", 1, 60)
    monkeypatch.setattr(fcntl, "flock", refused)
    children = [forked(lambda: train(path, data_dir, "cpu", 1, 1e-4)) for _ in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert set(codes) <= {0, 1}
    assert 0 in codes
    assert tables(path) == tables(whole)
    assert capfd.readouterr().err.count("no locks on this file system") == 2


def test_temporary_names_differ_where_process_ids_do_not(tmp_path, monkeypatch):
    """As on two machines, or in two containers, that share a disk."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    with replacing(tmp_path / "x") as one, replacing(tmp_path / "x") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "x").read_text() == "one"
