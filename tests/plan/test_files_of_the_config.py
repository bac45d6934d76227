"""What YAML and JSON read as something else than it looks like is one line, before any job."""

import time
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from implicitbias.base.errors import UserError
from implicitbias.plan import overlays, papers
from implicitbias.plan.cluster import Cluster
from implicitbias.plan.overlays import Layer

ROOT = Path(__file__).parents[2]


def said(file, text):
    file.write_text(text)
    with pytest.raises(UserError) as error:
        overlays.read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("retries: 1\nscale: small\nretries: 2", "line 3: 'retries' is there twice"),
        ("sweeps:\n  a: {grid: {lr: [1], lr: [2]}}", "line 2: 'lr' is there twice"),
        ("retries: 010", "line 1: 010 is 8 to YAML; write that, or put it in quotes"),
        ("retries: 1:30", "line 1: 1:30 is 90 to YAML"),
        ("lr: 1:30.5", "line 1: 1:30.5 is 90.5 to YAML"),
        ("lr: [0.1, 1_0, 017]", "line 1: 017 is 15 to YAML"),
        ("retries: 1\nlr: [0.1, 0.2\nscale: small", "line 3: not valid YAML: while parsing"),
    ],
)
def test_yaml_that_is_not_what_it_looks_like_is_refused(tmp_path, text, words):
    assert said(tmp_path / "mine.yaml", text).startswith(words)


def test_json_with_a_key_twice_is_refused(tmp_path):
    assert said(tmp_path / "config.json", '{"a": {"b": 1, "b": 2}}') == "'b' is there twice"


@pytest.mark.parametrize("text", ["a: 0", "a: -5", "a: 0.10", "a: 1e-3", "a: '010'", "a: 0o17"])
def test_plain_numbers_stay(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert overlays.read(file).keys() == {"a"}


@pytest.mark.parametrize("merge", ["<<: [{}]", "k: [{}]"])
@pytest.mark.parametrize("depth", [6, 25])
def test_a_file_that_expands_without_bound_is_refused_at_once(tmp_path, merge, depth):
    lines = ["a0: &a0 {" + ", ".join(f"x{i}: 1" for i in range(9)) + "}"]
    for n in range(1, depth):
        lines.append(f"a{n}: &a{n} {{{merge.format(', '.join([f'*a{n - 1}'] * 9))}}}")
    begin = time.process_time()
    if merge.startswith("<<") and Version(yaml.__version__) >= Version("6.0.4"):
        (tmp_path / "mine.yaml").write_text("\n".join(lines))  # each key is kept once: none expands
        assert {len(value) for value in overlays.read(tmp_path / "mine.yaml").values()} == {9}
    else:
        said(tmp_path / "mine.yaml", "\n".join(lines))
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("headroom", [float("inf"), 1e308, float("nan"), 0.5])
def test_headroom_is_a_factor(headroom):
    with pytest.raises(ValueError, match="headroom"):
        Cluster(headroom=headroom)


@pytest.mark.parametrize("folder", ["$(touch x)", "`x`", '"; x', "${A}/b", "\\", "a\nb", " "])
def test_a_scratch_folder_runs_nothing(folder):
    """It stands in double quotes in the job scripts of schedulers."""
    with pytest.raises(ValueError, match="scratch_dir"):
        Cluster(scratch_dir=folder)


def test_home_is_expanded_or_refused(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    user = {"papers": ["galanti2025rank/fig07"], "data_dir": "~/data"}
    config, _ = papers.resolve(user, [Layer(Path("mine.yaml"), user)], ROOT)
    assert config.data_dir == "/home/me/data"
    user["data_dir"] = "~nobody_of_this_name/data"
    with pytest.raises(UserError, match=r"mine\.yaml: data_dir: .*is not known here"):
        papers.resolve(user, [Layer(Path("mine.yaml"), user)], ROOT)
