"""Verbs for a user's own studies and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..base.errors import UserError
from ._app import argument, path, verb


@verb("write a study of your own: model, sweep, figures", "init my_study")
def init(
    folder: Annotated[Path, argument("A new folder.", "FOLDER")],
) -> None:
    """Write a study that works: a model, a sweep of it, two figures and a Snakefile.

    `snakemake` in the new folder trains the runs and draws the figures, in less than a minute on
    two cores. You can then change every file; each says what it is for.
    """
    from ..api import study

    study.init(folder)
    print(f"{folder} is written. Now: cd {folder} && snakemake")


@verb(
    "print ranks of every matrix of your own checkpoints",
    "spectrum epoch*.pt --tolerance 0.03 --plot ranks.svg",
)
def spectrum(
    files: Annotated[
        list[Path],
        argument("A file of torch.save or safetensors, or a folder or an index.json of shards."
                 " Several files are a trajectory, in this order.", "FILE"),
    ],
    tolerance: Annotated[
        list[float],
        typer.Option(metavar="T", help="Tolerance relative to the norm of each matrix, in"
                     " (0, 1); may be given several times."),
    ] = [1e-3],  # noqa: B006
    norm: Annotated[
        Literal["frobenius", "spectral", "both"],
        typer.Option(help="The norm to which the tolerance is relative."),
    ] = "both",
    layout: Annotated[
        list[str],
        typer.Option(metavar="PATTERN=KIND", show_default=False,
                     help="The layout of tensors of three dimensions or more whose name and shape"
                     " do not show it, as 'up*.weight=transposed': kernel, transposed, expert or"
                     " embedding."),
    ] = [],  # noqa: B006
    csv: Annotated[
        bool, typer.Option("--csv", help="Print every tensor with every column, as CSV.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the rows of --csv as JSON.")] = False,
    plot: Annotated[
        Path | None, path("--plot", metavar="OUT", help="Draw a picture: .svg, .png or .pdf.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:  # fmt: skip
    """Print a row for every weight matrix: shape, norm, ranks, stable rank.

    Nested checkpoints are searched for tensors. Reparametrised weights (weight norm, spectral norm,
    pruning, LoRA pairs, float8 with scales) are combined into the weight that the network
    multiplies with. A tensor without a rank is named with the reason. No code from a file is ever
    run.
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
