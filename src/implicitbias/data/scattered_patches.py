"""The images of `local_patches`, the pixels of each permuted in the same way.

The class is then a sum of the same functions of four variables each, but of pixels that lie
anywhere. The permutation is the order of 64 draws of ``default_rng(66)``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from . import local_patches
from ._spec import Images, Raw, Report

_SEED = 66


def _scattered(images: Images) -> Images:
    order = np.argsort(np.random.default_rng(_SEED).random(64), kind="stable")
    return np.ascontiguousarray(images.reshape(len(images), 64)[:, order].reshape(images.shape))


def _build(folder: Path, report: Report) -> Raw:
    raw = local_patches.DATASET.build(folder, report)
    return replace(raw, x_train=_scattered(raw.x_train), x_test=_scattered(raw.x_test))


DATASET = replace(
    local_patches.DATASET,
    name="scattered_patches",
    content_sha256="b89ec16819a11b020aa8b2821a40cac20ec1339c819ae49b1f06e37a0501bd2e",
    build=_build,
)
