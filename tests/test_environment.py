"""The lock and the project's own ranges say the same, and what builds the package is pinned."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def test_the_lock_holds_every_dependency_within_its_range_and_no_address():
    lines = [s for s in (ROOT / "constraints.txt").read_text().splitlines() if s]
    assert not [s for s in lines if "://" in s or s.startswith("-") or " @ " in s]
    pins = [Requirement(s) for s in lines]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needs = map(Requirement, [*project["dependencies"], *(n for e in extras for n in e)])
    for need in needs:
        if need.name == project["name"]:  # an extra that holds another
            assert need.extras <= project["optional-dependencies"].keys()
            continue
        mine = [p for p in pins if canonicalize_name(p.name) == canonicalize_name(need.name)]
        assert mine, need
        for pin in mine:  # one for each marker
            (version,) = pin.specifier
            assert version.operator == "=="
            assert need.specifier.contains(version.version), f"{pin} is outside {need}"


def test_the_package_is_built_by_the_version_in_the_lock():
    """pip builds in an environment of its own, which the lock does not reach."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert set(build) <= set((ROOT / "constraints.txt").read_text().splitlines())
