"""A study is a folder outside the package with files that are found like the package's own.

Its folders are models, datasets, metrics, observers and figures/<paper>. A file in one of them
works like a file in the package's folder (ROOMS), and imports from it in the same way. The config
lists the studies under `studies`; the jobs of the workflow read them from an environment variable.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import yaml

from .errors import UserError

PACKAGE = Path(__file__).parents[1]
VARIABLE = "IMPLICITBIAS_STUDIES"
# A folder of the package -> what it is called in a study.
ROOMS = {
    "models": "models", "data": "datasets", "metrics": "metrics", "train/observers": "observers",
    "figures": "figures",
}  # fmt: skip
_USED: list[Path] = []
_READ: list[str] = []  # the values of VARIABLE that were taken


def used() -> tuple[Path, ...]:
    """Return the folders of the studies in use, those of the environment variable first."""
    text = os.environ.get(VARIABLE, "")
    if text and text not in _READ:
        _READ.append(text)
        use(text.split(os.pathsep))
    return tuple(_USED)


def use(folders: Iterable[str | Path]) -> None:
    """Take studies into use; UserError for a missing folder, or a name that is there twice."""
    for given in folders:
        study = Path(given).expanduser().resolve()
        if study in _USED:
            continue
        rooms = [study / own for own in ROOMS.values()]
        if not study.is_dir():
            raise UserError(f"{given}: no such folder")
        if not any(room.is_dir() for room in rooms):
            raise UserError(f"{given}: is no study: it has no {', '.join(ROOMS.values())}")
        _check(study)
        _USED.append(study)
        if "implicitbias.metrics" in sys.modules:  # which declares its files when it is imported
            for path in sorted((study / "metrics").glob("[!_]*.py")):
                module("metrics", path.stem)


def of_results(folder: Path) -> None:
    """Take the studies into use that the config.json of results/<scale> names.

    The workflow writes that file last; until then the config.yaml beside `results` names them.
    """
    home = folder.absolute().parent.parent
    try:
        if (folder / "config.json").is_file():
            named = json.loads((folder / "config.json").read_text(encoding="utf-8"))["studies"]
        else:
            named = yaml.safe_load((home / "config.yaml").read_text(encoding="utf-8"))["studies"]
        homes = [home / text for text in named]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
        return  # it has none, or is damaged, which its readers say
    use(homes)


def roots(folder: str) -> list[Path]:
    """Return the places of a folder of the package: the package's own, and each study's."""
    room = next((r for r in ROOMS if folder == r or folder.startswith(f"{r}/")), None)
    own = (
        [] if room is None else [study / f"{ROOMS[room]}{folder[len(room) :]}" for study in used()]
    )
    return [PACKAGE / folder, *own]


def module(folder: str, name: str) -> ModuleType:
    """Import a file of a folder of the package, from the package or from a study.

    UserError where a study's file cannot be imported.
    """
    package = "implicitbias"
    for i, part in enumerate(folder.split("/"), 1):
        package = f"{package}.{part}"
        parent = importlib.import_module(package)
        for root in roots("/".join(folder.split("/")[:i]))[1:]:
            if root.is_dir() and str(root) not in parent.__path__:
                parent.__path__.append(str(root))  # of a namespace package, too
    path = next((p for r in roots(folder)[1:] if (p := r / f"{name}.py").is_file()), None)
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:
        if path is None:
            raise
        raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error


def package_of(path: Path) -> str:
    """Return the package of a file, such as `implicitbias.models`, also for a file in a study."""
    parts = path.parent.relative_to(PACKAGE).parts if path.is_relative_to(PACKAGE) else None
    for study in used() if parts is None else ():
        for room, own in ROOMS.items():
            if path.is_relative_to(study / own):
                parts = (*room.split("/"), *path.parent.relative_to(study / own).parts)
    return ".".join(("implicitbias", *(parts or ())))


def shown(path: Path) -> str:
    """Return the path of a file from the package or, of a study's file, from above the study."""
    for study in used():
        if path.is_relative_to(study):
            return path.relative_to(study.parent).as_posix()
    return path.relative_to(PACKAGE).as_posix()


def _check(study: Path) -> None:
    """Raise UserError for a study's file whose name is taken or invalid, or that is not Python.

    So does an import of a package that is not installed, without importing anything.
    """
    for room, own in ROOMS.items():
        for path in sorted((study / own).rglob("*.py")):
            below = path.relative_to(study / own)
            taken = [p for p in (PACKAGE / room, *(s / own for s in _USED)) if (p / below).exists()]
            if taken and path.stem != "__init__":
                raise UserError(f"{path}: the name is taken by {taken[0] / below}")
            if not all(part.isidentifier() for part in below.with_suffix("").parts):
                raise UserError(f"{path}: its name must be letters, digits and _")
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError) as error:
                at = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
                said = getattr(error, "msg", error)
                raise UserError(f"{path}{at}: cannot be read: {said}") from error
            for line, package in _imported(tree):
                if importlib.util.find_spec(package) is None:
                    raise UserError(f"{path}:{line}: there is no package {package!r} to import")


def _imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every package that the top of a module imports."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]
