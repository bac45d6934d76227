"""100,000 + 36,500 photographs of the 365 scenes of Places365-Standard, shrunk to 32x32.

The publisher's small archive with a folder a class, unpacked: `places365*/train/<class>` and
`.../val/<class>`. The paper used 100,000 training images; which, is not known. Here the first of
each class by name: 274 of the first 355 classes, 273 of the rest; all 100 a class of `val` to test.
"""

from __future__ import annotations

from pathlib import Path

from . import _pictures
from ._spec import Dataset, Raw, Report

_SOURCE = "http://places2.csail.mit.edu/download.html"
_TRAIN = (274,) * 355 + (273,) * 10
_TEST = (100,) * 365


def _build(folder: Path, report: Report) -> Raw:
    root = _pictures.root("places365", folder, "places365*", ("train", "val"), _SOURCE)
    train = _pictures.classes("places365", root / "train", _TRAIN, exact=False)
    test = _pictures.classes("places365", root / "val", _TEST)
    return Raw(
        *_pictures.read("places365", train, report), *_pictures.read("places365", test, report)
    )


DATASET = Dataset(
    name="places365",
    image_shape=(3, _pictures.SIDE, _pictures.SIDE),
    train_sizes=_TRAIN,
    test_sizes=_TEST,
    max_value=255,
    preprocessings={"standard": _pictures.IMAGENET},
    licence="for non-commercial research and education",
    source="Zhou, Lapedriza, Khosla, Oliva, Torralba (2018): Places, IEEE TPAMI 40(6)",
    content_sha256=None,
    build=_build,
)
