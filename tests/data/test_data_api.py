"""Facts, options, shapes, and every message about a wrong option."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from implicitbias import data
from implicitbias.data import _arrays, _spec

EMBEDDED = ("digits", "mnist5k")


def test_names_are_the_files_of_the_folder() -> None:
    assert data.names() == (
        "cifar10", "digits", "fashion_mnist", "food101", "imagenette", "local_patches", "mnist",
        "mnist5k", "places365", "scattered_patches", "svhn",
    )  # fmt: skip
    for name in data.names():
        assert data._dataset(name).name == name


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys, implicitbias.data as d\n"
        "for n in d.names(): d.info(n)\n"
        "print(sorted({'torch', 'sklearn', 'mlxtend', 'PIL', 'pandas', 'scipy'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []


@pytest.mark.parametrize(
    ("name", "shape", "padded", "n_train", "n_test"),
    [
        ("digits", (1, 8, 8), None, 1497, 300),
        ("mnist5k", (1, 28, 28), (1, 32, 32), 4000, 1000),
        ("mnist", (1, 28, 28), (1, 32, 32), 60_000, 10_000),
        ("fashion_mnist", (1, 28, 28), (1, 32, 32), 60_000, 10_000),
        ("cifar10", (3, 32, 32), (3, 32, 32), 50_000, 10_000),
    ],
)
def test_info_needs_no_data(
    name: str, shape: tuple[int, ...], padded: tuple[int, ...] | None, n_train: int, n_test: int
) -> None:
    facts = data.info(name)
    assert (facts.input_shape, facts.n_train, facts.n_test) == (shape, n_train, n_test)
    assert facts.n_classes == 10
    assert facts.licence and facts.source
    if padded is not None:
        assert data.info(name, preprocessing="galanti2025rank").input_shape == padded


def test_info_counts_the_kept_classes() -> None:
    facts = data.info("mnist", classes=(1, 2))  # 6,742 + 5,958 and 1,135 + 1,032 (LeCun)
    assert (facts.n_classes, facts.n_train, facts.n_test) == (2, 12_700, 2_167)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("classes", [None, (1, 2), (7, 0, 3)])
@pytest.mark.parametrize("n_train", [None, 40])
@pytest.mark.parametrize("preprocessing", data.PREPROCESSINGS)
def test_load_gives_what_info_says(
    embedded_dir: Path, name: str, classes: tuple[int, ...] | None, n_train: int | None,
    preprocessing: str,
) -> None:  # fmt: skip
    if preprocessing not in data._dataset(name).preprocessings:
        return
    facts = data.info(name, classes=classes, n_train=n_train, preprocessing=preprocessing)
    split = data.load(
        name, embedded_dir, classes=classes, n_train=n_train, preprocessing=preprocessing
    )
    assert split.x_train.shape == (facts.n_train, *facts.input_shape)
    assert split.x_test.shape == (facts.n_test, *facts.input_shape)
    assert split.x_train.dtype == split.x_test.dtype == np.float32
    assert split.y_train.dtype == split.y_test.dtype == np.int64
    assert set(split.y_train) == set(split.y_test) == set(range(facts.n_classes))
    assert split.n_classes == facts.n_classes


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_split_has_the_stated_class_sizes(embedded_dir: Path, name: str) -> None:
    split, dataset = data.load(name, embedded_dir), data._dataset(name)
    assert tuple(np.bincount(split.y_train)) == dataset.train_sizes
    assert tuple(np.bincount(split.y_test)) == dataset.test_sizes


def test_digits_is_all_of_the_package_once(embedded_dir: Path) -> None:
    """Train and test together are scikit-learn's 1,797 rows: none lost, doubled or relabelled."""
    values, labels = importlib.import_module("sklearn.datasets").load_digits(return_X_y=True)
    split = data.load("digits", embedded_dir)
    x = np.concatenate([split.x_train, split.x_test]).reshape(-1, 64).astype(np.float64)
    raw = np.rint((x * 0.3760 + 0.3053) * 16)
    ours = np.column_stack([raw, np.concatenate([split.y_train, split.y_test])])
    theirs = np.column_stack([values, labels])
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))


@pytest.mark.parametrize(("name", "tolerance"), [("digits", 2e-4), ("mnist5k", 3e-3)])
def test_standardised_training_images(embedded_dir: Path, name: str, tolerance: float) -> None:
    """Digits: four digits of its own statistics. mnist5k: MNIST's, so sampling error of 4,000."""
    x = data.load(name, embedded_dir).x_train.astype(np.float64)
    assert abs(x.mean()) < tolerance
    assert abs(x.std() - 1) < tolerance


def test_classes_are_relabelled_by_position(embedded_dir: Path) -> None:
    every = data.load("digits", embedded_dir)
    some = data.load("digits", embedded_dir, classes=(7, 2))
    for label, original in enumerate((7, 2)):
        np.testing.assert_array_equal(
            some.x_train[some.y_train == label], every.x_train[every.y_train == original]
        )


