"""JSON that may come from elsewhere: size, nesting, types, numbers and texts are checked once.

Files of results are passed between people. Whatever such a file holds, a reader gets the type that
it asked for, or one UserError that names the file and the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import UserError, shortened

LARGEST = 64 * 2**20  # bytes of a file
LONGEST = 20_000  # characters of a text
Check = Callable[[Any], Any]  # returns the value, or raises ValueError that says what is allowed


def read(path: Path, check: Check) -> Any:
    """Return what a JSON file holds, as `check` returns it; UserError names file and place.

    A missing file raises FileNotFoundError. Another error of the system is the cause of the
    UserError.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or size > LARGEST:
            raise ValueError(f"is no file of at most {LARGEST} bytes")
        return check(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RecursionError:
        raise UserError(f"{path}: not readable: it is nested too deeply") from None
    except (ValueError, MemoryError) as error:
        raise UserError(f"{path}: not readable: {error or 'memory does not suffice'}") from error


def text(value: Any) -> str:
    """Return a text of at most LONGEST characters, each of which can be shown, or an end of line.

    Escape sequences never reach a terminal.
    """
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"{shortened(value)} is no text of at most {LONGEST} characters")
    if not value.replace("\n", "").isprintable():
        raise ValueError(f"{shortened(value)} holds characters that cannot be shown")
    return value


def line(value: Any) -> str:
    """Return a text without an end of line."""
    if "\n" in text(value):
        raise ValueError(f"{shortened(value)} is more than one line")
    return str(value)


def number(value: Any) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shortened(value)} is no number")
    try:
        if math.isfinite(float(value)):
            return value
    except OverflowError:
        pass
    raise ValueError(f"{shortened(value)} is no finite number")


def positive(value: Any) -> float:
    """Return a finite number that is at least 0."""
    if number(value) < 0:
        raise ValueError(f"{shortened(value)} is below 0")
    return float(value)


def count(value: Any) -> int:
    """Return an integer in [0, 2^63)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"{shortened(value)} is no count")
    return value


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{shortened(value)} is neither true nor false")
    return value


def anything(value: Any) -> Any:
    """Return the value unchanged, for values that another reader checks."""
    return value


def optional(check: Check) -> Check:
    """Return a check that lets null pass."""
    return lambda value: None if value is None else check(value)


def mapping(check: Check, keys: Check = line) -> Check:
    """Return a check of a mapping whose keys and values pass."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"{shortened(value)} is no mapping")
        return {keys(key): _at(key, check, inner) for key, inner in value.items()}

    return checked


def fields(needed: Mapping[str, Check], known: Mapping[str, Check] | None = None) -> Check:
    """Return a check of a mapping with `needed` keys, which also checks the `known` keys it has.

    Other keys are left as they are, because a later version may have written them.
    """

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"{shortened(value)} is no mapping")
        for key in needed:
            if key not in value:
                raise ValueError(f"{key} is missing")
        checks = {**(known or {}), **needed}
        return {
            key: _at(key, checks[key], inner) if key in checks else inner
            for key, inner in value.items()
        }

    return checked


def _at(key: Any, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{shortened(key)}: {error}") from error
