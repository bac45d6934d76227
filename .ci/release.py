"""What a release must have: `make release` builds dist/ and runs this. Nothing is published.

Prints a line for each point, and exits with 1 if one is not met. The version stands in
pyproject.toml; CITATION.cff, CHANGELOG.md and the tag must agree with it.
"""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version():
    """The version in pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def cited():
    """What is wrong with the version in CITATION.cff, or nothing."""
    found = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    if found is None or found[1] != version():
        return f"its version is {found and found[1]}, not {version()}"
    return ""


def described():
    """What is wrong with the first heading of CHANGELOG.md, or nothing."""
    first = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    if not re.fullmatch(rf"{re.escape(version())}, \d{{4}}-\d\d-\d\d", first):
        return f"its first heading is '{first}', not '{version()}, <year>-<month>-<day>'"
    return ""


def packed(wheel):
    """What the wheel lacks of the tracked files, or has beside them."""
    tracked = _git("ls-files", "src", "workflow", "Snakefile")
    wanted = set()
    for path in map(Path, tracked):
        if path.parts[0] != "src":
            wanted.add(f"implicitbias/snakemake/{path}")
        elif not (ROOT / path).is_symlink():
            wanted.add(str(path.relative_to("src")))
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    lacks, more = sorted(wanted - names), sorted(names - wanted)
    return f"lacks {lacks[:5]}, has beside them {more[:5]}" if lacks or more else ""


def tagged():
    """What is wrong with the tag of this version, or nothing: it is absent, or this commit's."""
    tag = f"v{version()}"
    if tag not in _git("tag"):
        return ""
    (here,), (there,) = _git("rev-parse", "HEAD"), _git("rev-list", "-n1", tag)
    return "" if here == there else f"{tag} is at {there[:9]}, this commit is {here[:9]}"


def clean():
    """What git would commit, or nothing."""
    changed = _git("status", "--porcelain")
    return f"{len(changed)} files are changed or new" if changed else ""


def _git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def main(folder):
    """Print the points; the exit code."""
    (wheel,) = Path(folder).glob(f"implicitbias-{version()}-*.whl")
    points = {
        "CITATION.cff": cited(),
        "CHANGELOG.md": described(),
        "the wheel": packed(wheel),
        "the tag": tagged(),
        "the working tree": clean(),
    }
    for what, wrong in points.items():
        print(f"{what}: {wrong or 'as it should be'}")
    return 1 if any(points.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
