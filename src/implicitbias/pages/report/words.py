"""The page writes numbers with these functions, and verdicts with these marks."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

# Each verdict has a mark as well as a colour: the page is printed, and read by the colour-blind.
MARKS = {
    "fails": "×",
    "undecided": "?",
    "not tested": "○",
    "holds": "✓",
    "no claims": "–",
    "not made": "!",
}

_SYMBOLS = ("rho", "nc", "mu", "tau")


def number(value: float) -> str:
    """Return a number in four significant digits; a missing number says so."""
    return "no value" if math.isnan(value) else f"{value:.4g}"


def interval(low: float, high: float) -> str:
    """Return `[low, high]`, or `none` where an end is missing."""
    return "none" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"


def duration(seconds: float) -> str:
    """Return a duration in two units at most: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 3600:
        return "{} min {} s".format(*divmod(int(seconds), 60))
    return "{} h {} min".format(*divmod(int(seconds) // 60, 60))


def moment(time: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def count(n: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 run`, `2 runs`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def cell(value: Any) -> str:
    """Return a field of a spec: strings bare, everything else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def coded(text: str) -> Markup:
    """Return text in which `backticks` become code; everything in it is escaped."""
    parts = [escape(part) for part in re.split(r"`([^`]+)`", text)]
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts)


def capital(text: str) -> str:
    """Return a sentence that begins with a capital, where it begins with a plain word.

    Symbols such as `rho`, `l1` and `w` stay as they are.
    """
    word = re.match(r"[a-z]{2,}\b(?![/=_])", text)
    return text if not word or word[0] in _SYMBOLS else text[0].upper() + text[1:]
