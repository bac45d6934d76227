"""The one file ``<data_dir>/<name>.npz`` of a data set: raw arrays and the sha256 of them."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib.npyio import NpzFile

from ..base.files import replacing
from ._spec import DataError, Dataset, Raw

_KEYS = tuple(field.name for field in fields(Raw))
_HASH = "content_sha256"
# What NumPy and zipfile raise for a file that is short, foreign, or has flipped bits anywhere.
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, SyntaxError, TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def content_hash(raw: Raw) -> str:
    """Return the sha256 of name, dtype, shape and C-order little-endian bytes of the four arrays in
    turn.
    """
    digest = hashlib.sha256()
    for key in _KEYS:
        array = np.ascontiguousarray(getattr(raw, key))
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{key} {array.dtype.name} {array.shape}\n".encode())
        digest.update(little.data)
    return digest.hexdigest()


def _opened(path: Path) -> NpzFile:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, NpzFile):  # a bare array, which NumPy reads as readily
        raise TypeError("not an npz file")
    return archive


def is_current(path: Path, dataset: Dataset) -> bool:
    """Return whether ``path`` records the right hash, without reading the arrays."""
    if not path.is_file():
        return False
    try:
        with _opened(path) as archive:
            present = set(archive.files) == {*_KEYS, _HASH}
            wanted = dataset.content_sha256
            return present and (wanted is None or str(archive[_HASH]) == wanted)
    except _DAMAGE:
        return False


def check_ours(path: Path) -> None:
    """Raise DataError for a whole file that another tool has written, such as Keras's mnist.npz.

    A file that cannot be opened as arrays may be a damaged file of ours, and is not refused.
    """
    try:
        with _opened(path) as archive:
            ours = _HASH in archive.files
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except TypeError:  # a single array
        ours = False
    except _DAMAGE:
        return
    if not ours:
        raise DataError(f"{path} is a file of somebody else; move it away, or set another data_dir")


def is_right(path: Path, dataset: Dataset) -> bool:
    """Return whether the arrays of ``path`` have the right hash: reads all of it."""
    try:
        read(path, dataset)
    except DataError:
        return False
    return True


def read(path: Path, dataset: Dataset) -> Raw:
    """Reads the arrays and checks their hash; DataError if they are missing or damaged."""
    if not path.is_file():
        raise DataError(
            f"{path} does not exist: fetch {dataset.name!r} into {path.parent} before loading it"
        )
    try:
        with _opened(path) as archive:
            raw = Raw(**{key: archive[key] for key in _KEYS})
            wanted = dataset.content_sha256 or str(archive[_HASH])
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise DataError(
            f"{path} is damaged or is not {dataset.name!r} ({error}): move it away and fetch again"
        ) from error
    actual = content_hash(raw)
    if actual != wanted:
        raise DataError(
            f"{path} is damaged or is not {dataset.name!r} (sha256 of its arrays {actual}, wanted "
            f"{wanted}): move it away and fetch again"
        )
    if dataset.content_sha256 is None:
        _check_sizes(raw, dataset)
    return raw


def write(path: Path, dataset: Dataset, raw: Raw) -> None:
    """Writes ``path`` whole or not at all; DataError if ``raw`` is not the data set.

    UserError if it cannot be written.
    """
    actual = content_hash(raw)
    if dataset.content_sha256 is None:
        _check_sizes(raw, dataset)
    elif actual != dataset.content_sha256:
        raise DataError(
            f"the arrays made for {dataset.name!r} have sha256 {actual}, wanted "
            f"{dataset.content_sha256}: the package they come from has changed"
        )
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(
            stream, x_train=raw.x_train, y_train=raw.y_train, x_test=raw.x_test,
            y_test=raw.y_test, content_sha256=np.array(actual),
        )  # fmt: skip


def _check_sizes(raw: Raw, dataset: Dataset) -> None:
    """DataError that names a class with another number of images than the data set has."""
    for part, images, labels in (
        ("train", raw.x_train, raw.y_train), ("test", raw.x_test, raw.y_test),
    ):  # fmt: skip
        fits = images.dtype == np.uint8 and labels.dtype == np.int64 and labels.ndim == 1
        if not fits or images.shape != (len(labels), *dataset.image_shape) or labels.min() < 0:
            raise DataError(f"{dataset.name!r}: its {part} arrays are not images with labels")
    for labels, sizes in ((raw.y_train, dataset.train_sizes), (raw.y_test, dataset.test_sizes)):
        counts = np.bincount(labels, minlength=len(sizes)).tolist()
        wanted = [*sizes, *[0] * (len(counts) - len(sizes))]
        for label, (n, size) in enumerate(zip(counts, wanted, strict=True)):
            if n != size:
                raise DataError(f"{dataset.name!r}: {n} images of class {label}, wanted {size}")
