"""A module's text is read here without importing it, so planning need not wait for torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from .errors import UserError
from .studies import package_of


@cache
def constants(path: Path, *names: str) -> dict[str, Any]:
    """Return the named constants that a module assigns, as literals read from its text.

    `constants(path, "NEEDS")` is `{"NEEDS": ("nc1",)}`, or empty. UserError if a value is not a
    literal.
    """
    values: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and (name := ast.unparse(node.targets[0])) in names:
            try:
                values[name] = ast.literal_eval(node.value)
            except ValueError as error:
                raise UserError(f"{path}: {name} must be a literal") from error
    return values


@cache
def functions(path: Path, *names: str) -> dict[str, Callable[..., Any]]:
    """Return the named functions that a module defines, without running the rest of the module.

    They come with the module's imports, constants and functions that they name, and with nothing
    else: a function that does without torch can be called without loading torch.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    binding = {name: node for node in tree.body for name in _bound(node)}
    present = [name for name in names if isinstance(binding.get(name), ast.FunctionDef)]
    wanted, needed = list(present), []
    for name in wanted:  # grows
        node = binding.get(name)
        if node is not None and node not in needed:
            needed.append(node)
            wanted += _used(compile(ast.Module([node], []), str(path), "exec"))
    body: list[ast.stmt] = [node for node in tree.body if node in needed]
    package = package_of(path)
    space: dict[str, Any] = {"__name__": f"{package}.{path.stem}", "__package__": package}
    exec(compile(ast.Module(body, []), str(path), "exec"), space)
    return {name: space[name] for name in present}


def _used(code: CodeType) -> Iterator[str]:
    """Return the names that code looks up outside itself, except names in annotations."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _used(inner)


def bound(path: Path) -> frozenset[str]:
    """Return the names that the top of a module binds."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(name for node in tree.body for name in _bound(node))


def _bound(node: ast.stmt) -> Iterator[str]:
    """Return the names that a statement at the top of a module binds."""
    match node:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.FunctionDef(name=name):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name
