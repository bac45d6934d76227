"""These verbs stand beside the workflow: they say what it would make, and make further pages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..base import paths
from ._verb import CONFIG, PUBLISHED, arg, verb


def _gpus(text: str) -> int:
    """Return a number of GPUs; argparse says what is wrong with another text."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not in 1 to 1024")
    return int(text)


@verb(
    "figures, runs, packs, steps, time, and what is new",
    *CONFIG,
    arg("--json", action="store_true", help="for a program; times in seconds, memory in MB"),
    arg("--gpus", type=_gpus, default=1, metavar="N",
        help="how long it takes on a machine with N GPUs (1 to 1024)"),
    example="plan --scale paper",
)  # fmt: skip
def plan(args: argparse.Namespace) -> None:
    """Print what a scale would make and how long it would take; trains and writes nothing."""
    from ..plan import papers, summary
    from ..plan.plan import make_plan

    plan = make_plan(*papers.of_scale(args.scale, args.configfile))
    facts = summary.summary(plan, args.gpus)
    print(summary.as_json(facts) if args.json else summary.text(facts))


@verb(
    "the runs of a figure: what varies, what does not, run ids and packs",
    arg("figure", help="<paper>/<figure>, e.g. galanti2025rank/fig12"),
    arg("--scale", action="append",
        help="smoke, small, paper or published; else what config.yaml says; given twice, the two"
        " stand side by side"),
    *CONFIG[1:],
    arg("--csv", action="store_true", help="as CSV, with every field as a column"),
    example="runs galanti2025rank/fig12 --scale small --scale paper",
)  # fmt: skip
def runs(args: argparse.Namespace) -> None:
    """Print the runs of a figure at a scale.

    A line per run has the fields that vary, its id and its pack; the fields that all runs share
    stand above. Of several scales a line per field has the values at each.
    """
    from ..base.errors import UserError
    from ..plan import papers, runs
    from ..plan.plan import make_plan

    scales = args.scale or [None]
    if args.csv and len(scales) > 1:
        raise UserError("--csv: of one --scale at a time")
    plans = [make_plan(*papers.of_scale(scale, args.configfile)) for scale in scales]
    for warning in dict.fromkeys(said for plan in plans for said in plan.warnings):
        print(warning, file=sys.stderr)
    if args.csv:
        print(runs.as_csv(plans[0], args.figure), end="")
    elif len(plans) == 1:
        print(runs.text(plans[0], args.figure))
    else:
        print(runs.beside(plans, args.figure))


@verb(
    "live progress of the packs in training",
    arg("--results", type=paths.given, default=Path("results"),
        help="the folder of all scales (default: results)"),
    example="status",
)  # fmt: skip
def status(args: argparse.Namespace) -> None:
    """Print a line for every pack that is in training, of every scale."""
    from ..train import status

    print("\n".join(status.lines(args.results)))


@verb(
    "ranks of every matrix of your own checkpoints",
    arg("files", type=paths.given, nargs="+", metavar="FILE",
        help="written by torch.save or safetensors; a folder or an index.json of shards; several"
        " are a trajectory, in this order"),
    arg("--tolerance", type=float, action="append", metavar="T",
        help="relative to the norm of each matrix, in (0, 1); may be given several times"
        " (default: 1e-3)"),
    arg("--norm", choices=("frobenius", "spectral", "both"), default="both",
        help="what the tolerance is relative to (default: both)"),
    arg("--layout", action="append", default=[], metavar="PATTERN=KIND",
        help="what tensors of three dimensions or more are, where name and shape do not tell, as"
        " 'up*.weight=transposed'; kernel, transposed, expert or embedding"),
    arg("--csv", action="store_true", help="every tensor with every column, as CSV"),
    arg("--json", action="store_true", help="the same as a JSON list"),
    arg("--plot", type=paths.given, metavar="OUT", help="a picture: .svg, .png or .pdf"),
    example="spectrum epoch*.pt --tolerance 0.03 --plot ranks.svg",
)  # fmt: skip
def spectrum(args: argparse.Namespace) -> None:
    """Print a row for every weight matrix: shape, norm, ranks, stable rank.

    Nested checkpoints are walked; reparametrised weights (weight norm, spectral norm, pruning, LoRA
    pairs, float8 with scales) are what the network multiplies with. What has no rank is named with
    its reason. No code from a file is ever run.
    """
    from ..api import _show, spectrum
    from ..base.errors import UserError

    if args.csv and args.json:
        raise UserError("--csv and --json: choose one")
    norms = ("frobenius", "spectral") if args.norm == "both" else (args.norm,)
    bar = _show.Bar()
    for given in args.layout:
        if not given.partition("=")[1]:
            raise UserError(f"--layout {given}: is not PATTERN=KIND, as 'up*.weight=transposed'")
    try:
        layouts = dict(given.rpartition("=")[::2] for given in args.layout)
        table = spectrum.table(args.files, args.tolerance or [1e-3], norms, layouts, bar)
    finally:
        bar.clear()
    if args.plot:
        _show.plot(table, args.plot)
    as_text = _show.as_csv if args.csv else _show.as_json if args.json else _show.text
    print(as_text(table).rstrip("\n"))


@verb(
    "copy finished packs to the tracked results",
    arg("packs", type=paths.given, nargs="+", help="folders of results/paper/packs"),
    arg("--to", type=paths.given, default=Path("results/published")),
    example="publish results/paper/packs/<pack>",
)
def publish(args: argparse.Namespace) -> None:
    """Copy finished packs, complete and with intact hashes, to the tracked results."""
    from ..train.publish import publish

    for folder in args.packs:
        print(publish(folder, args.to))


@verb(
    "results/published -> docs/results.md",
    PUBLISHED,
    arg("--out", type=paths.given, default=Path("docs/results.md")),
)
def evidence(args: argparse.Namespace) -> None:
    """Write the page of the results at the papers' own protocols."""
    from ..base.files import write_text
    from ..pages.evidence import page

    write_text(args.out, page(args.published))


@verb(
    "captions against numbers -> docs/errata.md",
    PUBLISHED,
    arg("--out", type=paths.given, default=Path("docs/errata.md")),
)
def errata(args: argparse.Namespace) -> None:
    """Write the page of the places where the papers' captions and numbers differ."""
    from ..base.files import write_text
    from ..pages.errata import page

    write_text(args.out, page(args.published))


@verb(
    "the JSON schema of a file of the config, as YAML",
    arg("file", nargs="?", default="config", choices=("config", "paper")),
)
def schema(args: argparse.Namespace) -> None:
    """Print the JSON schema of config.yaml, or of a paper's file."""
    from ..plan import schema

    print(schema.text(args.file), end="")
