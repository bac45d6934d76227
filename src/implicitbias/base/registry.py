"""List the models, procedures and figures, each of which exists if its file does.

Planning must not import torch, because every process that parses the workflow would wait for it,
and a new model must be one new file. Planning therefore reads the text of a file to learn about it.
"""

from __future__ import annotations

import ast
import inspect
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from . import studies
from .errors import UserError, shortened
from .source import constants
from .studies import PACKAGE as PACKAGE

OWN = "own"  # the paper of figures that need no file: generic.py draws every name in it


def names(folder: str) -> tuple[str, ...]:
    """Return the public modules of a folder of the package, e.g. `names("models")`, sorted.

    Those of studies are among them.
    """
    return _names(folder, studies.used())


@cache  # planning asks for every run
def _names(folder: str, used: tuple[Path, ...]) -> tuple[str, ...]:
    found = (path.stem for root in studies.roots(folder) for path in root.glob("[!_]*.py"))
    return tuple(sorted(found))


def file(folder: str, name: str) -> Path:
    """Return the path of a file of a folder of the package, or of a study."""
    paths = [root / f"{name}.py" for root in studies.roots(folder)]
    return next((path for path in paths if path.is_file()), paths[0])


def known(kind: str, name: Any, choices: tuple[str, ...], key: str = "") -> str:
    """Return `name` if it is one of `choices`; otherwise raise a UserError.

    The error lists the choices and suggests the nearest one. `key`: the config's key that holds the
    name, to begin the message with.
    """
    if isinstance(name, str) and name in choices:
        return name
    near: list[str] = []
    if isinstance(name, str):
        near = [c for c in choices if _unpadded(c) == _unpadded(name)]  # fig9 means fig09
        near = near or get_close_matches(name, choices, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    where = f"{key}: " if key else ""
    there = ", ".join(choices) or "none"
    raise UserError(f"{where}no {kind} {shortened(name)}{hint}; there are: {there}")


def _unpadded(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


def figure_path(key: str) -> Path:
    """Return the path of the file that draws a figure, say `galanti2025rank/fig07`."""
    paper, slash, figure = key.partition("/")
    meant = [] if slash else [k for k in figure_keys() if _unpadded(key) in _unpadded(k).split("/")]
    if meant:  # fig12, or galanti2025rank
        raise UserError(f"{shortened(key)}: a figure is <paper>/<figure>, here {', '.join(meant)}")
    if paper == OWN and slash and re.fullmatch(r"[a-z0-9_]+", figure):
        return PACKAGE / "figures" / "generic.py"
    known("paper", paper, _papers())
    known(f"figure of {paper}", figure, names(f"figures/{paper}"))
    return file(f"figures/{paper}", figure)


def figure_source(key: str) -> str:
    """Return the path of a figure's code in the repository, wherever the package lies.

    Of a figure of a study, the path from above the study's folder.
    """
    path = figure_path(key)
    within = path.is_relative_to(PACKAGE)
    return f"src/{PACKAGE.name}/{studies.shown(path)}" if within else studies.shown(path)


def docstring(path: Path) -> tuple[str, list[str]]:
    """Return the first paragraph and the further ones of a module's docstring.

    Both are empty if there is no file. They are the caption of a figure, or the title of a paper,
    read without importing the module.
    """
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False)
    except FileNotFoundError:
        return "", []
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: its docstring cannot be read: {error}") from error
    first, *rest = inspect.cleandoc(text or "").split("\n\n")
    paragraphs = [" ".join(part.split()) for part in (first, *rest)]
    return paragraphs[0].removesuffix("."), [part for part in paragraphs[1:] if part]


def figure_needs(key: str) -> tuple[str, ...]:
    """Return the metrics without which a figure cannot be drawn: `NEEDS = (...)` in its source."""
    return tuple(constants(figure_path(key), "NEEDS").get("NEEDS", ()))


def figure_keys() -> tuple[str, ...]:
    """Return every figure that has a file."""
    return tuple(f"{paper}/{name}" for paper in _papers() for name in names(f"figures/{paper}"))


def _papers() -> tuple[str, ...]:
    there = (path for root in studies.roots("figures") if root.is_dir() for path in root.iterdir())
    return tuple(sorted({p.name for p in there if p.is_dir() and not p.name.startswith("_")}))
