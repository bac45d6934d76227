"""How metrics are named, spelt, found and refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from implicitbias import metrics
from implicitbias.metrics import Metric, _registry, known, layer_metric, network_metric, resolve

RECORDED = frozenset({"train_loss", "test_accuracy", "fro_norm"})


@pytest.fixture
def declared(monkeypatch):
    """A copy of the registry that a test may add to."""
    copy = dict(_registry._DECLARED)
    monkeypatch.setattr(_registry, "_DECLARED", copy)
    return copy


def test_known_names():
    assert set(known()) >= {
        "effective_rank",
        "nc1",
        "rank_fro_<tolerance>",
        "rank_spec_<tolerance>",
        "stable_rank",
    }
    assert list(known()) == sorted(known())


def test_every_metric_states_its_source():
    for function in (metric.function for metric in _registry._DECLARED.values()):
        assert "Source: " in function.__doc__, function.__name__
        assert "NaN" in function.__doc__, function.__name__


def test_every_public_file_of_the_folder_is_imported():
    folder = Path(metrics.__file__).parent
    names = {path.stem for path in folder.glob("[!_]*.py")}
    assert names
    assert all(f"implicitbias.metrics.{name}" in sys.modules for name in names)


def test_planning_can_import_metrics_without_the_heavy_libraries():
    code = "import sys, implicitbias.metrics; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "implicitbias.metrics.stable_rank" in loaded
    assert not loaded & {"torch", "pandas", "scipy", "matplotlib", "pydantic"}


def test_resolve_gives_name_record_and_function():
    metric = resolve("rank_spec_5e-1")
    assert (metric.name, metric.of) == ("rank_spec_5e-1", "spectrum")
    assert metric.compute([4.0, 3.0, 1.0]) == 2
    assert resolve("stable_rank").compute([2.0, 2.0]) == 2


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recorded_quantities_pass_through_unchanged(name):
    metric = resolve(name, recorded=RECORDED)
    assert isinstance(metric, Metric)
    assert (metric.name, metric.of) == (name, "recorded")
    np.testing.assert_array_equal(metric.compute([1.5, np.nan]), [1.5, np.nan])
    with pytest.raises(ValueError, match="unknown metric"):
        resolve(name)


def test_a_name_with_two_meanings_is_refused():
    with pytest.raises(ValueError, match="both a recorded quantity and a metric"):
        resolve("stable_rank", recorded=frozenset({"stable_rank"}))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rank_fro_0.001", "'rank_fro_1e-3'"),
        ("rank_fro_1e-03", "'rank_fro_1e-3'"),
        ("rank_fro_10e-4", "'rank_fro_1e-3'"),
        ("rank_spec_.03", "'rank_spec_3e-2'"),
        ("rank_spec_1.50e-2", "'rank_spec_1.5e-2'"),
        ("rank_spec_0.5", "'rank_spec_5e-1'"),
    ],
)
def test_one_spelling_of_a_number(name, hint):
    with pytest.raises(ValueError, match="is spelt " + hint):
        resolve(name)
    assert resolve(hint.strip("'")).name == hint.strip("'")


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_the_one_spelling_reads_back_as_the_same_number(value):
    name = f"rank_spec_{_registry._scientific(value)}"
    assert float(name.rpartition("_")[2]) == value
    assert resolve(name).name == name


@pytest.mark.parametrize("number", ["", "_0", "_1", "_2e-0", "_-1e-3", "_nan", "_inf", "_x", "_"])
def test_a_tolerance_is_needed_and_lies_between_0_and_1(number):
    with pytest.raises(ValueError, match=r"needs a tolerance in \(0, 1\).*'rank_fro_1e-3'"):
        resolve("rank_fro" + number)


def test_a_metric_without_a_tolerance_refuses_one():
    with pytest.raises(ValueError, match="'stable_rank' takes no number"):
        resolve("stable_rank_1e-3")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("stabel_rank", "stable_rank"),
        ("rank_frob_3e-2", "rank_fro_3e-2"),
        ("rank_1e-3", "rank_fro_1e-3"),
        ("rank_spek", "rank_spec_1e-3"),
        ("train_los", "train_loss"),
    ],
)
def test_an_unknown_name_gets_the_close_match(name, meant):
    with pytest.raises(ValueError) as error:
        resolve(name, recorded=RECORDED)
    message = str(error.value)
    assert f"unknown metric {name!r} (did you mean {meant!r}?)" in message
    assert all(each in message for each in (*known(), *RECORDED))
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", "zzz", "7", "_", "1e-3"])
def test_an_unknown_name_without_a_close_match_lists_what_exists(name):
    with pytest.raises(
        ValueError, match="unknown metric .*; known are .*effective_rank, "
    ) as error:
        resolve(name)
    assert "did you mean" not in str(error.value)


def test_a_new_metric_is_one_declaration(declared):
    @layer_metric(of="spectrum", parameter="power")
    def schatten(s, power):
        return np.asarray(s).sum() ** power

    assert "schatten_<power>" in known()
    assert resolve("schatten_5e-1").compute([4.0, 5.0]) == 3
    with pytest.raises(ValueError, match="needs a power"):
        resolve("schatten")


def test_two_files_may_not_declare_one_name(declared):
    def stable_rank(s):
        return s

    with pytest.raises(ValueError, match="declared twice: implicitbias.metrics.stable_rank"):
        layer_metric(of="spectrum")(stable_rank)


def test_a_declaration_that_its_function_does_not_keep_is_refused(declared):
    def bad(s, tol):
        return s

    for parameter in (None, "tolerance"):
        with pytest.raises(ValueError, match="not what its decorator says"):
            layer_metric(of="spectrum", parameter=parameter)(bad)
    with pytest.raises(ValueError, match="not what its decorator says"):
        network_metric(of=("s", "spectrum"))(bad)
