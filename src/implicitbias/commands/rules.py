"""Verbs that the rules of the workflow run: pack, train, measure, figure.

The rules for the report and for data run verbs of results.py. The command lines of the workflow are
stable, so that results made by an earlier version are not made again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..base import paths
from ..base.allocator import ALLOCATOR, uncollected
from ._app import RULES, DataDir, argument, path, verb


@verb("write a pack.json", kind=RULES)
def pack(
    out: Annotated[Path, argument("The pack.json to write.", "OUT")],
    text: Annotated[str, typer.Option(metavar="TEXT", help="The content of the file, as planned.")],
) -> None:
    """Write a pack.json; it is an error if another pack has its name."""
    from ..plan import packs

    packs.write(out, text)


@verb(
    "train a pack: pack.json -> records",
    "train results/small/packs/<pack>/pack.json",
    kind=RULES,
)
def train(
    pack: Annotated[Path, argument("The pack.json; records are written beside it.", "PACK")],
    data_dir: DataDir = Path("data"),
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="The device to train on.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of the process.")] = 1,
    checkpoint_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time between two checkpoints [s].")
    ] = 60.0,
    scratch_dir: Annotated[
        str, typer.Option(help="Copy the data sets here before reading.", metavar="FOLDER")
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another process that trains this pack.")
    ] = False,
) -> None:
    """Train a pack to the end, from its checkpoint if there is one."""
    if sys.platform == "linux" and not ALLOCATOR.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "implicitbias", *sys.argv[1:]]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **ALLOCATOR}
        os.execve(sys.executable, command, environment)
    from ..train.pack import train

    scratch = paths.scratch(scratch_dir) if scratch_dir else None
    train(pack, data_dir, device, threads, checkpoint_seconds, wait=wait, scratch=scratch)


@verb("write the table of a figure from records", kind=RULES)
def measure(
    definition: Annotated[str, typer.Option(metavar="TEXT", help="The figure, as planned.")],
    out: Annotated[Path, path("--out", metavar="FILE", help="The table to write.")],
    records: Annotated[list[Path] | None, argument("The records of its packs.", "RECORDS")] = None,
) -> None:
    """Write the table of a figure: its metrics, computed from the records of its runs."""
    with uncollected():
        from ..analysis import tables
        from ..plan import content
        from ..plan.figure import axes, defined

        specs, metrics = defined(definition)
        folders = dict.fromkeys(file.parents[1] for file in records or [])
        of = content.table(definition, content.records(folders))
        table = tables.measure(specs, metrics, folders)
        if draw := axes(definition):
            table.attrs["draw"] = draw
        tables.write(out, table)
        if of is not None:
            content.write(out, of)


@verb("write claims, pictures and plotted numbers", kind=RULES)
def figure(
    figure: Annotated[str, typer.Argument(metavar="FIGURE", help="<paper>/<figure>.")],
    scale: Annotated[str, typer.Option(metavar="NAME", help="The scale that captions name.")],
    table: Annotated[Path, path("--table", metavar="FILE", help="The table that `measure` wrote.")],
    claims: Annotated[Path, path("--claims", metavar="FILE", help="The file of claims to write.")],
    out: Annotated[Path, path("--out", metavar="FILE", help="The SVG; others go beside it.")],
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="METRIC", help="After --metrics: metrics in the config's order."),
    ] = None,
    listed: Annotated[bool, typer.Option("--metrics", help="Mark that metrics follow.")] = False,
) -> None:
    """Judge and draw one figure from its table."""
    with uncollected():
        from .. import figures
        from ..plan import content

        of_table = content.read(table)
        figures.make(figure, scale, table, claims, out.with_suffix(""), metrics or [])
        of = content.figure(figure, scale, metrics or [], of_table)
        if of is not None:
            content.write(out, of)
