"""Each rule of the workflow has a verb: pack, train, measure, figure, report, data."""

from __future__ import annotations

import argparse
import os
import sys

from ..base import paths
from ..base.allocator import ALLOCATOR, uncollected
from ..base.errors import UserError
from ._verb import DATA_DIR, arg, verb


@verb(
    "write a pack.json",
    arg("--text", required=True, help="its content, as planned"),
    arg("out", type=paths.given),
)
def pack(args: argparse.Namespace) -> None:
    """Write a pack once; raise UserError where another pack has its name."""
    from ..plan import packs

    packs.write(args.out, args.text)


@verb(
    "train a pack: pack.json -> records",
    arg("pack", type=paths.given, help="the pack.json; records are written beside it"),
    DATA_DIR,
    arg("--device", default="cpu", choices=("cpu", "cuda")),
    arg("--threads", type=int, default=1, help="of one process"),
    arg("--checkpoint-seconds", type=float, default=60.0, help="between two checkpoints"),
    arg("--scratch-dir", default="", help="copy the data sets here before reading"),
    arg("--wait", action="store_true", help="for another process that trains this pack"),
    example="train results/small/packs/<pack>/pack.json",
)
def train(args: argparse.Namespace) -> None:
    """Train a pack to the end, from its checkpoint if there is one."""
    if sys.platform == "linux" and not ALLOCATOR.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "implicitbias", *sys.argv[1:]]
        threads = {"OMP_NUM_THREADS": str(args.threads)}
        os.execve(sys.executable, command, {**os.environ, **threads, **ALLOCATOR})
    from ..train.pack import train

    scratch = paths.scratch(args.scratch_dir) if args.scratch_dir else None
    train(
        args.pack, args.data_dir, args.device, args.threads, args.checkpoint_seconds,
        wait=args.wait, scratch=scratch,
    )  # fmt: skip


@verb(
    "records -> the table of a figure",
    arg("--definition", required=True, help="the figure's, as planned"),
    arg("--out", type=paths.given, required=True),
    arg("records", type=paths.given, nargs="*"),
)
def measure(args: argparse.Namespace) -> None:
    """Write the table of a figure: its metrics, computed from the records of its runs."""
    with uncollected():
        from ..analysis import tables
        from ..plan import content
        from ..plan.figure import defined

        specs, metrics = defined(args.definition)
        folders = dict.fromkeys(path.parents[1] for path in args.records)
        of = content.table(args.definition, content.records(folders))
        tables.write(args.out, tables.measure(specs, metrics, folders))
        if of is not None:
            content.write(args.out, of)


@verb(
    "table -> claims, pictures and plotted numbers",
    arg("figure", help="<paper>/<figure>"),
    arg("--scale", required=True),
    arg("--table", type=paths.given, required=True),
    arg("--claims", type=paths.given, required=True),
    arg("--out", type=paths.given, required=True, help="the svg; others beside it"),
    arg("--metrics", nargs="*", default=[], help="in the order of the config"),
)
def figure(args: argparse.Namespace) -> None:
    """Judge and draw one figure from its table."""
    with uncollected():
        from .. import figures
        from ..plan import content

        stem = args.out.with_suffix("")
        of_table = content.read(args.table)
        figures.make(args.figure, args.scale, args.table, args.claims, stem, args.metrics)
        of = content.figure(args.figure, args.scale, args.metrics, of_table)
        if of is not None:
            content.write(args.out, of)


_MAKES = {"smoke": "make smoke", "small": "make figures", "published": "make paper-figures",
          "paper": "snakemake --config scale=paper"}  # fmt: skip


@verb(
    "results/<scale> -> report.html, or a comparison",
    arg("results", type=paths.given, help="results/<scale>, or its config.json"),
    arg("--out", type=paths.given, help="by default report.html in that folder"),
    arg("--against", type=paths.given, help="another such folder: both, side by side"),
    arg("--published", type=paths.given, help="figures at scale paper to show as well"),
    example="report results/small --against results/published",
)
def report(args: argparse.Namespace) -> None:
    """Write the report of a scale, or the comparison of two, and print its path."""
    from ..pages.report import build
    from ..pages.report.compare import compare
    from ..plan import config, content
    from ..plan.plan import make_plan
    from ..plan.standing import Standing

    file = args.results if args.results.suffix == ".json" else args.results / "config.json"
    if not file.exists() and not args.against:
        made = _MAKES.get(file.parent.name, "make figures")
        raise UserError(f"{file}: is not there; the workflow leaves it in results/<scale>: {made}")
    if args.against:
        other = args.against.parent if args.against.suffix == ".json" else args.against
        out = args.out or file.with_name(f"compare-{other.resolve().name}.html")
        compare(file.parent, other, out)
        return print(out)
    plan = make_plan(*config.load([file]), file.absolute().parents[1])
    out = args.out or file.with_name("report.html")
    build(plan, out, args.published)
    of = Standing(plan, file.read_text(encoding="utf-8")).wanted[plan.results / "report.html"]
    if of is not None and out.parent.resolve() == plan.results.resolve():
        content.write(out, of)
    print(out)


@verb(
    "data list, or data fetch NAME: which data sets there are; get and check one",
    arg("action", choices=("fetch", "list")),
    arg("name", nargs="?", help="of fetch: a data set"),
    DATA_DIR,
    example="data fetch cifar10",
)
def data(args: argparse.Namespace) -> None:
    """Get a data set, check its hash, and print the path of the cached file; or list them all.

    The list says of each whether it is there, can be fetched or must be placed by hand; how many
    images it has for training and testing; and from where it is.
    """
    from .. import data
    from ..base import registry

    if (args.action == "list") != (args.name is None):
        raise UserError("say `data list`, or `data fetch` and the name of one")
    if args.action == "list":
        for name in data.names():
            facts = data.info(name)
            images = f"{facts.n_train:,} + {facts.n_test:,} images"
            print(f"{name:<14} {data.state(name, args.data_dir):<15} {images:<25} {facts.source}")
        return
    registry.known("data set", args.name, data.names())
    print(data.fetch(args.name, args.data_dir))
