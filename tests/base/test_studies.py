"""Studies: files outside the package are found and checked as the package's own are."""

import sys

import numpy as np
import pytest
from torch import nn

from implicitbias import data, metrics, models
from implicitbias.base import registry, studies
from implicitbias.base.errors import UserError
from implicitbias.metrics import _registry
from implicitbias.plan import observed

MODEL = """
from __future__ import annotations
from math import prod
from torch import nn

from ._size import Size

def size(input_shape, n_classes, *, width: int = 3):
    return Size(layers=1, parameters=width, multiply_adds=width)

def build(input_shape, n_classes, *, width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(input_shape), n_classes))
"""
METRIC = """
import numpy as np
from implicitbias.metrics._registry import layer_metric

@layer_metric(of="spectrum")
def {name}(s):
    return np.asarray(s).max(axis=-1)
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that writes files of a study; what was in use is in use again afterwards."""
    monkeypatch.setattr(studies, "_USED", [])
    monkeypatch.setattr(_registry, "_DECLARED", {**_registry._DECLARED})
    before = {name: list(module.__path__) for name, module in sys.modules.items()
              if name.startswith("implicitbias") and hasattr(module, "__path__")}  # fmt: skip

    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    yield write
    for name, path in before.items():
        sys.modules[name].__path__ = path


def test_a_model_is_built_and_known_to_planning(study):
    studies.use([study(models__of_a_study=MODEL)])
    assert "of_a_study" in registry.names("models")
    assert models.info("of_a_study").arguments["width"].default == 3
    assert models.info("of_a_study").size({"width": 7}, (1, 2, 2), 4).parameters == 7
    assert isinstance(models.build("of_a_study", (1, 2, 2), 4), nn.Sequential)


def test_a_metric_is_measured(study):
    studies.use([study(metrics__largest_of_a_study=METRIC.format(name="largest_of_a_study"))])
    assert metrics.value("largest_of_a_study", np.diag([3.0, 1.0])) == 3


def test_a_data_set_an_observer_and_a_paper_are_listed(study):
    records = 'RECORDS = {"sgd": {"scalars": {"of_study": "A number [1]."}}}'
    folder = study(
        datasets__mine_of_a_study='DATASET = "a data set"', observers__of_study_o=records,
        figures__mypaper__fig01='"""Mine.\n\nMore."""\nNEEDS = ("train_loss",)',
    )  # fmt: skip
    studies.use([folder])
    assert "mine_of_a_study" in data.names()
    assert "of_study_o" in observed.entries("sgd")
    assert "mypaper/fig01" in registry.figure_keys()
    assert registry.figure_needs("mypaper/fig01") == ("train_loss",)
    assert registry.figure_source("mypaper/fig01") == f"{folder.name}/figures/mypaper/fig01.py"
    assert studies.shown(registry.figure_path("galanti2025rank/fig07")) == (
        "figures/galanti2025rank/fig07.py"
    )


def test_the_jobs_of_the_workflow_find_it_by_a_variable(study, monkeypatch):
    monkeypatch.setenv(studies.VARIABLE, str(study(models__by_variable=MODEL)))
    assert "by_variable" in registry.names("models")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "is no study: it has no models, datasets, metrics, observers, figures"),
        ({"models__mlp_bn": MODEL}, "the name is taken by .*models/mlp_bn.py"),
        ({"models___size": ""}, "the name is taken by"),
        ({"models__a-b": MODEL}, "its name must be letters"),
        ({"models__broken": "x = 1\ndef build(:"}, r"broken.py:2: cannot be read: invalid syntax"),
        ({"metrics__broken_m": "import nothing_of_this_name"}, "no package 'nothing_of_this_name'"),
    ],
)
def test_what_is_wrong_with_a_study_is_one_line(study, files, said):
    folder = study(**files)
    with pytest.raises(UserError, match=said) as error:
        studies.use([folder])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "defines no function build"),
        ("def build(shape, n, *, width=3): ...", "build's width needs one of the types int"),
        ("def build(shape, n, *, width: list = 3): ...", "build's width needs one of the types"),
        ("MIN_IMAGE = f()\ndef build(shape, n): ...", "MIN_IMAGE must be a literal"),
    ],
)
def test_a_model_that_planning_cannot_read_is_one_line(study, text, said):
    name = f"unreadable_{abs(hash(text))}"
    studies.use([study(**{f"models__{name}": text})])
    with pytest.raises(UserError, match=said):
        models.info(name)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="nope: no such folder"):
        studies.use([tmp_path / "nope"])
