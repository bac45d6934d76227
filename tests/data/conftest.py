"""No test here reaches the network, or a package client, unless it is marked ``network``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from implicitbias import data
from implicitbias.data import _routes

real_download = _routes.download

FakeClient = Callable[[str, str], None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "network: reaches a package source through its real client")


@pytest.fixture(autouse=True)
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(url: str, target: Path) -> None:
        raise _routes.SourceError(f"{url}: refused by the test")

    monkeypatch.setattr(_routes, "download", refused)


@pytest.fixture
def download() -> Callable[[str, Path], None]:
    """The real function, for URLs of local files."""
    return real_download


@pytest.fixture(autouse=True)
def clients(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> FakeClient:  # fmt: skip
    """``clients(name, body)`` makes ``name`` a Python script; PATH holds nothing but these."""
    folder = tmp_path_factory.mktemp("bin")
    if request.node.get_closest_marker("network") is None:
        monkeypatch.setenv("PATH", str(folder))

    def add(name: str, body: str) -> None:
        (folder / name).write_text(f"#!{sys.executable}\nimport shutil, sys\n{body}\n")
        (folder / name).chmod(0o755)

    return add


@pytest.fixture(scope="session")
def embedded_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sets that come inside Python packages; tests must not change it."""
    folder = tmp_path_factory.mktemp("embedded")
    for name in ("digits", "mnist5k"):
        data.fetch(name, folder, report=lambda line: None)
    return folder
