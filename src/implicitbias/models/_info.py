"""Read the facts that planning needs about a model without importing it, which would load torch.

A model's file is read, not imported. The arguments of `build` and the module's literals are taken
from its text. The functions `size` and `check` are run apart from the rest of the file and must do
without torch (`base/source.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..base.errors import UserError
from ..base.registry import file, known, names
from ..base.source import constants, functions
from ._size import UNKNOWN, Size

_TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True)
class Argument:
    """A keyword argument of a model's `build`, which has a type and a default."""

    type: type
    default: Any


@dataclass(frozen=True)
class ModelInfo:
    """The facts that the text of models/<name>.py states."""

    name: str
    arguments: dict[str, Argument]
    batch_norm: bool  # a batch of one example has no variance: planning refuses it
    min_image: int  # smallest height and width of an image
    features: bool  # whether its class has `features`, what enters the head
    functions: Mapping[str, Callable[..., Any]]

    def size(
        self, arguments: Mapping[str, Any], input_shape: tuple[int, ...], n_classes: int
    ) -> Size:
        """Return the network's size with these arguments of `build`, or UNKNOWN.

        It is UNKNOWN if the model's file has no function `size`. n_classes 0 leaves the head out.
        """
        if "size" not in self.functions:
            return UNKNOWN
        size: Size = self.functions["size"](input_shape, n_classes, **arguments)
        return size

    def check(self, arguments: Mapping[str, Any], input_shape: tuple[int, ...]) -> None:
        """Raise ValueError for arguments that give no network on images of this shape."""
        if "check" in self.functions:
            self.functions["check"](input_shape, **arguments)


@cache
def info(name: str) -> ModelInfo:
    """Return what the file of the named model states.

    Every argument of `build` after the `*` must be annotated with int, float, bool or str and have
    a default; a module-level `BATCH_NORM = True` says that the model normalises over the batch, and
    `MIN_IMAGE = 13` that its convolutions leave no position of a smaller image.
    """
    path = file("models", known("model", name, names("models")))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    if "build" not in defined:
        raise UserError(f"{path}: defines no function build(input_shape, n_classes, *, ...)")
    build = defined["build"]
    said = constants(path, "BATCH_NORM", "MIN_IMAGE")
    return ModelInfo(
        name,
        _arguments(path, build),
        bool(said.get("BATCH_NORM", False)),
        int(said.get("MIN_IMAGE", 1)),
        any(isinstance(n, ast.FunctionDef) and n.name == "features" for n in ast.walk(tree)),
        functions(path, "size", "check"),
    )


def _arguments(path: Path, build: ast.FunctionDef) -> dict[str, Argument]:
    arguments: dict[str, Argument] = {}
    for arg, default in zip(build.args.kwonlyargs, build.args.kw_defaults, strict=True):
        kind = _TYPES.get(ast.unparse(arg.annotation)) if arg.annotation else None
        if kind is None or not isinstance(default, ast.Constant | ast.UnaryOp):
            said = f"build's {arg.arg} needs one of the types {', '.join(_TYPES)}, and a default"
            raise UserError(f"{path}: {said}")
        arguments[arg.arg] = Argument(kind, ast.literal_eval(default))
    return arguments
