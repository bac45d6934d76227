"""Disks that are full, over quota, read-only or gone: one error, and training goes on after."""

import shutil
import subprocess

import pytest
from one_pack import new_pack, tables

from implicitbias.base.errors import UserError
from implicitbias.train.pack import train
from implicitbias.train.progress import Reporter


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def mounted(tmp_path):
    """Mounts what it is told to at a new folder, which is gone after the test."""
    folder = tmp_path / "disk"

    def mount(*options):
        folder.mkdir()
        if subprocess.run(["mount", *options, folder], capture_output=True).returncode:
            pytest.skip("mounting is refused here")
        return folder

    yield mount
    subprocess.run(["umount", folder], capture_output=True)


@pytest.fixture
def whole(tmp_path, data_dir):
    """The records of an undisturbed training."""
    path = new_pack(tmp_path / "whole")
    train(path, data_dir, "cpu", 1, 60)
    return tables(path)


def goes_on_after(path, data_dir, words, free, whole):
    """Training stops with `words`, half-written files are not left, and it ends once `free`d."""
    with pytest.raises(UserError, match=f"cannot be written: {words}"):
        train(path, data_dir, "cpu", 1, 1e-4)
    left = {p.name for p in path.parent.iterdir()}
    assert left - {"checkpoint.pt", "checkpoint.pt.previous"} <= {"pack.json", "records"}
    free()
    train(path, data_dir, "cpu", 1, 1e-4)
    assert tables(path) == whole


def test_a_full_disk(mounted, data_dir, whole):
    disk = mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    path, filler = new_pack(disk), disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(4_000_000))
    goes_on_after(path, data_dir, "No space left", filler.unlink, whole)


def test_a_quota(mounted, tmp_path, data_dir, whole):
    """Of btrfs, which holds for root too."""
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("no mkfs.btrfs: tests/install.sh")
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(64 * 2**20)
    run("mkfs.btrfs", "--quiet", "--mixed", image)
    disk = mounted("-o", "loop", image)
    mine = disk / "mine"
    run("btrfs", "quota", "enable", disk)
    run("btrfs", "subvolume", "create", mine)
    path, filler = new_pack(mine), mine / "filler"
    run("btrfs", "qgroup", "limit", "2M", mine)
    with pytest.raises(OSError, match="quota exceeded"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    goes_on_after(path, data_dir, "Disk quota exceeded", filler.unlink, whole)


def test_a_read_only_disk(mounted, data_dir, whole):
    disk = mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    path = new_pack(disk)
    run("mount", "-o", "remount,ro", disk)
    with pytest.raises(UserError, match="Read-only"):
        train(path, data_dir, "cpu", 1, 1e-4)
    assert [p.name for p in path.parent.iterdir()] == ["pack.json"]
    run("mount", "-o", "remount,rw", disk)
    train(path, data_dir, "cpu", 1, 1e-4)
    assert tables(path) == whole


@pytest.mark.parametrize(
    ("seconds", "words"), [(60, "vanished while its pack was trained"), (1e-4, "cannot be written")]
)
def test_a_folder_that_vanishes_is_not_made_again(tmp_path, data_dir, monkeypatch, seconds, words):
    path, update = new_pack(tmp_path / "packs"), Reporter.update

    def vanish(self, *arguments):
        shutil.rmtree(tmp_path / "packs", ignore_errors=True)
        update(self, *arguments)

    monkeypatch.setattr(Reporter, "due", lambda self: True)
    monkeypatch.setattr(Reporter, "update", vanish)
    with pytest.raises(UserError, match=words):
        train(path, data_dir, "cpu", 1, seconds)
    assert not (tmp_path / "packs").exists()
