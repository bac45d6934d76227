"""Files are layers of one config: they are read and merged here, and an error finds its file."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer

from ..base.errors import UserError, printable, shortened

DEEPEST, LARGEST_LEVEL = 12, 100_000
Keys = tuple[str | int, ...]


class _Loader(Composer, yaml.CSafeLoader):
    """Read YAML with libyaml's quick parser (CSafeLoader) and the composer of yaml.SafeLoader.

    The composer of libyaml ends the process if nesting is too deep. Text that YAML reads
    differently from how it looks is refused: a duplicate key, `010` (8), and `1:30` (90).
    """

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; ValueError for a key that it has twice."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise ValueError(f"line {_line(key)}: {shortened(key.value)} is there twice")
                seen.add((key.tag, key.value))
        return dict(super().construct_mapping(node, deep))

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings that `<<` names; ValueError if they expand without bound."""
        super().flatten_mapping(node)
        if len(node.value) > LARGEST_LEVEL:
            raise ValueError(f"line {_line(node)}: `<<` expands to more than {LARGEST_LEVEL} keys")

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Return a number; ValueError if YAML reads it differently from how it looks."""
        whole = node.tag.endswith(":int")
        read = self.construct_yaml_int if whole else self.construct_yaml_float
        value = read(node)
        if ":" in node.value or (whole and re.match(r"[-+]?0[0-9_]", node.value)):
            said = f"{node.value} is {value} to YAML; write that, or put it in quotes"
            raise ValueError(f"line {_line(node)}: {said}")
        return value


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shortened(twice)} is there twice")
    return tree


class Layer(NamedTuple):
    """A part of a file, laid over the layers below it at one place of the config."""

    path: Path
    tree: Any
    at: Keys = ()  # the place in the config
    key: Keys = ()  # the place in the file


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `above` over `below`: mappings merge key by key, anything else replaces.

    A null replaces too: `without_nulls` then removes the key.
    """
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def merged(layers: Iterable[Layer]) -> dict[str, Any]:
    """Return the layers over each other, the first at the bottom."""
    tree: dict[str, Any] = {}
    for layer in layers:
        above = layer.tree
        for key in reversed(layer.at):
            above = {key: above}
        tree = merge(tree, above)
    return tree


def without_nulls(tree: Any) -> Any:
    """Return the tree less every key whose value is null, as a layer takes a key away."""
    if isinstance(tree, Mapping):
        return {k: without_nulls(v) for k, v in tree.items() if v is not None}
    return tree


def read(path: Path) -> dict[str, Any]:
    """Return a YAML or JSON file as a mapping; raise UserError if it is not one."""
    try:
        text = path.read_text(encoding="utf-8")
        # 1e-5 is text to YAML
        if path.suffix == ".json":
            tree = json.loads(text, object_pairs_hook=_once)
        else:
            tree = yaml.load(text, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}{_where(error)}") from error
    except ValueError as error:  # an impossible date, an integer of thousands of digits
        raise UserError(f"{path}: {error}") from error
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: holds no mapping of keys to values")
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        parts = (p.values() if isinstance(p, dict) else p for p in level if _holds(p))
        level = list(itertools.islice(itertools.chain.from_iterable(parts), LARGEST_LEVEL + 1))
        if len(level) > LARGEST_LEVEL:
            raise UserError(f"{path}: holds more than {LARGEST_LEVEL} values")
    if level:
        raise UserError(f"{path}: is nested more than {DEEPEST} deep, or contains itself")
    return tree


def _where(error: yaml.YAMLError) -> str:
    """Return `: line <n>: not valid YAML: <what is wrong there>`."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f": not valid YAML: {' '.join(str(error).split())}"
    said = ", ".join(filter(None, [error.context, error.problem]))
    return f": line {error.problem_mark.line + 1}: not valid YAML: {said}"


def _holds(tree: Any) -> bool:
    return isinstance(tree, dict | list)


class Sources:
    """The layers of a config, which know where each key came from: the last layer that has it."""

    def __init__(self, layers: Iterable[Sequence[Any]] = (), home: Path | None = None) -> None:
        self.layers = [Layer(*layer) for layer in layers]
        self.home = home or (self.layers[0].path if self.layers else "config")

    def error(self, keys: Sequence[str | int], message: str) -> UserError:
        """Return a UserError that reads `<file>: <key path in the file>: <message>`."""
        path, there = self.place(tuple(keys))
        key = "" if str(path) == f"--{there[0]}" else f"{'.'.join(map(str, there))}: "
        return UserError(printable(f"{path}: {key}{message}"))

    def place(self, keys: Keys) -> tuple[Path | str, Keys]:
        """Return the last file with the longest part of the key path, and the path in that file."""
        for length in range(len(keys), 0, -1):
            for layer in reversed(self.layers):
                depth = len(layer.at)
                inside = depth <= length and layer.at == keys[:depth]
                if inside and _has(layer.tree, keys[depth:length]):
                    return layer.path, layer.key + keys[depth:]
        return self.home, keys

    def over(self, keys: Keys, at: Keys) -> str:
        """Return ` (<file>: <key path>)` of a key whose file lies over that of `at`, else ""."""
        (path, there), (below, _) = self.place(keys), self.place(at)
        last = {layer.path: i for i, layer in enumerate(self.layers)}
        if last.get(Path(path), -1) <= last.get(Path(below), -1):
            return ""
        return f" ({path}: {'.'.join(map(str, there))})"


def _has(tree: Any, keys: Sequence[str | int]) -> bool:
    for key in keys:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
