"""Paths that people write: `~` is their home, and a variable that is not set is an error."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import UserError

_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


def given(text: str | Path) -> Path:
    """Return a path of a command line or a config, with `~` and `~name` replaced by that home."""
    return Path(home(str(text)))


def home(text: str) -> str:
    """Return the text of a path with a leading `~` replaced; UserError where no home is known."""
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:
        raise UserError(f"{text}: whose home folder this is, is not known here") from None


def scratch(text: str) -> Path:
    """Return the folder on a node that `cluster.scratch_dir` names: $VARIABLES are this node's.

    UserError where one of them is not set here.
    """
    for name in (match[1].strip("{}") for match in _VARIABLE.finditer(text)):
        if not os.environ.get(name):
            raise UserError(f"scratch_dir: {text!r}: ${name} is not set on this machine")
    return Path(os.path.expandvars(home(text)))
