"""A verb is declared as a function with its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base import paths

Argument = tuple[tuple[str, ...], dict[str, Any]]
Verb = Callable[[argparse.Namespace], None]
VERBS: list[tuple[Verb, str, tuple[Argument, ...], str]] = []


def arg(*names: str, **options: Any) -> Argument:
    """Return an argument of a verb, as argparse's `add_argument` takes it."""
    return names, options


def verb(help_: str, *arguments: Argument, example: str = "") -> Callable[[Verb], Verb]:
    """Register a function as the verb of its name; its docstring is the verb's description."""

    def register(do: Verb) -> Verb:
        VERBS.append((do, help_, arguments, example))
        return do

    return register


DATA_DIR = arg(
    "--data-dir", type=paths.given, default=Path("data"), help="where data sets are cached"
)
PUBLISHED = arg("--published", type=paths.given, default=Path("results/published"))
CONFIG = (
    arg("--scale", help="smoke, small, paper or published; else what config.yaml says"),
    arg("--configfile", type=paths.given, action="append", default=[], metavar="FILE",
        help="your own changes, over config.yaml; may be given several times"),
)  # fmt: skip
