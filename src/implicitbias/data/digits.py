"""The UCI digits that come inside scikit-learn: 1,797 grey images of 8x8, 10 classes.

The package has no split. Our split is part of this definition: 300 test images, stratified (29 to
31 per class, by largest remainder) and chosen by ``default_rng(1797)``; the other 1,497 are for
training. File order is kept. Raw values run from 0 to 16. No statistics are published, so mean
.3053 and std .3760 are computed from the 1,497 training images scaled to [0, 1].
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from ._arrays import split_off
from ._spec import DataError, Dataset, Preprocessing, Raw, Report

_SEED = 1797
_N_TEST = 300


def _build(folder: Path, report: Report) -> Raw:
    try:
        load_digits = importlib.import_module("sklearn.datasets").load_digits
    except ImportError as error:
        raise DataError(
            "'digits' needs scikit-learn: install the extra 'data' of this package"
        ) from error
    values, labels = load_digits(return_X_y=True)
    report("read from scikit-learn")
    images = np.asarray(values).astype(np.uint8).reshape(-1, 1, 8, 8)
    return split_off(images, np.asarray(labels).astype(np.int64), _N_TEST, _SEED)


DATASET = Dataset(
    name="digits",
    image_shape=(1, 8, 8),
    train_sizes=(148, 152, 147, 152, 151, 152, 151, 149, 145, 150),
    test_sizes=(30, 30, 30, 31, 30, 30, 30, 30, 29, 30),
    max_value=16,
    preprocessings={
        "standard": Preprocessing((0.3053,), (0.3760,), "computed here from the training set"),
    },
    licence="CC BY 4.0",
    source="Alpaydin, Kaynak (1998): Optical Recognition of Handwritten Digits, UCI; the copy in "
    "scikit-learn",
    content_sha256="59c27347a0f5319f5032cebae4343edd5ba0d69d6bdd39d62b214d8031c261a0",
    build=_build,
)
