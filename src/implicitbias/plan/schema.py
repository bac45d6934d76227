"""The JSON schemas of the config serve editors; they are made from its types.

They have the keys of each procedure.

`workflow/schemas/config.schema.yaml` describes config.yaml and overlays, `paper.schema.yaml` the
files of workflow/papers: nothing is required, and null, which takes a key away, is allowed
everywhere. Planning does not read them: the types themselves say more, in one line with the file
and the key.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from .. import data
from ..base import registry
from .files import Overlay, Paper
from .keys import NULL, Node, keys, model_keys, or_null, ref, spec_keys

FILES: dict[str, type[BaseModel]] = {"config": Overlay, "paper": Paper}
_HEAD = "# Generated from the types: python -m implicitbias schema {file} > this file\n"


def schema(file: str = "config") -> Node:
    """Return the JSON schema (draft 7) of config.yaml and overlays, or of a `paper`.

    The schema of a paper refers to the other one for common parts.
    """
    root, shared = FILES[file], kinds(Overlay) if file != "config" else []
    types = {kind.__name__: _closed(kind) for kind in kinds(root) if kind not in shared}
    common: dict[str, Node] = {}
    common["sweep"] = _by_procedure(common)
    for part in types.values():
        if "grid" in part["properties"]:
            part["allOf"] = [ref("sweep")]
    elsewhere = {f"#/definitions/{name}" for name in (*common, *(k.__name__ for k in shared))}
    whole = types.pop(root.__name__)
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **whole}
    if file == "config":
        return {**whole, "definitions": {**types, **common}}
    moved: Node = _moved({**whole, "definitions": types}, elsewhere)
    return moved


def _moved(part: Any, elsewhere: set[str]) -> Any:
    """Return the schema with its references led to the config's schema where that has them."""
    if isinstance(part, list):
        return [_moved(inner, elsewhere) for inner in part]
    if not isinstance(part, dict):
        return part
    moved = {key: _moved(value, elsewhere) for key, value in part.items()}
    if moved.get("$ref") in elsewhere:
        moved["$ref"] = f"config.schema.yaml{moved['$ref']}"
    return moved


def text(file: str = "config") -> str:
    """Return the schema as YAML, with a comment on where it comes from."""
    return _HEAD.format(file=file) + yaml.dump(
        schema(file), Dumper=_Plain, sort_keys=False, width=100, default_flow_style=None
    )


def _removable(key: Node) -> Node:
    """Return the schema with null allowed for the key, and for the values of a mapping."""
    values = key.get("additionalProperties")
    return or_null({**key, "additionalProperties": or_null(values)} if values else key)


class _Plain(yaml.SafeDumper):
    """A dumper of YAML that writes repeated values out, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def kinds(root: type[BaseModel]) -> list[type[BaseModel]]:
    """Return a type of the config and all types that it refers to, each once."""
    types = [root]
    for kind in types:  # grows
        for field in kind.model_fields.values():
            types += [other for other in _inside(field.annotation) if other not in types]
    return types


def _inside(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _inside(inner)


def _closed(kind: type[BaseModel]) -> Node:
    """Return a type as an object without further keys, in which any value may be null."""
    properties = {name: _removable(key) for name, key in keys(kind).items()}
    about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return {
        "type": "object", "description": " ".join(about.split()), "properties": properties,
        "additionalProperties": False,
    }  # fmt: skip


def _by_procedure(definitions: dict[str, Node]) -> Node:
    """Return the keys that `base` and `grid` may hold, by procedure and model of `base`.

    Add a definition for each. A sweep that names no procedure takes it from elsewhere or is sgd, so
    the keys of any procedure are allowed. The arguments of any model are allowed for the same
    reason.
    """
    models = {name: model_keys(name) for name in registry.names("models")}
    arguments = {k: v for own in models.values() for k, v in own.items()}
    procedures = {name: _of_procedure(name, list(models)) for name in registry.names("plan/specs")}
    rules: list[Node] = []
    for name, own in procedures.items():
        names = [*own, *(arguments if "model" in own else ())]
        _pair(definitions, name, own, {"propertyNames": {"enum": names}})
        rules.append(_where("procedure", {"const": name}, {"then": _both(name)}))
    either = {key: _either(key, procedures) for own in procedures.values() for key in own}
    _pair(definitions, "any", either, {"propertyNames": {"enum": [*{**either, **arguments}]}})
    rules.append(_where("procedure", {"enum": [*procedures]}, {"else": _both("any")}))
    for name, own in models.items():
        others = "|".join(k for k in arguments if k not in own)
        _pair(definitions, f"model.{name}", own, {"patternProperties": {f"^({others})$": NULL}})
        rules.append(_where("model", {"const": name}, {"then": _both(f"model.{name}")}))
    return {"allOf": rules}


def _of_procedure(name: str, models: list[str]) -> dict[str, Node]:
    """Return the keys of a procedure, models and data sets by the names of their files.

    The seed is left out, which a sweep gives.
    """
    own = {k: v for k, v in spec_keys(name).items() if k != "seed"}
    for key, names in (("model", models), ("dataset", list(data.names()))):
        if key in own:
            own[key] = {"enum": names, "description": own[key]["description"]}
    return own


def _either(key: str, procedures: dict[str, dict[str, Node]]) -> Node:
    """Return the schema of a key that several procedures have."""
    kinds: list[Node] = []
    for own in procedures.values():
        if key in own and own[key] not in kinds:
            kinds.append(own[key])
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _pair(definitions: dict[str, Node], name: str, own: dict[str, Node], others: Node) -> None:
    """Define the schema of `base` under the name, and that of `grid`, with lists of its values."""
    lists = {}
    for key, value in own.items():
        item = {k: v for k, v in value.items() if k not in ("default", "description")}
        lists[key] = or_null({"type": "array", "items": item, "minItems": 1})
        lists[key]["description"] = value.get("description", "")
    definitions[name] = {"properties": {k: or_null(v) for k, v in own.items()}, **others}
    definitions[f"{name}.grid"] = {"properties": lists, **others}


def _both(name: str) -> Node:
    return {"properties": {"base": ref(name), "grid": ref(f"{name}.grid")}}


def _where(key: str, value: Node, rule: Node) -> Node:
    """Return the rule (`then` or `else`) for sweeps whose base has this value."""
    base = {"properties": {key: value}, "required": [key]}
    return {"if": {"properties": {"base": base}, "required": ["base"]}, **rule}
