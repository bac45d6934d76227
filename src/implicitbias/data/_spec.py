"""The definition of a data set: its facts, its preprocessings and its arrays as published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..base.errors import UserError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Report = Callable[[str], object]


class DataError(UserError):
    """The data cannot be obtained, or one of their files is not what it should be."""


@dataclass(frozen=True)
class Raw:
    """A data set as published: images uint8 (N, C, H, W), labels int64 (N,) from 0."""

    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels


@dataclass(frozen=True)
class Preprocessing:
    """Pad each side by ``pad`` black pixels, then ``(v / max_value - mean) / std`` per channel.

    ``mean`` and ``std`` are in units of the scaled range [0, 1]; ``source`` says whose they are.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    pad: int = 0


@dataclass(frozen=True)
class Dataset:
    """The definition of one data set; every module here without a leading underscore has one.

    ``image_shape`` is (C, H, W) before preprocessing, ``train_sizes`` and ``test_sizes`` are the
    images of each class, ``max_value`` is the raw value of full intensity, ``content_sha256`` is
    the hash of the arrays (see ``_cache.content_hash``), and ``build(folder, report)`` makes the
    arrays, where ``folder`` holds the files that a user placed. ``content_sha256`` is None if it is
    not known to us. Class sizes are then checked instead, and the hash that is recorded with the
    arrays protects them against damage.
    """

    name: str
    image_shape: tuple[int, int, int]
    train_sizes: tuple[int, ...]
    test_sizes: tuple[int, ...]
    max_value: int
    preprocessings: Mapping[str, Preprocessing]
    licence: str
    source: str
    content_sha256: str | None
    build: Callable[[Path, Report], Raw]
