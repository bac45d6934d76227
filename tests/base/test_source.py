"""What is read of a module's text is what Python finds in the module."""

import importlib
import sys

import pytest

from implicitbias.base import registry
from implicitbias.base.errors import UserError
from implicitbias.base.source import constants, functions

TEXT = """
from __future__ import annotations

from math import prod

import torch
from torch import Tensor

SIDES, NAMES = (1, 2), 3
FACTORS = (2, 3)
DTYPE = torch.float32


class Net(torch.nn.Module):
    pass


def _twice(x: Tensor) -> int:
    return 2 * x


def size(*, torch: int) -> int:
    return sum(_twice(prod(FACTORS)) for _ in range(torch))
"""


@pytest.fixture
def module(monkeypatch, tmp_path):
    path = registry.PACKAGE / "models" / "_read.py"  # not written: only its text is read
    monkeypatch.setattr(type(path), "read_text", lambda self, encoding: TEXT)
    monkeypatch.setitem(sys.modules, "torch", None)  # an import would fail
    yield path
    for read in (constants, functions):
        read.cache_clear()


def test_a_function_comes_with_what_it_names_and_with_nothing_else(module):
    found = functions(module, "size", "check")
    assert {*found} == {"size"}
    assert found["size"](torch=3) == 36
    assert found["size"].__globals__.keys() & {"Net", "DTYPE", "SIDES"} == set()


def test_constants_are_literals(module):
    assert constants(module, "FACTORS", "MISSING") == {"FACTORS": (2, 3)}
    with pytest.raises(UserError, match="DTYPE must be a literal"):
        constants(module, "DTYPE")


@pytest.mark.parametrize("name", registry.names("train/observers"))
def test_records_of_observers_are_what_python_sees(name):
    module = importlib.import_module(f"implicitbias.train.observers.{name}")
    path = registry.PACKAGE / "train/observers" / f"{name}.py"
    assert constants(path, "RECORDS")["RECORDS"] == module.RECORDS
    assert {*constants(path, "ALWAYS").get("ALWAYS", ())} == {*getattr(module, "ALWAYS", ())}
    procedures = {*registry.names("plan/specs")}
    assert {*module.RECORDS} <= procedures
