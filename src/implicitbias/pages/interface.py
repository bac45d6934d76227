"""The reference of the Python interface, made from signatures and docstrings.

A page requests a section with `<!-- api: Recorder -->`: a class or a function, by its path within
the package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from pydoc import locate
from typing import Any

from ..base.errors import UserError
from ..figures._letters import written

_LINE = 90  # characters; a longer signature has a line for each argument


def api_of(name: str) -> str:
    """Return a section on a class or a function: its signature, its docstring, its members.

    name: its path within the package. A class of `api`, such as `api.results.Results`, is described
    without its constructor, because users receive it from a function. UserError for a name that is
    neither a class nor a function.
    """
    described = locate(f"implicitbias.{name}")
    if not (inspect.isclass(described) or inspect.isfunction(described)):
        raise UserError(f"implicitbias.{name}: no class and no function has this name")
    if not name.startswith("api."):
        entries = [_entry("###", name, described, _signature(name, described))]
    else:
        entries = [_entry("###", name.rpartition(".")[2], described)]
    return "\n\n".join([*entries, *(_members(described) if inspect.isclass(described) else ())])


def _members(kind: type) -> Iterator[str]:
    """Yield an entry for each public method and property of a class, in the order of its code."""
    for name, member in vars(kind).items():
        shown = f"{kind.__name__}.{name}"
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            yield _entry("####", shown, member, _signature(shown, member))
        elif isinstance(member, property | cached_property):
            yield _entry("####", shown, member)


def _entry(level: str, name: str, documented: Any, signature: str = "") -> str:
    anchor = name.lower().replace(".", "-")
    heading = f"{level} `{name}` {{ #{anchor} data-toc-label={name} }}"
    code = f"```python\n{signature}\n```" if signature else ""
    said = written(inspect.getdoc(documented) or "")
    return "\n\n".join(filter(None, [heading, code, f"```text\n{said}\n```"]))


def _signature(name: str, called: Callable[..., Any]) -> str:
    """Return the signature of a callable, with types and defaults as in the code."""
    signature = inspect.signature(called)
    shown: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not any(s[0] == "*" for s in shown):
            shown.append("*")
        if parameter.name != "self":
            shown.append(_parameter(parameter))
    returned = _annotation(signature.return_annotation)
    ends = f") -> {returned}" if returned not in ("", "None") else ")"
    line = f"{name}({', '.join(shown)}{ends}"
    if len(line) <= _LINE:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in shown), ends])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {_annotation(parameter.annotation)}{default}"


def _annotation(kind: Any) -> str:
    if kind in (None, inspect.Signature.empty):
        return ""
    return kind if isinstance(kind, str) else inspect.formatannotation(kind)
