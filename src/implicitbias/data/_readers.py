"""Readers of published files: each yields (file wanted, decompressed content) and writes nothing.

An archive is never extracted. Members are read by their exact expected name. A name that leads out
of the folder, a link or a device in a hostile archive is therefore never read.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from ._spec import Images, Labels, Raw

Reader = Callable[[Path, Collection[str]], Iterator[tuple[str, bytes]]]
"""``reader(path, missing)`` yields those of the ``missing`` files that ``path`` holds."""

# No wanted file is larger than 183 MB; a content cut here has a wrong hash, and memory is safe.
_LIMIT = 256 * 2**20

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def decompressed(content: bytes) -> bytes:
    """Return ``content`` without its gzip layer, if it has one (told by the two magic bytes)."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        return stream.read(_LIMIT)


def plain(wanted: str) -> Reader:
    """Reads a file that is the one called ``wanted``, gzipped or not."""

    def read(path: Path, missing: Collection[str]) -> Iterator[tuple[str, bytes]]:
        if wanted in missing:
            with open(path, "rb") as stream:
                yield wanted, decompressed(stream.read(_LIMIT))

    return read


def tar_contents(path: Path, members: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (member, content) for each regular member whose exact name is in ``members``."""
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in members and member.isreg():
                stream = archive.extractfile(member)
                if stream is not None:
                    yield name, stream.read(_LIMIT)


def tar(members: Mapping[str, str]) -> Reader:
    """Reads a tar archive; ``members`` maps a member's name to the wanted file that it is."""

    def read(path: Path, missing: Collection[str]) -> Iterator[tuple[str, bytes]]:
        names = {member for member, wanted in members.items() if wanted in missing}
        for name, content in tar_contents(path, names):
            yield members[name], decompressed(content)

    return read


def torchvision(folder: str) -> dict[str, Reader]:
    """Return a route to the files in torchvision's folder, ``<data_dir>/<folder>/raw``."""
    return {f"../{folder}/raw/{name}": reader for name, reader in idx_spellings().items()}


def idx_spellings() -> dict[str, Reader]:
    """Return every usual name of the four IDX files: with a dash or a dot, gzipped or not."""
    return {
        spelling + suffix: plain(wanted)
        for wanted in IDX_FILES
        for spelling in (wanted, wanted.replace("-idx", ".idx"))
        for suffix in ("", ".gz")
    }


def idx_arrays(files: Mapping[str, bytes]) -> Raw:
    """Decodes the four IDX files: big-endian header of 16 or 8 bytes, then one byte a value."""

    def images(name: str) -> Images:
        _, n, height, width = (int(v) for v in np.frombuffer(files[name], dtype=">u4", count=4))
        values = np.frombuffer(files[name], dtype=np.uint8, offset=16)
        return values.reshape(n, 1, height, width)

    def labels(name: str) -> Labels:
        return np.frombuffer(files[name], dtype=np.uint8, offset=8).astype(np.int64)

    train_x, train_y, test_x, test_y = IDX_FILES
    return Raw(images(train_x), labels(train_y), images(test_x), labels(test_y))
