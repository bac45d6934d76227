"""Read from the files in train/observers what the observers of training record.

That folder describes the literals `RECORDS` and `ALWAYS` and the function `check` of such a file.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ..base import registry
from ..base.errors import UserError
from ..base.source import constants, functions

_FOLDER = "train/observers"


@cache
def _said(name: str) -> dict[str, Any]:
    return constants(registry.file(_FOLDER, name), "RECORDS", "ALWAYS")


def _of(procedure: str) -> tuple[str, ...]:
    return _among(procedure, registry.names(_FOLDER))


@cache
def _among(procedure: str, observers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in observers if procedure in _said(name)["RECORDS"])


def always(procedure: str) -> tuple[str, ...]:
    """Return the observers of every run of a procedure."""
    return tuple(n for n in _of(procedure) if procedure in _said(n).get("ALWAYS", ()))


def entries(procedure: str) -> tuple[str, ...]:
    """Return the observers that a run of a procedure may ask for in `record`."""
    return tuple(n for n in _of(procedure) if n not in always(procedure))


def names(procedure: str, kind: str) -> tuple[str, ...]:
    """Return the quantities of a kind, `scalars` or `arrays`, that a procedure can record."""
    each = (_said(name)["RECORDS"][procedure].get(kind, {}) for name in _of(procedure))
    return tuple(dict.fromkeys(quantity for quantities_of in each for quantity in quantities_of))


def quantities(procedure: str) -> dict[str, str]:
    """Return the meaning and unit of each quantity that runs of a procedure can record."""
    return {q: said for name in _of(procedure) for q, said in _recorded(name, procedure)}


def optional(procedure: str) -> dict[str, str]:
    """Return the quantities that a run must ask for, with the entry of `record` that asks."""
    unasked = {q for name in always(procedure) for q, _ in _recorded(name, procedure)}
    asked = {q: name for name in entries(procedure) for q, _ in _recorded(name, procedure)}
    return {quantity: name for quantity, name in asked.items() if quantity not in unasked}


def _recorded(name: str, procedure: str) -> list[tuple[str, str]]:
    kinds = _said(name)["RECORDS"][procedure].values()
    return [item for kind in kinds for item in kind.items()]


def record_type(procedure: str) -> Any:
    """Return the type of the config's `record`: a procedure's entries, in a list or tuple."""
    return Annotated[
        tuple[Literal[entries(procedure)], ...],  # type: ignore[misc]
        BeforeValidator(lambda v: tuple(v) if type(v) is list else v),
    ]


def check(spec: Any) -> None:
    """Raise UserError for a run with an entry in `record` that its observer refuses."""
    for name in spec.record:
        for refuses in functions(registry.file(_FOLDER, name), "check").values():
            try:
                refuses(spec)
            except ValueError as error:
                raise UserError(f"record: {name} {error}") from error
