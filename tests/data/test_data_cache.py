"""The npz file: right or an error, whole or absent, made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from implicitbias import data
from implicitbias.base.errors import UserError
from implicitbias.data import _cache, mnist5k

HASHES = {  # typed here a second time: a change of a definition must be made on purpose
    "digits": "59c27347a0f5319f5032cebae4343edd5ba0d69d6bdd39d62b214d8031c261a0",
    "mnist5k": "c8c1f9934d46af16710eb2d566e2e131fd001716bc1a1736b263512f0ed28f5e",
}


@pytest.fixture
def digits_file(embedded_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(embedded_dir / "digits.npz", tmp_path))


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return {key: archive[key].copy() for key in archive.files}


@pytest.mark.parametrize("name", HASHES)
def test_content_hash_of_the_embedded_sets(embedded_dir: Path, name: str) -> None:
    dataset = data._dataset(name)
    raw = _cache.read(embedded_dir / f"{name}.npz", dataset)
    assert _cache.content_hash(raw) == dataset.content_sha256 == HASHES[name]
    assert raw.x_train.shape[1:] == dataset.image_shape


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_one_changed_value_in_a_sound_archive(digits_file: Path, key: str) -> None:
    """The zip is valid and records the right hash: only hashing the arrays can tell."""
    arrays = arrays_of(digits_file)
    arrays[key].flat[7] ^= 1
    np.savez(digits_file, **arrays)
    with pytest.raises(data.DataError, match=r"digits\.npz is damaged .* move it away") as caught:
        data.load("digits", digits_file.parent)
    assert HASHES["digits"] in str(caught.value)


def test_a_flipped_byte_anywhere_is_noticed_or_harmless(digits_file: Path) -> None:
    """Headers, directory and a few data bytes: never another exception, never other arrays."""
    sound = digits_file.read_bytes()
    dataset = data._dataset("digits")
    with zipfile.ZipFile(digits_file) as archive:
        starts = [member.header_offset for member in archive.infolist()]
    at = {start + i for start in starts for i in range(200)} | {
        *range(len(sound) - 600, len(sound))
    }
    noticed = 0
    for position in sorted(at):
        changed = bytearray(sound)
        changed[position] ^= 0x41
        digits_file.write_bytes(changed)
        _cache.is_current(digits_file, dataset)
        try:
            raw = _cache.read(digits_file, dataset)
        except data.DataError:
            noticed += 1
        else:
            assert _cache.content_hash(raw) == dataset.content_sha256
    assert noticed > len(at) // 4


@pytest.mark.parametrize("content", [b"", b"not an archive", b"half", b"array"])
def test_damaged_or_foreign_file(digits_file: Path, content: bytes) -> None:
    if content == b"half":
        content = digits_file.read_bytes()[: digits_file.stat().st_size // 2]
    digits_file.write_bytes(content)
    if content == b"array":
        with open(digits_file, "wb") as stream:
            np.save(stream, np.zeros(3))
    with pytest.raises(data.DataError, match=r"digits\.npz is damaged .*: move it away and fetch"):
        data.load("digits", digits_file.parent)
    said: list[str] = []
    if content == b"array":  # somebody's, and whole
        with pytest.raises(data.DataError, match="file of somebody else; move it away"):
            data.fetch("digits", digits_file.parent, said.append)
        digits_file.unlink()
        data.fetch("digits", digits_file.parent, said.append)
    else:
        data.fetch("digits", digits_file.parent, said.append)
        assert "damaged: replacing" in said[0]
    data.load("digits", digits_file.parent)


def test_another_data_set_under_this_name(embedded_dir: Path, tmp_path: Path) -> None:
    shutil.copy(embedded_dir / "mnist5k.npz", tmp_path / "digits.npz")
    with pytest.raises(data.DataError, match=r"digits\.npz is damaged or is not 'digits'"):
        data.load("digits", tmp_path)
    data.fetch("digits", tmp_path, report=lambda line: None)  # its recorded hash is wrong
    data.load("digits", tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match=r"mnist\.npz does not exist: fetch 'mnist' into"):
        data.load("mnist", tmp_path)


def test_a_second_fetch_does_nothing(digits_file: Path) -> None:
    before = digits_file.stat()
    said: list[str] = []
    assert data.fetch("digits", digits_file.parent, said.append) == digits_file
    assert not said
    after = digits_file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_failed_write_leaves_nothing_and_harms_nothing(
    digits_file: Path, embedded_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = data._dataset("digits")
    raw = _cache.read(digits_file, dataset)
    sound = digits_file.read_bytes()

    def full_disk(stream: Any, **arrays: Any) -> None:
        stream.write(b"half of it")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(UserError, match=r"digits\.npz: cannot be written: no space left"):
        _cache.write(digits_file, dataset, raw)
    assert digits_file.read_bytes() == sound
    assert os.listdir(digits_file.parent) == ["digits.npz"]


def test_wrong_arrays_are_never_written(digits_file: Path, tmp_path: Path) -> None:
    dataset = data._dataset("digits")
    raw = _cache.read(digits_file, dataset)
    raw.y_test[0] += 1
    with pytest.raises(data.DataError, match=r"sha256 [0-9a-f]{64}, wanted 59c27347"):
        _cache.write(tmp_path / "new.npz", dataset, raw)
    assert not (tmp_path / "new.npz").exists()


def test_changed_package_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "mnist_5k.csv.gz"
    content = bytearray(mnist5k._csv_gz().read_bytes())
    content[1000] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(mnist5k, "_csv_gz", lambda: changed)
    with pytest.raises(data.DataError, match=f"wanted {mnist5k._CSV_GZ_SHA256}"):
        data.fetch("mnist5k", tmp_path)


@pytest.mark.parametrize(("name", "module"), [("digits", "sklearn.datasets"), ("mnist5k", "")])
def test_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    if module:
        monkeypatch.setitem(sys.modules, module, None)
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None)
    with pytest.raises(data.DataError, match=f"'{name}' needs .*: install the extra 'data'"):
        data.fetch(name, tmp_path)


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both succeed and exactly one builds. (Without the lock both say 'read from'.)"""
    code = (
        "import sys, pathlib, sklearn.datasets, implicitbias.data as d\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "d.fetch('digits', pathlib.Path(sys.argv[1]))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "".join(out for out, _ in said).count("read from") == 1
    data.load("digits", tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["digits.npz"]


COPY = (
    "import sys; from implicitbias import data;"
    "print(data.copy_near('digits', sys.argv[1], sys.argv[2]).stat().st_ino)"
)


def test_many_jobs_of_a_node_share_one_copy(digits_file: Path, tmp_path: Path) -> None:
    """A second copy would be another inode: the file is replaced, never written into."""
    scratch = tmp_path / "node" / "data"
    command = [sys.executable, "-c", COPY, str(digits_file.parent), str(scratch)]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    inodes = {job.communicate(timeout=120)[0] for job in jobs}
    assert all(job.returncode == 0 for job in jobs)
    assert inodes == {f"{(scratch / 'digits.npz').stat().st_ino}\n"}
    assert [p.name for p in scratch.iterdir() if not p.name.startswith(".")] == ["digits.npz"]


def test_a_damaged_copy_is_made_again_and_a_damaged_original_is_not_copied(
    digits_file: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "node"
    copy = data.copy_near("digits", digits_file.parent, scratch)
    arrays = arrays_of(copy)
    arrays["x_train"].flat[7] ^= 1
    np.savez(copy, **arrays)
    data.copy_near("digits", digits_file.parent, scratch)
    assert arrays_of(copy)["x_train"].flat[7] == arrays["x_train"].flat[7] ^ 1
    copy.unlink()
    digits_file.write_bytes(digits_file.read_bytes()[:-1000])
    with pytest.raises(data.DataError, match=r"digits\.npz is damaged"):
        data.copy_near("digits", digits_file.parent, scratch)
    assert not copy.exists()
