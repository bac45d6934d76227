"""Tests compute on one thread: so do packs, and bitwise statements are about that."""

import os

import pytest
from smoke import fresh, jobs, snakemake


@pytest.fixture(autouse=True)
def _one_thread(request):
    if "engine" in str(request.path) or "procedures" in str(request.path):
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
    else:
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with the whole workflow run at scale smoke; tests leave its results alone."""
    if session := os.environ.get("PYTEST_XDIST_TESTRUNUID"):  # below, tests are grouped for this
        once = tmp_path_factory.getbasetemp().parent / f"made-{session}"
        once.touch(exist_ok=False)
    # A space and a quote in the path: nothing may break on them.
    folder = fresh(tmp_path_factory.mktemp("it's a place"))
    dry = snakemake(folder, "--dry-run")
    assert not (folder / "results").exists(), "a dry run leaves no trace"
    assert {"pack", "train", "measure", "figure", "report"} <= jobs(dry).keys()
    snakemake(folder)
    return folder


def pytest_itemcollected(item):
    """What `made` serves runs in one process: it takes minutes, and is made once."""
    if "made" in item.fixturenames:
        item.add_marker(pytest.mark.xdist_group("smoke"))
