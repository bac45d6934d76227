"""Each rule of the workflow has a verb: pack, train, measure, figure, report, data."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..base.allocator import ALLOCATOR, uncollected
from ._verb import DATA_DIR, arg, verb


@verb(
    "write a pack.json",
    arg("--text", required=True, help="its content, as planned"),
    arg("out", type=Path),
)
def pack(args: argparse.Namespace) -> None:
    """Write a pack once; raise UserError where another pack has its name."""
    from ..plan import packs

    packs.write(args.out, args.text)


@verb(
    "train a pack: pack.json -> records",
    arg("pack", type=Path, help="the pack.json; records are written beside it"),
    DATA_DIR,
    arg("--device", default="cpu", choices=("cpu", "cuda")),
    arg("--threads", type=int, default=1, help="of one process"),
    arg("--checkpoint-seconds", type=float, default=60.0, help="between two checkpoints"),
    arg("--scratch-dir", default="", help="copy the data sets here before reading"),
    example="train results/small/packs/<pack>/pack.json",
)
def train(args: argparse.Namespace) -> None:
    """Train a pack to the end, from its checkpoint if there is one."""
    if sys.platform == "linux" and not ALLOCATOR.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "implicitbias", *sys.argv[1:]]
        threads = {"OMP_NUM_THREADS": str(args.threads)}
        os.execve(sys.executable, command, {**os.environ, **threads, **ALLOCATOR})
    from ..train.pack import train

    folder = _near(args.pack, args.data_dir, args.scratch_dir)
    train(args.pack, folder, args.device, args.threads, args.checkpoint_seconds)


def _near(pack: Path, data_dir: Path, scratch_dir: str) -> Path:
    """Return the data folder, or the scratch folder, if one is given.

    The pack's data are copied to the scratch folder.
    """
    from .. import data
    from ..plan import packs

    scratch = Path(os.path.expandvars(scratch_dir))
    if scratch_dir:
        for name in {name for spec in packs.specs_of(pack) for name in spec.datasets}:
            data.copy_near(name, data_dir, scratch)
    return scratch if scratch_dir else data_dir


@verb(
    "records -> the table of a figure",
    arg("--definition", required=True, help="the figure's, as planned"),
    arg("--out", type=Path, required=True),
    arg("records", type=Path, nargs="*"),
)
def measure(args: argparse.Namespace) -> None:
    """Write the table of a figure: its metrics, computed from the records of its runs."""
    with uncollected():
        from ..analysis import tables
        from ..plan.figure import defined

        specs, metrics = defined(args.definition)
        folders = dict.fromkeys(path.parents[1] for path in args.records)
        tables.write(args.out, tables.measure(specs, metrics, folders))


@verb(
    "table -> claims, pictures and plotted numbers",
    arg("figure", help="<paper>/<figure>"),
    arg("--scale", required=True),
    arg("--table", type=Path, required=True),
    arg("--claims", type=Path, required=True),
    arg("--out", type=Path, required=True, help="the svg; others beside it"),
    arg("--metrics", nargs="*", default=[], help="in the order of the config"),
)
def figure(args: argparse.Namespace) -> None:
    """Judge and draw one figure from its table."""
    with uncollected():
        from .. import figures

        stem = args.out.with_suffix("")
        figures.make(args.figure, args.scale, args.table, args.claims, stem, args.metrics)


@verb(
    "results/<scale> -> report.html, or a comparison",
    arg("results", type=Path, help="results/<scale>, or its config.json"),
    arg("--out", type=Path, help="by default report.html in that folder"),
    arg("--against", type=Path, help="another such folder: both, side by side"),
    arg("--published", type=Path, help="figures at scale paper to show as well"),
    example="report results/small --against results/published",
)
def report(args: argparse.Namespace) -> None:
    """Write the report of a scale, or the comparison of two, and print its path."""
    from ..pages.report import build
    from ..pages.report.compare import compare
    from ..plan import config
    from ..plan.plan import make_plan

    file = args.results if args.results.suffix == ".json" else args.results / "config.json"
    if args.against:
        other = args.against.parent if args.against.suffix == ".json" else args.against
        out = args.out or file.with_name(f"compare-{other.resolve().name}.html")
        compare(file.parent, other, out)
        return print(out)
    plan = make_plan(*config.load([file]), file.absolute().parents[1])
    out = args.out or file.with_name("report.html")
    build(plan, out, args.published)
    print(out)


@verb(
    "data fetch NAME: get and check a data set",
    arg("action", choices=("fetch",)),
    arg("name"),
    DATA_DIR,
    example="data fetch cifar10",
)
def data(args: argparse.Namespace) -> None:
    """Get a data set, check its hash, and print the path of the cached file."""
    from .. import data
    from ..base import registry

    registry.known("data set", args.name, data.names())
    print(data.fetch(args.name, args.data_dir))
