"""Data that users bring: SVHN's MATLAB files and folders of pictures, tiny ones made here."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from implicitbias import data
from implicitbias.data import _arrays, _cache, _pictures, food101, imagenette, places365, svhn

PLACED = ("food101", "imagenette", "places365", "svhn")


def silent(line: str) -> None:
    """A report that nobody reads."""


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (48, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=95)


def shrunk(monkeypatch: pytest.MonkeyPatch, name: str, train: tuple[int, ...],
           test: tuple[int, ...]) -> None:  # fmt: skip
    """The data set with fewer images a class."""
    module = {"imagenette": imagenette, "food101": food101, "places365": places365}[name]
    if name == "food101":
        for attribute, value in (
            ("_CLASSES", len(train)),
            ("_TRAIN", train[0]),
            ("_TEST", test[0]),
        ):
            monkeypatch.setattr(module, attribute, value)
    else:
        monkeypatch.setattr(module, "_TRAIN", train)
        monkeypatch.setattr(module, "_TEST", test)
    small = replace(module.DATASET, train_sizes=train, test_sizes=test)
    monkeypatch.setattr(module, "DATASET", small)


def test_the_stated_sizes_are_the_published_ones() -> None:
    sizes = {"food101": (101, 75_750, 25_250), "imagenette": (10, 9_469, 3_925),
             "places365": (365, 100_000, 36_500), "svhn": (10, 73_257, 26_032)}  # fmt: skip
    for name, wanted in sizes.items():
        facts = data.info(name)
        assert (facts.n_classes, facts.n_train, facts.n_test) == wanted
        assert facts.input_shape == (3, 32, 32)
    equal = np.full(365, 1000)
    assert tuple(_arrays.quotas(equal, 100_000)) == places365._TRAIN


@pytest.mark.parametrize("name", PLACED)
def test_absent_data_are_one_clear_error(tmp_path: Path, name: str) -> None:
    assert not data.available(name, tmp_path)
    with pytest.raises(data.DataError, match=r"no source yields|is not there") as error:
        data.fetch(name, tmp_path, report=silent)
    assert str(tmp_path / name) in str(error.value)
    assert not (tmp_path / f"{name}.npz").exists()


def test_svhn_from_matlab_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    folder, wanted, raw = tmp_path / "svhn", {}, {}
    folder.mkdir()
    for split, labels in (("train", [10, 1, 1, 9]), ("test", [2, 10])):
        x = rng.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
        file = folder / f"{split}_32x32.mat"
        savemat(
            file, {"X": x.transpose(2, 3, 1, 0), "y": np.array(labels, dtype=np.uint8)[:, None]}
        )
        wanted[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        raw[split] = x
    monkeypatch.setattr(svhn, "_WANTED", wanted)
    small = replace(svhn.DATASET, train_sizes=(1, 2, *[0] * 7, 1), test_sizes=(1, 0, 1, *[0] * 7))
    monkeypatch.setattr(svhn, "DATASET", small)
    assert data.available("svhn", tmp_path)
    data.fetch("svhn", tmp_path, report=silent)
    split = data.load("svhn", tmp_path, preprocessing="galanti2025rank")
    assert split.y_train.tolist() == [0, 1, 1, 9]
    np.testing.assert_allclose(split.x_train, raw["train"] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(split.x_test, raw["test"] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("name", ["imagenette", "places365"])
def test_folders_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shrunk(monkeypatch, name, (2, 1), (1, 1))
    root = tmp_path / name / {"imagenette": "imagenette2-160", "places365": "places365_std"}[name]
    colours = {("train", "a", 0): 250, ("train", "a", 1): 200, ("train", "b", 0): 100,
               ("val", "a", 0): 40, ("val", "b", 0): 10}  # fmt: skip
    for (split, label, i), value in colours.items():
        picture(root / split / label / f"{i}.jpg", (value, 128, 255 - value))
    (root / "train" / "a" / ".DS_Store").write_bytes(b"not a picture")
    assert data.available(name, tmp_path)
    data.fetch(name, tmp_path, report=silent)
    split = data.load(name, tmp_path)
    assert split.y_train.tolist() == [0, 0, 1]
    pixels = split.x_train * np.float32(0.229) + np.float32(0.485)  # the red channel, in [0, 1]
    found = np.rint(pixels[:, 0].mean((1, 2)) * 255)
    assert np.abs(found - [250, 200, 100]).max() <= 2  # what JPEG does to a plain colour
    assert split.x_test.shape == (2, 3, 32, 32)


def test_only_places_takes_the_first_pictures_of_larger_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, pattern in (("places365", "places365_x"), ("imagenette", "imagenette2")):
        shrunk(monkeypatch, name, (1, 1), (1, 1))
        for split in ("train", "val"):
            for label in "ab":
                picture(tmp_path / name / pattern / split / label / "0.jpg", (9, 9, 9))
        picture(tmp_path / name / pattern / "train" / "a" / "1.jpg", (250, 250, 250))
    data.fetch("places365", tmp_path, report=silent)
    assert data.load("places365", tmp_path).x_train.max() < 0
    with pytest.raises(data.DataError, match=r"a has 2 pictures, wanted 1"):
        data.fetch("imagenette", tmp_path, report=silent)


def test_food101_takes_what_its_lists_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk(monkeypatch, "food101", (2, 2), (1, 1))
    root = tmp_path / "food101" / "food-101"
    for label, base in (("pie", 50), ("soup", 150)):
        for i in range(3):
            picture(root / "images" / label / f"{i}.jpg", (base + 20 * i,) * 3)
    (root / "meta").mkdir()
    (root / "meta" / "train.txt").write_text("pie/0\npie/2\nsoup/2\nsoup/1\n")
    (root / "meta" / "test.txt").write_text("pie/1\nsoup/0\n")
    data.fetch("food101", tmp_path, report=silent)
    split = data.load("food101", tmp_path)
    red = np.rint((split.x_train[:, 0].mean((1, 2)) * 0.229 + 0.485) * 255)
    assert np.abs(red - [50, 90, 190, 170]).max() <= 2
    assert (split.y_train.tolist(), split.y_test.tolist()) == ([0, 0, 1, 1], [0, 1])
    (tmp_path / "food101.npz").unlink()
    (root / "meta" / "test.txt").write_text("pie/1\ncake/0\n")
    with pytest.raises(data.DataError, match="'cake' that is not known"):
        data.fetch("food101", tmp_path, report=silent)
    (root / "meta" / "test.txt").write_text("pie/1\n")
    with pytest.raises(data.DataError, match=r"0 pictures of 'soup', wanted 1"):
        data.fetch("food101", tmp_path, report=silent)


def test_a_broken_picture_and_a_damaged_cache_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrunk(monkeypatch, "imagenette", (1, 1), (1, 1))
    root = tmp_path / "imagenette" / "imagenette2"
    for split in ("train", "val"):
        for label in "ab":
            picture(root / split / label / "0.jpg", (9, 9, 9))
    good = (root / "train" / "b" / "0.jpg").read_bytes()
    (root / "train" / "b" / "0.jpg").write_bytes(good[: len(good) // 3])
    with pytest.raises(data.DataError, match=r"0\.jpg is no readable picture"):
        data.fetch("imagenette", tmp_path, report=silent)
    (root / "train" / "b" / "0.jpg").write_bytes(good)
    path = data.fetch("imagenette", tmp_path, report=silent)
    raw = _cache.read(path, imagenette.DATASET)
    arrays = {k: getattr(raw, k) for k in ("x_train", "y_train", "x_test", "y_test")}
    recorded = np.array(_cache.content_hash(raw))
    arrays["x_train"] = arrays["x_train"] + np.uint8(1)
    np.savez(path, **arrays, content_sha256=recorded)
    with pytest.raises(data.DataError, match="is damaged"):
        data.load("imagenette", tmp_path)


def test_the_wrong_number_of_classes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = tmp_path / "train"
    picture(split / "a" / "0.jpg", (1, 2, 3))
    with pytest.raises(data.DataError, match="has 1 classes, wanted 2"):
        _pictures.classes("imagenette", split, (1, 1))


def test_class_sizes_are_checked_where_no_hash_is_known(tmp_path: Path) -> None:
    raw = data._spec.Raw(
        *(np.zeros((2, 3, 32, 32), np.uint8), np.array([0, 1])),
        *(np.zeros((1, 3, 32, 32), np.uint8), np.array([2])),
    )
    small = replace(svhn.DATASET, train_sizes=(1, 1), test_sizes=(1, 0))
    with pytest.raises(data.DataError, match=r"'svhn': 0 images of class 0, wanted 1"):
        _cache.write(tmp_path / "svhn.npz", small, raw)
    assert not list(tmp_path.iterdir())
