"""Verbs that update tracked files of this repository from the results and the types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ._app import UPKEEP, Published, argument, path, verb


@verb("copy finished packs to the tracked results", "publish results/paper/packs/<pack>", UPKEEP)
def publish(
    packs: Annotated[list[Path], argument("Folders below results/paper/packs.", "PACK")],
    to: Annotated[Path, path("--to", help="The tracked results.")] = Path("results/published"),
) -> None:
    """Copy finished packs, complete and with intact hashes, to the tracked results."""
    from ..train.publish import publish

    for folder in packs:
        print(publish(folder, to))


@verb("write docs/results.md from results/published", "evidence", UPKEEP)
def evidence(
    published: Published = Path("results/published"),
    out: Annotated[Path, path("--out", metavar="FILE", help="The page.")] = Path("docs/results.md"),
) -> None:
    """Write the page of the results at the papers' own protocols."""
    from ..base.files import write_text
    from ..pages.evidence import page

    write_text(out, page(published))


@verb("write docs/errata.md: captions against numbers", "errata", UPKEEP)
def errata(
    published: Published = Path("results/published"),
    out: Annotated[Path, path("--out", metavar="FILE", help="The page.")] = Path("docs/errata.md"),
) -> None:
    """Write the page of the places where the papers' captions and numbers differ."""
    from ..base.files import write_text
    from ..pages.errata import page

    write_text(out, page(published))


@verb("print the JSON schema of a config file, as YAML", "schema paper", UPKEEP)
def schema(
    file: Annotated[
        Literal["config", "paper"], typer.Argument(help="config.yaml, or the file of a paper.")
    ] = "config",
) -> None:
    """Print the JSON schema of config.yaml, or of a paper's file."""
    from ..plan import schema

    print(schema.text(file), end="")
