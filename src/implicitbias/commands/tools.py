"""Verbs beside the workflow: what it would make, what it makes, and pages of what it has made."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ._verb import CONFIG, PUBLISHED, arg, verb


@verb(
    "figures, runs, packs, steps, time, and what is new",
    *CONFIG,
    arg("--json", action="store_true", help="for a program; times in seconds, memory in MB"),
    example="plan --scale paper",
)
def plan(args: argparse.Namespace) -> None:
    """Print what a scale would make and how long it would take; trains and writes nothing."""
    from ..plan import papers, summary
    from ..plan.plan import make_plan

    plan = make_plan(*papers.of_scale(args.scale, args.configfile))
    facts = summary.summary(plan)
    print(summary.as_json(facts) if args.json else summary.text(facts))


@verb(
    "the runs of a figure: what varies, what does not, run ids and packs",
    arg("figure", help="<paper>/<figure>, e.g. galanti2025rank/fig12"),
    *CONFIG,
    arg("--csv", action="store_true", help="as CSV, with every field as a column"),
    example="runs galanti2025rank/fig12 --scale paper",
)
def runs(args: argparse.Namespace) -> None:
    """Print the runs of a figure at a scale.

    A line per run has the fields that vary, its id and its pack; the fields that all runs share
    stand above.
    """
    from ..plan import papers, runs
    from ..plan.plan import make_plan

    plan = make_plan(*papers.of_scale(args.scale, args.configfile))
    print(*plan.warnings, sep="\n", file=sys.stderr, end="\n" if plan.warnings else "")
    if args.csv:
        print(runs.as_csv(plan, args.figure), end="")
    else:
        print(runs.text(plan, args.figure))


@verb(
    "live progress of the packs in training",
    arg("--results", type=Path, default=Path("results")),
)
def status(args: argparse.Namespace) -> None:
    """Print a line for every pack that is in training, of every scale."""
    from ..train import status

    print("\n".join(status.lines(args.results)))


@verb(
    "ranks of the matrices of a state dict",
    arg("file", type=Path, help="written by torch.save or safetensors"),
    arg("--tolerance", type=float, default=1e-3, help="relative to the norm of each matrix"),
    example="spectrum net.pt --tolerance 0.03",
)
def spectrum(args: argparse.Namespace) -> None:
    """Print a row for every weight matrix of a state dict: shape, norms and ranks."""
    from ..api import spectrum

    table = spectrum.table(args.file, args.tolerance)
    print(table.to_string(index=False, float_format="%.4g") if len(table) else "no matrices")


@verb(
    "copy finished packs to the tracked results",
    arg("packs", type=Path, nargs="+", help="folders of results/paper/packs"),
    arg("--to", type=Path, default=Path("results/published")),
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
    arg("--out", type=Path, default=Path("docs/results.md")),
)
def evidence(args: argparse.Namespace) -> None:
    """Write the page of the results at the papers' own protocols."""
    from ..base.files import write_text
    from ..pages.evidence import page

    write_text(args.out, page(args.published))


@verb(
    "captions against numbers -> docs/errata.md",
    PUBLISHED,
    arg("--out", type=Path, default=Path("docs/errata.md")),
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
