"""Imagenette (version 2): 9,469 + 3,925 photographs of 10 classes of ImageNet, shrunk to 32x32.

The publisher's archive in any of its sizes, unpacked: `imagenette2*/train/<class>`, `.../val/...`.
The sizes give slightly different pixels; the 160-pixel one is the smallest.
"""

from __future__ import annotations

from pathlib import Path

from . import _pictures
from ._spec import Dataset, Raw, Report

_SOURCE = "https://github.com/fastai/imagenette"
_TRAIN = (963, 955, 993, 858, 941, 956, 961, 931, 951, 960)
_TEST = (387, 395, 357, 386, 409, 394, 389, 419, 399, 390)


def _build(folder: Path, report: Report) -> Raw:
    root = _pictures.root("imagenette", folder, "imagenette2*", ("train", "val"), _SOURCE)
    train, test = (
        _pictures.classes("imagenette", root / split, sizes)
        for split, sizes in (("train", _TRAIN), ("val", _TEST))
    )
    return Raw(
        *_pictures.read("imagenette", train, report), *_pictures.read("imagenette", test, report)
    )


DATASET = Dataset(
    name="imagenette",
    image_shape=(3, _pictures.SIDE, _pictures.SIDE),
    train_sizes=_TRAIN,
    test_sizes=_TEST,
    max_value=255,
    preprocessings={"standard": _pictures.IMAGENET},
    licence="Apache 2.0 (the collection); the photographs as in ImageNet",
    source="Howard: Imagenette, a subset of 10 easily classified classes of ImageNet",
    content_sha256=None,
    build=_build,
)
