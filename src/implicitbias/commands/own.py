"""These verbs are for one's own studies and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..base.errors import UserError
from ._app import argument, path, verb


@verb("a folder with a study of your own: model, sweep, figures", "init my_study")
def init(
    folder: Annotated[Path, argument("A new folder.", "FOLDER")],
) -> None:
    """Write a study that works: a model, a sweep of it, two figures and a Snakefile.

    `snakemake` in that folder trains and draws it, in less than a minute on two cores. Then change
    it: every file says what it is for.
    """
    from ..api import study

    study.init(folder)
    print(f"{folder} is written. Now: cd {folder} && snakemake")


@verb(
    "ranks of every matrix of your own checkpoints",
    "spectrum epoch*.pt --tolerance 0.03 --plot ranks.svg",
)
def spectrum(
    files: Annotated[
        list[Path],
        argument("Written by torch.save or safetensors; a folder or an index.json of shards."
                 " Several are a trajectory, in this order.", "FILE"),
    ],
    tolerance: Annotated[
        list[float],
        typer.Option(metavar="T", help="Relative to the norm of each matrix, in (0, 1); may be"
                     " given several times."),
    ] = [1e-3],  # noqa: B006
    norm: Annotated[
        Literal["frobenius", "spectral", "both"],
        typer.Option(help="What the tolerance is relative to."),
    ] = "both",
    layout: Annotated[
        list[str],
        typer.Option(metavar="PATTERN=KIND", show_default=False,
                     help="What tensors of three dimensions or more are, where name and shape do"
                     " not tell, as 'up*.weight=transposed'; kernel, transposed, expert or"
                     " embedding."),
    ] = [],  # noqa: B006
    csv: Annotated[
        bool, typer.Option("--csv", help="Every tensor with every column, as CSV.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as a JSON list.")] = False,
    plot: Annotated[
        Path | None, path("--plot", metavar="OUT", help="A picture: .svg, .png or .pdf.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:  # fmt: skip
    """Print a row for every weight matrix: shape, norm, ranks, stable rank.

    Nested checkpoints are walked; reparametrised weights (weight norm, spectral norm, pruning, LoRA
    pairs, float8 with scales) are what the network multiplies with. What has no rank is named with
    its reason. No code from a file is ever run.
    """
    from ..api import _show, spectrum

    if csv and json:
        raise UserError("--csv and --json: choose one")
    norms = ("frobenius", "spectral") if norm == "both" else (norm,)
    bar = None if quiet else _show.Bar()
    for given in layout:
        if not given.partition("=")[1]:
            raise UserError(f"--layout {given}: is not PATTERN=KIND, as 'up*.weight=transposed'")
    try:
        layouts = dict(given.rpartition("=")[::2] for given in layout)
        table = spectrum.table(files, tolerance, norms, layouts, bar)
    finally:
        if bar:
            bar.clear()
    if plot:
        _show.plot(table, plot)
    as_text = _show.as_csv if csv else _show.as_json if json else _show.text
    print(as_text(table).rstrip("\n"))
