"""What is finished stays finished; who trains a pack is known; helpers that fail are warned of."""

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from one_pack import BASE, forked, new_pack, tables

from implicitbias.base import locks, provenance
from implicitbias.base.errors import UserError
from implicitbias.plan import packs, spec
from implicitbias.train import checkpoint
from implicitbias.train.pack import train
from implicitbias.train.publish import publish

NOWHERE = Path("/nonexistent")


@pytest.fixture
def pack(tmp_path, data_dir):
    """A trained pack: its pack.json."""
    path = new_pack(tmp_path)
    train(path, data_dir, "cpu", 1, 60)
    return path


def test_a_complete_pack_is_left_as_it_is(pack, capsys):
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in pack.parent.rglob("*.*")}
    (pack.parent / checkpoint.NAME).write_bytes(b"of a process killed between records and end")
    train(pack, NOWHERE, "cpu", 1, 60)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in pack.parent.rglob("*.*")} == before
    assert "complete, trained 2" in capsys.readouterr().err


def test_a_provenance_that_snakemake_removed_is_written_again(pack):
    """As it does with outputs before a job, and after one that failed or was killed with it."""
    file = pack.parent / "records" / provenance.NAME
    text = file.read_text()
    file.unlink()
    train(pack, NOWHERE, "cpu", 1, 60)
    assert file.read_text() == text


@pytest.mark.parametrize("name", ["scalars.parquet", "arrays.parquet"])
def test_records_that_are_not_those_of_the_provenance_are_trained_again(pack, data_dir, name):
    whole, file = tables(pack), pack.parent / "records" / name
    for damage in (lambda: file.write_bytes(b"damaged"), file.unlink):
        damage()
        assert provenance.complete(pack.parent) is None
        train(pack, data_dir, "cpu", 1, 60)
        assert tables(pack) == whole


def test_runs_that_cannot_train_together_are_refused(tmp_path, data_dir):
    """As the planner does, which never puts them into one pack."""
    pack = packs.Pack.of([spec.make({**BASE, "width": width}) for width in (6, 7)])
    path = tmp_path / pack.name / "pack.json"
    packs.write(path, pack.text)
    with pytest.raises(UserError, match="not of one procedure and one shape"):
        train(path, data_dir, "cpu", 1, 60)


def test_a_pack_that_is_forgotten_is_trained_again(pack, data_dir):
    (pack.parent / "records" / provenance.NAME).unlink()
    provenance.forget(pack.parent)
    with pytest.raises(UserError, match="does not exist"):
        train(pack, NOWHERE, "cpu", 1, 60)
    train(pack, data_dir, "cpu", 1, 60)


def test_the_provenance_of_another_pack_completes_nothing(pack):
    file = pack.parent / "records" / provenance.NAME
    provenance.forget(pack.parent)
    file.write_text(file.read_text().replace(pack.parent.name, "mlp_bn-other"))
    assert provenance.complete(pack.parent) is None


def test_records_that_cannot_be_read_are_not_called_incomplete(pack, monkeypatch):
    read = Path.read_bytes

    def denied(path):
        if path.suffix == ".parquet":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(PermissionError):
        train(pack, NOWHERE, "cpu", 1, 60)


def test_a_second_trainer_of_a_pack_names_the_first_and_stops(tmp_path):
    """Also after pack.json was written again, which once let a second trainer in."""
    path = new_pack(tmp_path)
    with locks.held(path.parent / ".lock", f"pack {path.parent.name} is being trained"):
        packs.write(path, path.read_text())
        with pytest.raises(UserError) as error:
            train(path, NOWHERE, "cpu", 1, 60)
    who = f"{os.uname().nodename}, process {os.getpid()}, since 2"
    assert str(error.value).startswith(f"pack {path.parent.name} is being trained by {who}")
    assert {p.name for p in path.parent.iterdir()} == {"pack.json"}


def test_a_trainer_that_waits_finds_what_the_other_has_finished(tmp_path, data_dir, capfd):
    path, go = new_pack(tmp_path), tmp_path / "go"

    def first():
        with locks.held(path.parent / ".lock", "it is being trained"):
            go.touch()
            time.sleep(1)
            other = new_pack(tmp_path / "elsewhere")
            train(other, data_dir, "cpu", 1, 60)
            (other.parent / "records").rename(path.parent / "records")

    child = forked(first)
    while not go.exists():
        time.sleep(0.01)
    train(path, NOWHERE, "cpu", 1, 60, wait=True)
    assert os.waitpid(child, 0)[1] == 0
    said = capfd.readouterr().err
    assert said.count(f"process {child}, since 2") == 1
    assert "nothing to do" in said


def test_a_lock_ends_with_its_process_and_is_never_shared(tmp_path):
    """Eight processes that take and release it as fast as they can, one of them killed inside."""
    lock, inside, count = tmp_path / ".lock", tmp_path / "inside", tmp_path / "count"
    count.write_text("0")

    def work():
        for _ in range(40):
            with locks.held(lock, "it is held", wait=True):
                inside.mkdir()  # fails where another one is inside
                count.write_text(str(int(count.read_text()) + 1))
                inside.rmdir()

    def dies():
        locks.take(lock, "it is held", wait=True)
        os._exit(9)

    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(locks, "_ASK_EVERY_S", 0.0)
        children = [forked(work) for _ in range(7)] + [forked(dies)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * 7 + [9]
    assert count.read_text() == str(7 * 40)


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / checkpoint.NAME
    checkpoint.save(path, {"step": 1})
    for error in (PermissionError(13, "Permission denied"), MemoryError()):
        with monkeypatch.context() as patch, pytest.raises(UserError) as said:
            patch.setattr(Path, "read_bytes", lambda _, error=error: (_ for _ in ()).throw(error))
            checkpoint.load(path, "cpu")
        assert "may well be whole" in str(said.value)
        assert "delete" not in str(said.value)
    assert checkpoint.load(path, "cpu") == {"step": 1}


def test_a_git_that_refuses_is_warned_of_before_training(tmp_path, data_dir, monkeypatch, capsys):
    """As of a checkout of another user: what is trained then cannot be published."""
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2; exit 128\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    monkeypatch.setattr(provenance, "_inside_git", lambda: True)
    provenance.commit.cache_clear()
    try:
        path = new_pack(tmp_path)
        train(path, data_dir, "cpu", 1, 60)
        said = capsys.readouterr().err
        assert "git: fatal: detected dubious ownership" in said
        assert said.index("dubious") < said.index("from the beginning")
        assert json.loads((path.parent / "records" / provenance.NAME).read_text())["commit"] == ""
        with pytest.raises(UserError, match="names no commit"):
            publish(path.parent, tmp_path / "published")
    finally:
        provenance.commit.cache_clear()


def test_a_scratch_folder_that_cannot_be_written_is_warned_of(tmp_path, data_dir, capsys):
    path, scratch = new_pack(tmp_path), tmp_path / "scratch"
    scratch.write_text("a file")
    train(path, data_dir, "cpu", 1, 60, scratch=scratch)
    assert f"data are read from {data_dir}" in capsys.readouterr().err
    assert provenance.complete(path.parent)


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def refused(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refused)
    with locks.held(tmp_path / ".lock", "it is held"):
        assert "no locks on this file system" in capsys.readouterr().err
