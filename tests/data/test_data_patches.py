"""Targets of local functions: classes by another count, and the same pixels elsewhere."""

import numpy as np
import pytest

from implicitbias.data import local_patches, scattered_patches


@pytest.fixture(scope="module")
def local():
    return local_patches.DATASET.build(None, lambda _: None)


@pytest.fixture(scope="module")
def scattered():
    return scattered_patches.DATASET.build(None, lambda _: None)


def test_the_class_is_the_sign_of_a_sum_over_patches(local):
    for image, label in zip(local.x_test[:200, 0], local.y_test[:200], strict=True):
        total = 0
        for i in range(0, 8, 2):
            for j in range(0, 8, 2):
                a, b, c, d = (2 * int(v) - 1 for v in image[i : i + 2, j : j + 2].ravel())
                total += a * b + c * d
        assert total != 0 and label == (total > 0)


def test_no_single_pixel_tells_the_class(local):
    x, y = local.x_train.reshape(4000, 64) * 2.0 - 1, local.y_train * 2.0 - 1
    assert np.abs(x.T @ y / 4000).max() < 5 / np.sqrt(4000)


def test_scattered_images_are_those_images_with_one_permutation(local, scattered):
    assert (local.y_train == scattered.y_train).all() and (local.y_test == scattered.y_test).all()
    whole, other = (r.x_train.reshape(4000, 64).T for r in (local, scattered))
    where = [int(np.flatnonzero((other == pixel).all(axis=1))[0]) for pixel in whole]
    assert sorted(where) == list(range(64)) and where != list(range(64))
    assert (scattered.x_test.reshape(1000, 64)[:, where] == local.x_test.reshape(1000, 64)).all()
    beside = sum(abs(a - b) == 1 for a, b in zip(where[::2], where[1::2], strict=True))
    assert beside < 6  # pairs that are factors of one product do not lie side by side
