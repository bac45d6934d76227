"""The application with which verbs register, and the options that several verbs share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..base import paths

USER, RULES, UPKEEP = "Verbs", "Verbs that the workflow runs", "Verbs for this repository"


class Group(TyperGroup):
    """A group of verbs whose help has a section for each kind, and no boxes or colours."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs below the titles under which they registered."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            title = getattr(command, "rich_help_panel", None) or USER
            sections.setdefault(title, []).append((name, command.short_help or ""))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; it is no error if the reader of its output, as `head`, stops reading."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        return done


app = typer.Typer(
    cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 an error, reported in one line on stderr; 2 an invalid command"
    " line; 130 and 143 interrupted or terminated (training then has a checkpoint, from which the"
    " same command continues).",
)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        print(f"implicitbias {__version__}")
        raise typer.Exit


@app.callback()
def implicitbias(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Train runs, measure them, draw figures, and read your own checkpoints.

    `implicitbias VERB --help` says what a verb does, with an example. `python -m implicitbias` is
    the same program.
    """


def verb(
    summary: str, example: str = "", kind: str = USER, group: typer.Typer = app
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the verb of its name, whose help is the docstring."""
    epilog = f"Example: implicitbias {example}" if example else None
    return group.command(short_help=summary, epilog=epilog, rich_help_panel=kind)


def path(*names: str, help: str, metavar: str = "FOLDER", show_default: bool | str = True) -> Any:
    """Return an option that is a path, in which `~` is a home directory."""
    return typer.Option(
        *names, help=help, metavar=metavar, parser=paths.given, show_default=show_default
    )


def argument(help: str, metavar: str) -> Any:
    """Return an argument that is a path, in which `~` is a home directory."""
    return typer.Argument(help=help, metavar=metavar, parser=paths.given)


SCALES = "smoke, small, paper or published; by default the scale of config.yaml"
Scale = Annotated[str | None, typer.Option(help=f"{SCALES}.", metavar="NAME")]
ConfigFiles = Annotated[
    list[Path],
    path("--configfile", metavar="FILE", show_default=False,
         help="Your own config, which overrides config.yaml; may be given several times."),
]  # fmt: skip
DataDir = Annotated[Path, path("--data-dir", help="The folder in which data sets are cached.")]
Published = Annotated[Path, path("--published", help="The folder of the tracked results.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")]
