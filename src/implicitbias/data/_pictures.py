"""Pictures that a user has placed, in the publishers' folders, resized to 32x32.

Nothing is fetched, because these sets are gigabytes in size. The first files by name of each class
are taken. Every picture is made RGB and resized to 32x32 as a whole, bilinear with antialiasing
(Pillow's), so its proportions change. How the paper resized them is not known.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ._spec import DataError, Images, Labels, Preprocessing, Report

SIDE = 32
IMAGENET = Preprocessing(
    (0.485, 0.456, 0.406), (0.229, 0.224, 0.225),
    "ImageNet's, as widely published; what Galanti et al. (2025) used is not known",
)  # fmt: skip
_SUFFIXES = {".jpg", ".jpeg", ".png"}


def root(name: str, folder: Path, pattern: str, wanted: Sequence[str], source: str) -> Path:
    """Return the folder that holds `wanted`: `folder`, or the one in it that matches `pattern`."""
    for place in (folder, *sorted(folder.glob(pattern))):
        if all((place / part).exists() for part in wanted):
            return place
    raise DataError(
        f"{name!r} is not there, and no package carries it: unpack it from {source} so that"
        f" {folder}/{pattern} holds {', '.join(wanted)}"
    )


def classes(name: str, split: Path, sizes: Sequence[int], exact: bool = True) -> list[list[Path]]:
    """Return the pictures of each class, a folder each, in the order of the folders' names.

    `exact`: a class must have as many as `sizes` says; else the first that many are taken.
    """
    folders = sorted(path for path in split.iterdir() if path.is_dir())
    if len(folders) != len(sizes):
        raise DataError(f"{name!r}: {split} has {len(folders)} classes, wanted {len(sizes)}")
    chosen = []
    for path, size in zip(folders, sizes, strict=True):
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
        if len(files) < size or (exact and len(files) > size):
            raise DataError(f"{name!r}: {path} has {len(files)} pictures, wanted {size}")
        chosen.append(files[:size])
    return chosen


def listed(name: str, images: Path, list_file: Path, sizes: Mapping[str, int]) -> list[list[Path]]:
    """Return the pictures that a publisher's list names, `<class>/<name>` a line, of each class."""
    try:
        lines = list_file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name!r}: {list_file} cannot be read: {error}") from error
    by_class: dict[str, list[Path]] = {c: [] for c in sizes}
    for line in lines:
        label = line.partition("/")[0]
        if label not in by_class:
            raise DataError(f"{name!r}: {list_file} names a class {label!r} that is not known")
        by_class[label].append(images / f"{line}.jpg")
    wrong = [c for c in sizes if len(by_class[c]) != sizes[c]]
    if wrong:
        raise DataError(
            f"{name!r}: {list_file} has {len(by_class[wrong[0]])} pictures of {wrong[0]!r},"
            f" wanted {sizes[wrong[0]]}"
        )
    return list(by_class.values())


def read(name: str, of_classes: Sequence[Sequence[Path]], report: Report) -> tuple[Images, Labels]:
    """Return images (N, 3, 32, 32) and labels of the classes' pictures, class after class."""
    try:
        image = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise DataError(f"{name!r} needs Pillow: install the extra 'data'") from error
    paths = [path for files in of_classes for path in files]
    pixels = np.empty((len(paths), 3, SIDE, SIDE), dtype=np.uint8)
    for i, path in enumerate(paths):
        try:
            with image.open(path) as picture:
                small = picture.convert("RGB").resize((SIDE, SIDE), image.Resampling.BILINEAR)
        except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
            raise DataError(f"{name!r}: {path} is no readable picture: {error}") from error
        pixels[i] = np.asarray(small).transpose(2, 0, 1)
    report(f"{len(paths)} pictures read and shrunk")
    labels = np.repeat(np.arange(len(of_classes)), [len(files) for files in of_classes])
    return pixels, labels.astype(np.int64)
