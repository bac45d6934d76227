"""The kind of a file is recognised by its content, also of files that cannot be read."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Literal

from ..base.errors import UserError

Kind = Literal["safetensors", "zip", "legacy"]
_LEGACY = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # the number that torch.save began with before it wrote zip
_LARGEST_HEADER = 100_000_000  # bytes, safetensors' own limit
# What a file begins with that people have in place of a checkpoint, and what to do.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (
        b"version https://git-lfs",
        "a git-LFS pointer in place of the file; run: git lfs pull",
    ),
    (b"\x93NUMPY", "a NumPy array; implicitbias.metrics.rank(numpy.load(file)) gives its rank"),
    (b"\x1f\x8b", "compressed by gzip; run gunzip first"),
    (b"BZh", "compressed by bzip2; decompress it first"),
    (b"\xfd7zXZ", "compressed by xz; decompress it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; decompress it first"),
    (b"\x89HDF", "an HDF5 file, as Keras writes; save its weights as safetensors"),
    (b"GGUF", "a GGUF file; its weights are quantised: use the model it was made from"),
    (b"<", "a web page: the download gave HTML in place of the file"),
)


def kind(path: Path) -> Kind:
    """Return how a file is read.

    Raises:
        OSError: the file cannot be opened.
        UserError: the file is no checkpoint; the message says what it is instead.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: not a file but {_named(mode)}")
    with path.open("rb") as file:
        head = file.read(512)
    size = path.stat().st_size
    if not head:
        raise UserError(f"{path}: empty, 0 bytes")
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and length <= _LARGEST_HEADER:
        if length + 8 > size:
            raise UserError(f"{path}: cut off: {size} bytes, and the header alone has {length}")
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    if head.startswith(b"\x80"):
        if _LEGACY in head[:40]:
            return "legacy"
        raise UserError(
            f"{path}: refused: a pickle that torch.save did not write, and reading it could run"
            " code; save the state dict by torch.save or safetensors"
        )
    for begins, said in _OTHERS:
        if head.lstrip().startswith(begins):
            raise UserError(f"{path}: {said}")
    if path.suffix.lower() == ".safetensors":
        raise UserError(f"{path}: not a safetensors file: its header is damaged")
    if head[257:262] == b"ustar":
        raise UserError(f"{path}: a tar archive; unpack it first")
    raise UserError(f"{path}: not a checkpoint: neither torch.save nor safetensors wrote it")


def _zip(path: Path) -> Kind:
    try:
        if not zipfile.is_zipfile(path):
            raise UserError(f"{path}: cut off: a zip archive, as torch.save writes, has no end")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except UserError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UserError(f"{path}: a damaged zip archive: {error}") from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise UserError(
            f"{path}: refused: a TorchScript archive, which is a program; save the state dict"
        )
    if any(name.endswith("data.pkl") for name in names):
        return "zip"
    if names and all(name.endswith(".npy") for name in names):
        raise UserError(
            f"{path}: NumPy arrays (npz); implicitbias.metrics.rank gives the rank of each"
        )
    raise UserError(f"{path}: a zip archive that torch.save did not write; unpack it first")


def _named(mode: int) -> str:
    kinds = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
    return next((name for test, name in kinds.items() if test(mode)), "a device")
