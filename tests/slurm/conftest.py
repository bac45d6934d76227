"""A one-machine SLURM for the tests beside this file, and a login node of it."""

import os

import one_machine
import pytest
from filelock import FileLock
from login_node import Login


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The folder of a running cluster; one at a time on a machine."""
    with FileLock("/tmp/implicitbias-one-machine-slurm.lock"):
        if reason := one_machine.missing():
            (pytest.fail if os.environ.get("REQUIRE_SLURM") else pytest.skip)(reason)
        folder = tmp_path_factory.mktemp("slurm")
        try:
            one_machine.up(folder)
            yield folder
        finally:
            one_machine.down(folder)


@pytest.fixture
def login(tmp_path):
    """A fresh one; what it started has ended when the test has."""
    node = Login(tmp_path)
    yield node
    node.end()
