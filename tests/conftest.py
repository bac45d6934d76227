"""Tests compute on one thread: so do packs, and bitwise statements are about that."""

import os

import pytest
from filelock import FileLock
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


@pytest.fixture(params=["torch", "openblas"])
def blas(request, monkeypatch):
    """Products by torch, and by OpenBLAS wherever it can, however small the networks of tests are.

    What is said of numbers holds for both.
    """
    from threadpoolctl import threadpool_limits

    from implicitbias.train.engine import gemm, grouped

    monkeypatch.setattr(gemm, "openblas", request.param == "openblas")
    if request.param == "openblas":
        monkeypatch.setattr(gemm, "MIN_ROWS", 2)
        monkeypatch.setattr(gemm, "MIN_WEIGHTS", 0)
        monkeypatch.setattr(grouped, "COPIED", 0)
    with threadpool_limits(1):
        yield request.param


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with the whole workflow run at scale smoke, once; tests leave its tables alone."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers of this session
    # A space and a quote in the path: nothing may break on them.
    folder, done = shared / "it's a place", shared / "made"
    with FileLock(shared / "made.lock"):
        if not done.exists():
            folder.mkdir()
            dry = snakemake(fresh(folder), "--dry-run")
            assert not (folder / "results").exists(), "a dry run leaves no trace"
            assert {"pack", "train", "measure", "figure", "report"} <= jobs(dry).keys()
            snakemake(folder)
            done.touch()
    return folder


def pytest_itemcollected(item):
    """What `made` serves runs in one process, but SLURM's, which takes minutes itself."""
    if "made" in item.fixturenames and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group("smoke"))
