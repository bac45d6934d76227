"""Food-101: 75,750 + 25,250 photographs of 101 dishes, shrunk to 32x32.

The publisher's archive, unpacked: `food-101/images/<class>/<id>.jpg`, `food-101/meta/train.txt` and
`test.txt`. Classes are numbered by name.
"""

from __future__ import annotations

from pathlib import Path

from . import _pictures
from ._spec import Dataset, Raw, Report

_SOURCE = "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/"
_CLASSES, _TRAIN, _TEST = 101, 750, 250


def _build(folder: Path, report: Report) -> Raw:
    wanted = ("images", "meta/train.txt", "meta/test.txt")
    root = _pictures.root("food101", folder, "food-101", wanted, _SOURCE)
    names = sorted(path.name for path in (root / "images").iterdir() if path.is_dir())
    train, test = (
        _pictures.listed(
            "food101", root / "images", root / "meta" / f"{split}.txt", dict.fromkeys(names, size)
        )
        for split, size in (("train", _TRAIN), ("test", _TEST))
    )
    return Raw(*_pictures.read("food101", train, report), *_pictures.read("food101", test, report))


DATASET = Dataset(
    name="food101",
    image_shape=(3, _pictures.SIDE, _pictures.SIDE),
    train_sizes=(_TRAIN,) * _CLASSES,
    test_sizes=(_TEST,) * _CLASSES,
    max_value=255,
    preprocessings={"standard": _pictures.IMAGENET},
    licence="photographs of Foodspotting, for scientific fair use",
    source="Bossard, Guillaumin, Van Gool (2014): Food-101, ECCV",
    content_sha256=None,
    build=_build,
)
