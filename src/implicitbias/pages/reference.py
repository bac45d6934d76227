"""The reference pages: tables of the config's keys, from the types that read them.

A page requests a table with `<!-- keys: config -->`, `<!-- keys: procedures -->` or
`<!-- keys: models -->`.
"""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from ..base import registry
from ..plan.keys import Node, keys, model_keys
from ..plan.schema import FILES, kinds
from ..plan.spec import RunSpec, procedure_spec
from ..plan.specs._network import NetworkSpec

_UNIT = re.compile(r"(.*) \[([^]]+)\]\.", re.DOTALL)


def keys_of(part: str) -> str:
    """Return sections, each with a table of keys.

    part: `config`, the types of the whole file; `procedures`, the fields of runs; or `models`, the
    arguments of each architecture. UserError for another.
    """
    makers = {"config": _config, "procedures": _procedures, "models": _models}
    registry.known("part of the keys", part, tuple(makers))
    return "\n\n".join(makers[part]())


def _config() -> Iterator[str]:
    for kind in dict.fromkeys(kind for root in FILES.values() for kind in kinds(root)):
        yield _section(kind.__name__, _paragraphs(kind), keys(kind))


def _procedures() -> Iterator[str]:
    titles: dict[type[RunSpec], str] = {RunSpec: "Every run", NetworkSpec: "Every network"}
    titles.update({procedure_spec(n): f"`{n}`" for n in registry.names("plan/specs")})
    for kind, title in titles.items():
        parents = [titles[c] for c in kind.__mro__[1:] if c in titles]
        yield _section(title, _paragraphs(kind), own := _own(kind))
        if "record" in own:
            yield table(["`record`", "what its observer does"], _entries(own["record"]))
        if parents:
            links = ", ".join(f"[{parent}](#{anchored(parent)})" for parent in parents)
            yield f"Its further keys stand under {links}."


def _own(kind: type[BaseModel]) -> dict[str, Node]:
    """Return the keys that a type itself adds or changes."""
    return {k: v for k, v in keys(kind).items() if k in inspect.get_annotations(kind)}


def _entries(record: Node) -> Iterator[list[str]]:
    """Yield each entry of `record` with the first sentence of its observer."""
    for name in record["items"]["enum"]:
        path = registry.PACKAGE / "train" / "observers" / f"{name}.py"
        yield [f"`{name}`", f"{escaped(registry.docstring(path)[0])}."]


def _models() -> Iterator[str]:
    for name in registry.names("models"):
        title, further = registry.docstring(registry.PACKAGE / "models" / f"{name}.py")
        yield _section(f"`{name}`", [f"{title}.", *further], model_keys(name))


def _paragraphs(kind: type[BaseModel]) -> list[str]:
    return [" ".join(p.split()) for p in inspect.cleandoc(kind.__doc__ or "").split("\n\n")]


def _section(title: str, paragraphs: Iterable[str], nodes: Mapping[str, Node]) -> str:
    rows = [[f"`{name}`", *_cells(key)] for name, key in nodes.items()]
    head = ["key", "type and range", "unit", "default", "meaning"]
    anchor = anchored(title)
    return "\n\n".join(
        [f"### {title} {{ #{anchor} }}", *map(escaped, paragraphs), table(head, rows)]
    )


def _cells(key: Node) -> list[str]:
    meaning, unit = with_unit(key.get("description", ""))
    default = f"`{_yaml(key['default'])}`" if "default" in key else "required"
    if "default" not in key and _is_mapping(key):
        default = "–"
    return [words(key), unit, default, escaped(meaning)]


def with_unit(said: str) -> tuple[str, str]:
    """Return a description without the unit at its end, and the unit; no unit for a pure number."""
    match = _UNIT.fullmatch(said)
    return (f"{match[1]}.", "" if match[2] == "1" else match[2]) if match else (said, "")


def _is_mapping(key: Node) -> bool:
    return any("$ref" in part for part in (key, *key.get("allOf", ())))


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def words(key: Node) -> str:
    """Return a schema in words: `integer > 0`, `number in [0, 1) or null`, `list of integers`."""
    if "anyOf" in key:
        return " or ".join(map(words, key["anyOf"]))
    if "allOf" in key or "$ref" in key:
        name = str({**key, **(key.get("allOf") or [{}])[0]}["$ref"]).rpartition("/")[2]
        return f"[{name}](#{anchored(name)})"
    if "enum" in key:
        return " or ".join("null" if v is None else f"`{_yaml(v)}`" for v in key["enum"])
    kinds = [key["type"]] if isinstance(key.get("type"), str) else key.get("type", ["anything"])
    return " or ".join(_plain(kind, key) for kind in kinds)


def _plain(kind: str, key: Node) -> str:
    if kind == "array":
        return f"list of: {words(key['items'])}"
    if kind == "object":
        names = f" from {words(n)}" if "enum" in (n := key.get("propertyNames", {})) else ""
        return f"mapping{names} to: {words(key['additionalProperties'])}"
    if kind not in ("integer", "number"):
        return {"boolean": "true or false", "string": "text"}.get(kind, kind)
    low = key.get("minimum", key.get("exclusiveMinimum"))
    high = key.get("maximum", key.get("exclusiveMaximum"))
    if low is None and high is None:
        return kind
    if high is None:
        return f"{kind} {'≥' if 'minimum' in key else '>'} {low:g}"
    left, right = "[" if "minimum" in key else "(", "]" if "maximum" in key else ")"
    return f"{kind} in {left}{low:g}, {high:g}{right}"


def anchored(title: str) -> str:
    """Return the anchor of a heading."""
    return title.strip("`").lower().replace(" ", "-")


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table of cells that are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escaped(plain: str) -> str:
    """Return plain text as Markdown in which everything except `code` is literal."""
    parts = plain.split("`")
    parts[::2] = [re.sub(r"([\\*_{}\[\]|#~])", r"\\\1", html.escape(p, False)) for p in parts[::2]]
    return "`".join(parts)