def test_n_train_is_a_fixed_stratified_subset(embedded_dir: Path) -> None:
    one, two = (data.load("mnist5k", embedded_dir, n_train=205) for _ in range(2))
    np.testing.assert_array_equal(one.x_train, two.x_train)
    assert set(np.bincount(one.y_train)) == {20, 21}
    whole = {row.tobytes() for row in data.load("mnist5k", embedded_dir).x_train}
    assert {row.tobytes() for row in one.x_train} <= whole


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_stratified_keeps_the_shares(sizes: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = round(share * len(labels))
    chosen = _arrays.stratified(labels, n, seed)
    assert len(chosen) == n
    assert np.all(np.diff(chosen) > 0)
    counts = np.bincount(labels[chosen], minlength=len(sizes))
    # Strictly within one image of the exact share; 1e-9 is for the division only.
    assert np.all(np.abs(counts - n * np.array(sizes) / len(labels)) < 1 + 1e-9)


@pytest.mark.parametrize(
    ("name", "preprocessing", "pad", "mean", "std"),
    [
        ("mnist", "standard", 0, [0.1307], [0.3081]),
        ("mnist", "galanti2025rank", 2, [0.1307], [0.3081]),
        ("fashion_mnist", "standard", 0, [0.2860], [0.3530]),
        ("fashion_mnist", "galanti2025rank", 2, [0.1307], [0.3081]),
        ("cifar10", "standard", 0,
         [0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]),
        ("cifar10", "galanti2025rank", 0,
         [0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047]),
    ],
)  # fmt: skip
def test_preprocessing_is_the_formula(
    name: str, preprocessing: str, pad: int, mean: list[float], std: list[float]
) -> None:
    dataset = data._dataset(name)
    shape = (2003, *dataset.image_shape)  # not a multiple of the chunk
    x = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    chosen = dataset.preprocessings[preprocessing]
    assert (chosen.pad, chosen.mean, chosen.std) == (pad, tuple(mean), tuple(std))
    ours = _arrays.preprocess(x, chosen, dataset.max_value)
    for channel, (m, s) in enumerate(zip(mean, std, strict=True)):
        inner = ours[:, channel, pad : pad + shape[2], pad : pad + shape[3]]
        # One float32 rounding of values below 3: half a unit in the last place is 1.2e-7.
        np.testing.assert_allclose(inner, (x[:, channel] / 255 - m) / s, rtol=0, atol=1.3e-7)
        border = np.ones(ours.shape[2:], dtype=bool)
        border[pad : pad + shape[2], pad : pad + shape[3]] = False
        assert np.all(ours[:, channel, border] == np.float32(-m / s))  # black, not 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cifar100", {}, ("unknown data set 'cifar100': known are cifar10, digits, fashion_mnist, "
         "food101, imagenette, local_patches, mnist, mnist5k, places365, scattered_patches, svhn")),
        ("_cache", {}, "unknown data set '_cache'"),
        ("mnist", {"preprocessing": "whiten"},
         "unknown preprocessing 'whiten': 'mnist' supports standard, galanti2025rank"),
        ("digits", {"preprocessing": "galanti2025rank"},
         "'digits' has no preprocessing 'galanti2025rank': it supports standard"),
        ("mnist", {"classes": (1, 10)}, "class 10 is out of range: 'mnist' has classes 0 to 9"),
        ("mnist", {"classes": (-1, 2)}, "class -1 is out of range: 'mnist' has classes 0 to 9"),
        ("mnist", {"classes": (1, 1)}, r"classes \(1, 1\) repeat a class"),
        ("mnist", {"classes": (1,)}, r"classes \(1,\) are too few: at least 2"),
        ("mnist", {"classes": ()}, r"classes \(\) are too few: at least 2"),
        ("mnist", {"n_train": 60_001}, ("n_train 60001 is out of range for 'mnist' with 10 "
         "classes: allowed are 10 to 60000")),
        ("mnist", {"n_train": 0}, "n_train 0 is out of range"),
        ("mnist", {"n_train": 1, "classes": (0, 1)}, "allowed are 2 to 12665"),
    ],
)  # fmt: skip
def test_wrong_options(tmp_path: Path, name: str, options: dict[str, Any], message: str) -> None:
    for attempt in (
        lambda: data.info(name, **options),
        lambda: data.load(name, tmp_path, **options),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_fetch_knows_its_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown data set 'cifar100'"):
        data.fetch("cifar100", tmp_path)


def test_every_preprocessing_has_statistics_for_every_channel() -> None:
    for name in data.names():
        dataset: _spec.Dataset = data._dataset(name)
        assert set(dataset.preprocessings) <= set(data.PREPROCESSINGS)
        for chosen in dataset.preprocessings.values():
            assert len(chosen.mean) == len(chosen.std) == dataset.image_shape[0]
