"""The real package clients. Publishers' URLs stay refused, so the package route is what is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from implicitbias import data

pytestmark = pytest.mark.network


@pytest.mark.parametrize("name", ["cifar10", "mnist", "fashion_mnist"])
def test_the_package_has_the_right_bytes(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    data.fetch(name, tmp_path, said.append)
    assert any("with the right hash from" in line and "package" in line for line in said)
    split, dataset = data.load(name, tmp_path), data._dataset(name)
    assert tuple(np.bincount(split.y_train)) == dataset.train_sizes
    assert tuple(np.bincount(split.y_test)) == dataset.test_sizes
    # The constants have at least four digits; in float64, since float32 sums of 1e8 values drift.
    x = split.x_train.astype(np.float64)
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), 0, atol=3e-4)
    np.testing.assert_allclose(x.std(axis=(0, 2, 3)), 1, atol=3e-4)


def test_debian_route_without_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine where nobody ran 'apt-get update'."""
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(
        f'Dir::State::Lists "{tmp_path / "lists"}";\nDir::Cache "{tmp_path / "cache"}";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    data.fetch("fashion_mnist", tmp_path / "data", report=lambda line: None)
