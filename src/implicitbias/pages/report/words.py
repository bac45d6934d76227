"""The page writes numbers with these functions, and verdicts with these marks."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from ...figures._letters import written

# Each verdict has a mark as well as a colour: the page is printed, and read by the colour-blind.
MARKS = {
    "fails": "×",
    "undecided": "?",
    "not tested": "○",
    "holds": "✓",
    "no claims": "–",
    "not made": "!",
}


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


def cell(value: Any) -> str:
    """Return a field of a spec: strings bare, everything else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def coded(text: str) -> Markup:
    """Return text in which `backticks` become code, and names of Greek letters those letters.

    Everything in it is escaped.
    """
    halves = re.split(r"`([^`]+)`", text)
    parts = [escape(part if i % 2 else written(part)) for i, part in enumerate(halves)]
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts)


def capital(text: str) -> str:
    """Return a sentence with Greek letters for their names, and a capital for its first word.

    Symbols such as `l1`, `w` and `nc1` stay as they are.
    """
    text = written(text)
    return text[0].upper() + text[1:] if re.match(r"[a-z]{2,}\b(?![/=_])", text) else text
