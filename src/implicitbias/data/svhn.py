"""SVHN: 73,257 + 26,032 house numbers, 32x32 colour, 10 digits (cropped, without `extra`).

The publisher's two MATLAB files hold X (32, 32, 3, N) and y (N, 1), where 10 stands for the digit
0. No package carries them. They come from the publisher, or from a folder where a user has placed
them.
"""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np

from ._readers import plain
from ._routes import Placed, Urls
from ._sources import look_up
from ._spec import DataError, Dataset, Images, Labels, Preprocessing, Raw, Report

_WANTED = {
    "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
}
_FILES = {name: plain(name) for name in _WANTED}
_ROUTES = (Placed(_FILES), Urls("http://ufldl.stanford.edu/housenumbers/", _FILES))


def _build(folder: Path, report: Report) -> Raw:
    files = look_up(_WANTED, _ROUTES, folder, report)
    return Raw(*_arrays(files["train_32x32.mat"]), *_arrays(files["test_32x32.mat"]))


def _arrays(content: bytes) -> tuple[Images, Labels]:
    loadmat = importlib.import_module("scipy.io").loadmat  # here: planning must not load scipy
    try:
        file = loadmat(io.BytesIO(content), variable_names=["X", "y"])
        images, labels = file["X"].transpose(3, 2, 0, 1), file["y"].ravel().astype(np.int64)
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise DataError(f"'svhn': not the publisher's MATLAB file: {error}") from error
    return np.ascontiguousarray(images, dtype=np.uint8), labels % 10


DATASET = Dataset(
    name="svhn",
    image_shape=(3, 32, 32),
    train_sizes=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    test_sizes=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
    max_value=255,
    preprocessings={
        "standard": Preprocessing(
            (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), "training set, as widely published"
        ),
        "galanti2025rank": Preprocessing((0.5,) * 3, (0.5,) * 3, "Galanti et al. (2025), code"),
    },
    licence="for non-commercial use only",
    source="Netzer, Wang, Coates, Bissacco, Wu, Ng (2011): Reading Digits in Natural Images",
    content_sha256=None,
    build=_build,
)
