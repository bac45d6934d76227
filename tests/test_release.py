"""A release: what .ci/release.py finds, and that a hosted CI runs only what runs here."""

import re
import runpy
import zipfile

import pytest
import yaml
from smoke import ROOT

release = runpy.run_path(str(ROOT / ".ci" / "release.py"))


def test_the_version_is_the_same_everywhere():
    assert release["cited"]() == ""
    first = re.search(r"^## (\S+),", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert first == release["version"]()


@pytest.mark.parametrize(
    ("heading", "right"),
    [("0.1.0, 2027-01-31", True), ("0.1.0, not released yet", False), ("0.2.0, 2027-01-31", False)],
)
def test_a_release_has_a_heading_with_its_date(tmp_path, monkeypatch, heading, right):
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n## {heading}\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    monkeypatch.setitem(release["described"].__globals__, "ROOT", tmp_path)
    assert (release["described"]() == "") == right


def test_a_wheel_that_lacks_a_file_or_has_one_more_is_told(tmp_path):
    wheel = tmp_path / "implicitbias.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("implicitbias/no_such_file.py", "")
        file.writestr("implicitbias-0.1.0.dist-info/RECORD", "")
    said = release["packed"](wheel)
    assert "lacks ['implicitbias/__init__.py'" in said
    assert "has beside them ['implicitbias/no_such_file.py']" in said


def test_each_step_of_a_hosted_ci_is_a_make_target():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    steps = [
        step["run"]
        for file in (ROOT / ".github/workflows").glob("*.yml")
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert len(steps) >= 4
    for step in steps:
        program, *words = step.split()
        assert program == "make" and targets.intersection(words), step
