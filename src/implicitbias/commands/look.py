"""Verbs that show what the workflow would make and how far it is, without training or writing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..base.errors import UserError
from ._app import SCALES, ConfigFiles, Scale, path, verb


@verb("print figures, runs, packs and time of a scale, and what is new", "plan --scale paper")
def plan(
    scale: Scale = None,
    configfile: ConfigFiles = [],  # noqa: B006
    gpus: Annotated[
        int,
        typer.Option(min=1, max=1024, metavar="N", help="Print the time with N GPUs at once."),
    ] = 1,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; times in seconds, memory in MB.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask SLURM whether it would accept these jobs; exit code"
                           " 1 if not.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the summary.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print also every pack, its steps and time.")
    ] = False,
) -> None:  # fmt: skip
    """Print what a scale would make and how long it would take.

    The summary comes first, then a line for every figure. Nothing is trained or written. Times are
    estimates for one core or device, corrected by the packs that were trained here.
    """
    from ..plan import check as checks
    from ..plan import papers, summary
    from ..plan.plan import make_plan

    planned = make_plan(*papers.of_scale(scale, configfile))
    if check:
        problems = checks.problems(planned)
        kinds = len(checks.asks(planned))
        print("\n".join(problems) or f"SLURM would take all jobs, of {kinds} kinds")
        raise typer.Exit(bool(problems))
    facts = summary.summary(planned, gpus)
    print(summary.as_json(facts) if json else summary.text(facts, 0 if quiet else 1 + verbose))


@verb(
    "print the runs of a figure: fields, run ids, packs",
    "runs galanti2025rank/fig12 --scale small --scale paper",
)
def runs(
    figure: Annotated[str, typer.Argument(metavar="FIGURE", help="<paper>/<figure>, or a sweep.")],
    scale: Annotated[
        list[str],
        typer.Option(metavar="NAME", show_default=False,
                     help=f"{SCALES}. Given twice, both are shown side by side."),
    ] = [],  # noqa: B006
    configfile: ConfigFiles = [],  # noqa: B006
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one column a field.")] = False,
) -> None:  # fmt: skip
    """Print the runs of a figure, or of a sweep, at a scale.

    Each run has a line with the fields that vary, its id and its pack. The fields that all runs
    share come first. For several scales, each field has a line with its values at every scale.
    """
    from ..plan import papers, runs
    from ..plan.plan import make_plan

    scales: list[str | None] = [*scale] or [None]
    if csv and len(scales) > 1:
        raise UserError("--csv: of one --scale at a time")
    plans = [make_plan(*papers.of_scale(name, configfile, sweep=figure)) for name in scales]
    if papers.own_figure(figure) in plans[0].figures:
        figure = papers.own_figure(figure)
    for warning in dict.fromkeys(said for plan in plans for said in plan.warnings):
        print(warning, file=sys.stderr)
    if csv:
        print(runs.as_csv(plans[0], figure), end="")
    elif len(plans) == 1:
        print(runs.text(plans[0], figure))
    else:
        print(runs.beside(plans, figure))


@verb("print how far the training of every scale is", "status")
def status(
    results: Annotated[Path, path("--results", help="The folder of all scales.")] = Path("results"),
) -> None:
    """Print how far the training of every scale is.

    A scale has a line with the numbers of packs that are done, in training, failed and to come, and
    about how long the rest takes if as many packs train at once as now. Each pack in training has a
    line with its steps per second, and each pack that failed has a line with the error and the log.
    Each job of this folder that waits in SLURM's queue has a line with SLURM's reason.
    """
    from ..train import status

    print("\n".join(status.lines(results)))
