"""A file that is no checkpoint is named for what it is, in one line."""

import argparse
import gzip
import json
import os
import pathlib
import random

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from implicitbias.__main__ import main
from implicitbias.api import _content, spectrum
from implicitbias.base.errors import UserError

W = torch.outer(torch.arange(1.0, 21), torch.arange(1.0, 13))


@pytest.fixture
def saved(tmp_path):
    torch.save({"w": W}, tmp_path / "whole.pt")
    save_file({"w": W}, tmp_path / "whole.safetensors")
    return {p.suffix: p.read_bytes() for p in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git-LFS"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
        (b"\n  <html>", "a web page"),
        (gzip.compress(b"weights", mtime=0), "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GGUF\x03", "GGUF"),
        (b"", "empty"),
        (b"\x00" * 40, "not a checkpoint"),
        (b"PK\x03\x04 and no more", "cut off"),
        (b"hello", "not a checkpoint"),
        (b"\x80\x04\x95", "a pickle that torch.save did not write"),
    ],
)
@pytest.mark.parametrize("name", ["net.pt", "net.bin"])
def test_what_else_a_file_is(tmp_path, content, said, name, capsys):
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["spectrum", str(path)]) == 1
    err = capsys.readouterr().err
    assert name in err
    assert said in err
    assert err.count("\n") == 1


def test_arrays_of_numpy(tmp_path):
    np.save(tmp_path / "w.npy", np.eye(3))
    np.savez(tmp_path / "w.npz", a=np.eye(3))
    for name in ("w.npy", "w.npz"):
        with pytest.raises(UserError, match=r"implicitbias\.metrics\.rank"):
            spectrum.table(tmp_path / name)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_a_cut_off_file(tmp_path, saved, suffix, share):
    path = tmp_path / f"net{suffix}"
    whole = saved[suffix]
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"cut off|damaged"):
        spectrum.table(path)


@pytest.mark.parametrize("name", ["net.pt", "model.SAFETENSORS", "weights"])
def test_the_content_decides_and_not_the_name(tmp_path, saved, name):
    for whole in saved.values():
        (tmp_path / name).write_bytes(whole)
        assert spectrum.table(tmp_path / name)["rank_fro_1e-3"].tolist() == [1]


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (pathlib.Path("x"), "pathlib"),
        (np.float64(3), "numpy"),
        (nn.Linear(2, 3), "torch.nn.modules.linear.Linear"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_more_than_tensors_is_named(tmp_path, beside, named, zipped):
    torch.save({"w": W, "x": beside}, tmp_path / "n.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=rf"refused.*{named}.*torch\.save\(model\.state_dict"):
        spectrum.table(tmp_path / "n.pt")


def test_a_program_of_torchscript(tmp_path):
    torch.jit.script(nn.Linear(2, 3)).save(tmp_path / "net.pt")
    with pytest.raises(UserError, match="TorchScript"):
        spectrum.table(tmp_path / "net.pt")


def test_what_is_no_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        spectrum.table(tmp_path / "none.pt")
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(UserError, match="a named pipe"):
        spectrum.table(tmp_path / "pipe.pt")
    with pytest.raises(UserError, match="a device"):
        _content.kind(pathlib.Path("/dev/null"))


def test_a_file_that_may_not_be_read(tmp_path, saved, capsys, monkeypatch):
    def closed(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "open", closed)
    assert main(["spectrum", str(tmp_path / "whole.pt")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'whole.pt'}: Permission denied\n"


def shards(folder, index="model.safetensors.index.json"):
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    for i, (name, file) in enumerate(names.items()):
        save_file({name: W if i else torch.eye(4)}, folder / file)
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return folder / index


def test_all_shards_of_an_index_or_a_folder(tmp_path):
    index = shards(tmp_path)
    for path in (index, tmp_path):
        found = spectrum.table(path)
        assert found["matrix"].tolist() == ["a", "b"]
        assert found["rank_fro_1e-3"].tolist() == [4, 1]
    index.unlink()
    assert spectrum.table(tmp_path)["matrix"].tolist() == ["a", "b"]


def test_shards_of_torch_and_a_folder_with_one_file(tmp_path):
    (tmp_path / "one").mkdir()
    torch.save({"w": W}, tmp_path / "one" / "best.pth")
    assert spectrum.table(tmp_path / "one")["matrix"].tolist() == ["w"]
    for i in (1, 2):
        torch.save({f"w{i}": W}, tmp_path / f"pytorch_model-0000{i}-of-00002.bin")
    assert spectrum.table(tmp_path)["matrix"].tolist() == ["w1", "w2"]


def test_folders_and_indices_that_are_none(tmp_path):
    index = shards(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match=r"shard model-00002-of-00002\.safetensors is missing"):
        spectrum.table(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../whole.pt"}}))
    with pytest.raises(UserError, match="not a file beside the index"):
        spectrum.table(index)
    index.write_text("[]")
    with pytest.raises(UserError, match="no weight_map"):
        spectrum.table(index)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UserError, match="no checkpoint in this folder"):
        spectrum.table(other)
    for name in "ab":
        torch.save({"w": W}, other / f"{name}.pt")
    with pytest.raises(UserError, match="2 files"):
        spectrum.table(other)
    (other / ".metadata").touch()
    with pytest.raises(UserError, match="dcp_to_torch"):
        spectrum.table(other)


def test_what_the_index_promises_and_no_shard_has_is_named(tmp_path):
    index = shards(tmp_path)
    tree = json.loads(index.read_text())
    tree["weight_map"]["c"] = tree["weight_map"]["a"]
    index.write_text(json.dumps(tree))
    found = spectrum.table(tmp_path).set_index("matrix")
    assert "no shard does" in found.loc["c", "note"]


def damaged(whole, rng):
    """The file with up to three bytes changed, cut out or doubled."""
    content = bytearray(whole)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(content))
        kind = rng.randrange(3)
        if kind == 0:
            content[at] = rng.randrange(256)
        elif kind == 1:
            del content[at : at + rng.randrange(1, 60)]
        else:
            content[at:at] = content[at : at + 30]
    return bytes(content)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_damaged_file_is_read_or_refused(tmp_path, kind):
    """Whatever is damaged, also the indices of a sparse tensor, which must not write anywhere."""
    path, rng = tmp_path / "net", random.Random(0)
    if kind == "safetensors":
        save_file({"w": W, "b": torch.ones(3)}, path)
    else:
        tree = {"w": W, "l": [W, {"s": W.to_sparse()}]}
        torch.save(tree, path, _use_new_zipfile_serialization=kind == "zip")
    whole, refused = path.read_bytes(), 0
    assert len(spectrum.table(path)) >= 2
    for _ in range(150):
        path.write_bytes(damaged(whole, rng))
        try:
            spectrum.table(path)
        except UserError:
            refused += 1
    assert refused > 50


def test_indices_of_a_sparse_tensor_that_lie_outside_are_refused(tmp_path):
    with torch.sparse.check_sparse_tensor_invariants(False):
        false = torch.sparse_coo_tensor([[10**9], [0]], [1.0], (20, 12), check_invariants=False)
    torch.save({"w": W, "s": false}, tmp_path / "net.pt")
    with pytest.raises(UserError, match="damaged"):
        spectrum.table(tmp_path / "net.pt")
