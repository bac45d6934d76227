"""This module has the one exception that is meant for users, and how messages show values."""

from __future__ import annotations

from typing import Any


class UserError(ValueError):
    """An error in the user's input; it names the file, the key, the value, and what is allowed."""


def shortened(value: Any) -> str:
    """Return a value as a message shows it: at most 60 characters, on one line."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        text = f"a number of {int(value).bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def counted(n: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 run`, `2 runs`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """Return a text on one line, with every character unsafe for a terminal written as its code."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.replace("\n", " "))
