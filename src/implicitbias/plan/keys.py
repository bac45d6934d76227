"""The keys of the config, their types, ranges and descriptions are read from the types themselves.

The JSON schema, the reference page and their tests are made from these. They are built from the
annotations rather than by pydantic, whose own schemas change with its version.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..base import registry
from .spec import procedure_spec, spec_type

Node = dict[str, Any]  # a part of a JSON schema, draft 7
NULL: Node = {"type": "null"}
_PLAIN = {int: "integer", float: "number", bool: "boolean", str: "string"}
_BOUNDS = {
    "gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum",
    "pattern": "pattern",
}  # fmt: skip


def node(kind: Any, limits: tuple[Any, ...] = ()) -> Node:
    """Return the JSON schema of an annotation with pydantic's or annotated_types' constraints."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return node(inner[0], (*inner[1:], *limits))
    schema = _unlimited(kind, origin, inner)
    for limit in _flat(limits):
        for name, key in _BOUNDS.items():
            if getattr(limit, name, None) is not None:
                schema[key] = getattr(limit, name)
        for end in ("min", "max"):
            if (n := getattr(limit, f"{end}_length", None)) is not None:
                schema[end + ("Items" if schema.get("type") == "array" else "Length")] = n
    return schema


def _flat(limits: tuple[Any, ...]) -> Iterator[Any]:
    for limit in limits:
        yield from limit.metadata if isinstance(limit, FieldInfo) else (limit,)


def _unlimited(kind: Any, origin: Any, inner: tuple[Any, ...]) -> Node:
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        kinds = [node(k) for k in inner if k is not types.NoneType]
        one = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        return or_null(one) if types.NoneType in inner else one
    if origin in (list, tuple):
        return {"type": "array", "items": node(inner[0])}
    if origin in (dict, Mapping):
        names = node(inner[0])
        only = {"propertyNames": names} if names != {"type": "string"} else {}
        return {"type": "object", **only, "additionalProperties": node(inner[1])}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return ref(kind.__name__)
    if kind is Any:
        return {}
    raise TypeError(f"no schema for {kind!r}")


def ref(name: str) -> Node:
    """Return a reference to a definition of the schema."""
    return {"$ref": f"#/definitions/{name}"}


def or_null(one: Node) -> Node:
    """Return the schema, with null allowed as well."""
    if isinstance(one.get("type"), str) and one != NULL:
        return {**one, "type": [one["type"], "null"]}
    if "enum" in one and None not in one["enum"]:
        return {**one, "enum": [*one["enum"], None]}
    return {"anyOf": [one, NULL]} if one and not _takes_null(one) else one


def _takes_null(one: Node) -> bool:
    kinds = one.get("type", [])
    return "null" in kinds or None in one.get("enum", []) or NULL in one.get("anyOf", [])


def keys(kind: type[BaseModel]) -> dict[str, Node]:
    """Return the schema of each field of a type, with `description` and, if any, `default`."""
    return {name: _key(kind, name) for name in kind.model_fields}


def _key(kind: type[BaseModel], name: str) -> Node:
    """Return the schema of a field; one that only narrows a base class's has its description."""
    field = kind.model_fields[name]
    schema = node(field.annotation, tuple(field.metadata))
    bases = (c.model_fields.get(name) for c in kind.__mro__ if issubclass(c, BaseModel))
    said = next((f.description for f in bases if f is not None and f.description), None)
    about: Node = {"description": said} if said else {}
    default = field.get_default(call_default_factory=True)
    if default is not PydanticUndefined and not isinstance(default, BaseModel):
        about["default"] = list(default) if isinstance(default, tuple) else default
    # Next to a reference, drafts up to 7 read nothing else.
    return {**about, "allOf": [schema]} if "$ref" in schema and about else {**schema, **about}


def spec_keys(procedure: str) -> dict[str, Node]:
    """Return the keys of a procedure's runs, without the arguments of a model."""
    return keys(procedure_spec(procedure))


def model_keys(model: str) -> dict[str, Node]:
    """Return the arguments of a model's `build`, described by the `Keys:` of its docstring."""
    plain, said = procedure_spec("sgd").model_fields, arguments_said(model)
    own = {k: v for k, v in keys(spec_type("sgd", model)).items() if k not in plain}
    return {k: {**v, **({"description": said[k]} if k in said else {})} for k, v in own.items()}


def arguments_said(model: str) -> dict[str, str]:
    """Return what `Keys:` in the docstring of a model's `build` says of each argument."""
    tree = ast.parse(registry.file("models", model).read_text(encoding="utf-8"))
    build = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "build")
    text = inspect.cleandoc(ast.get_docstring(build) or "").partition("Keys:\n")[2]
    said = re.findall(r"^    (\w+): (.+(?:\n {5,}.+)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in said}
