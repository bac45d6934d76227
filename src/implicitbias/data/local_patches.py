"""Random images whose class is a sum over small patches: 8x8 binary pixels, 2 classes.

The 64 pixels are independent and 1 or -1 with equal probability. Class 1 is a positive sum over the
sixteen 2x2 patches [[a, b], [c, d]] of a b + c d, class 0 a negative one: a composition of local
functions of four variables each. Images with a sum of 0 are left out. Drawn by ``default_rng(64)``,
2,500 images a class; 1,000 of them, chosen by ``default_rng(65)``, test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ._arrays import split_off
from ._spec import Dataset, Images, Preprocessing, Raw, Report

_SEED, _SPLIT_SEED = 64, 65
_EACH, _N_TEST, _DRAWN = 2500, 1000, 8000


def patch_sums(images: Images) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the sum of a b + c d over the 2x2 patches, (N,), of images (N, 1, 8, 8) of 0 and 1."""
    x = 2 * images[:, 0].astype(np.int64) - 1
    return np.asarray((x[:, :, ::2] * x[:, :, 1::2]).sum(axis=(1, 2)))


def _build(folder: Path, report: Report) -> Raw:
    drawn = np.random.default_rng(_SEED).random((_DRAWN, 1, 8, 8)) < 0.5
    images = drawn.astype(np.uint8)
    sums = patch_sums(images)
    kept = np.sort(np.concatenate([np.flatnonzero(sums * sign > 0)[:_EACH] for sign in (-1, 1)]))
    report("drawn")
    return split_off(images[kept], (sums[kept] > 0).astype(np.int64), _N_TEST, _SPLIT_SEED)


DATASET = Dataset(
    name="local_patches",
    image_shape=(1, 8, 8),
    train_sizes=(2000, 2000),
    test_sizes=(500, 500),
    max_value=1,
    preprocessings={"standard": Preprocessing((0.5,), (0.5,), "that of fair coins")},
    licence="none needed: drawn by this package",
    source="this package",
    content_sha256="253829c7efd1fe56daf3495cf285c500e19b5f8535fe1775ac089502af5c2f8c",
    build=_build,
)
