"""`python -m implicitbias <verb>`: a verb per rule, and plan, status, data, spectrum.

Imports stand inside the verbs: planning must not load torch, nor training matplotlib.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .base.allocator import ALLOCATOR, uncollected
from .base.errors import UserError


def _pack(args: argparse.Namespace) -> None:
    from .plan import packs

    packs.write(args.out, args.text)


def _train(args: argparse.Namespace) -> None:
    if sys.platform == "linux" and not ALLOCATOR.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "implicitbias", *sys.argv[1:]]
        threads = {"OMP_NUM_THREADS": str(args.threads)}
        os.execve(sys.executable, command, {**os.environ, **threads, **ALLOCATOR})
    from .train.pack import train

    folder = _near(args.pack, args.data_dir, args.scratch_dir)
    train(args.pack, folder, args.device, args.threads, args.checkpoint_seconds)


def _near(pack: Path, data_dir: Path, scratch_dir: str) -> Path:
    """The data folder, or, if a scratch folder is given, that with copies of the pack's data."""
    from . import data
    from .plan import packs

    scratch = Path(os.path.expandvars(scratch_dir))
    if scratch_dir:
        for name in {name for spec in packs.specs_of(pack) for name in spec.datasets}:
            data.copy_near(name, data_dir, scratch)
    return scratch if scratch_dir else data_dir


def _measure(args: argparse.Namespace) -> None:
    with uncollected():
        from .analysis import tables
        from .plan.figure import defined

        specs, metrics = defined(args.definition)
        folders = dict.fromkeys(path.parents[1] for path in args.records)
        tables.write(args.out, tables.measure(specs, metrics, folders))


def _figure(args: argparse.Namespace) -> None:
    with uncollected():
        from . import figures

        figures.make(args.figure, args.scale, args.table, args.claims, args.out.with_suffix(""))


def _report(args: argparse.Namespace) -> None:
    from .pages.report import build
    from .pages.report.compare import compare
    from .plan import config
    from .plan.plan import make_plan

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


def _data(args: argparse.Namespace) -> None:
    from . import data
    from .base import registry

    registry.known("data set", args.name, data.names())
    print(data.fetch(args.name, args.data_dir))


def _plan(args: argparse.Namespace) -> None:
    from .plan import papers, summary
    from .plan.plan import make_plan

    plan = make_plan(*papers.of_scale(args.scale, args.configfile))
    facts = summary.summary(plan)
    print(summary.as_json(facts) if args.json else summary.text(facts))


def _runs(args: argparse.Namespace) -> None:
    from .plan import papers, runs
    from .plan.plan import make_plan

    plan = make_plan(*papers.of_scale(args.scale, args.configfile))
    print(*plan.warnings, sep="\n", file=sys.stderr, end="\n" if plan.warnings else "")
    if args.csv:
        print(runs.as_csv(plan, args.figure), end="")
    else:
        print(runs.text(plan, args.figure))


def _status(args: argparse.Namespace) -> None:
    from .train import status

    print("\n".join(status.lines(args.results)))


def _spectrum(args: argparse.Namespace) -> None:
    from .api import spectrum

    table = spectrum.table(args.file, args.tolerance)
    print(table.to_string(index=False, float_format="%.4g") if len(table) else "no matrices")


def _publish(args: argparse.Namespace) -> None:
    from .train.publish import publish

    for folder in args.packs:
        print(publish(folder, args.to))


def _evidence(args: argparse.Namespace) -> None:
    from .base.files import write_text
    from .pages.evidence import page

    write_text(args.out, page(args.published))


def _errata(args: argparse.Namespace) -> None:
    from .base.files import write_text
    from .pages.errata import page

    write_text(args.out, page(args.published))


def _schema(args: argparse.Namespace) -> None:
    from .plan import schema

    print(schema.text(args.file), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m implicitbias", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="verb")

    pack = verbs.add_parser("pack", help="write a pack.json")
    pack.add_argument("--text", required=True, help="its content, as planned")
    pack.add_argument("out", type=Path)
    pack.set_defaults(do=_pack)

    train = verbs.add_parser("train", help="train a pack: pack.json -> records")
    train.add_argument("pack", type=Path, help="the pack.json; records are written beside it")
    train.add_argument("--data-dir", type=Path, default=Path("data"))
    train.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--checkpoint-seconds", type=float, default=60.0)
    train.add_argument("--scratch-dir", default="", help="copy the data sets here before reading")
    train.set_defaults(do=_train)

    measure = verbs.add_parser("measure", help="records -> the table of a figure")
    measure.add_argument("--definition", required=True, help="the figure's, as planned")
    measure.add_argument("--out", type=Path, required=True)
    measure.add_argument("records", type=Path, nargs="*")
    measure.set_defaults(do=_measure)

    figure = verbs.add_parser("figure", help="table -> claims, pictures and plotted numbers")
    figure.add_argument("figure", help="<paper>/<figure>")
    figure.add_argument("--scale", required=True)
    figure.add_argument("--table", type=Path, required=True)
    figure.add_argument("--claims", type=Path, required=True)
    figure.add_argument("--out", type=Path, required=True, help="the svg; others beside it")
    figure.set_defaults(do=_figure)

    report = verbs.add_parser("report", help="results/<scale> -> report.html, or a comparison")
    report.add_argument("results", type=Path, help="results/<scale>, or its config.json")
    report.add_argument("--out", type=Path, help="by default report.html in that folder")
    report.add_argument("--against", type=Path, help="another such folder: both, side by side")
    report.add_argument("--published", type=Path, help="figures at scale paper to show as well")
    report.set_defaults(do=_report)

    data = verbs.add_parser("data", help="data fetch NAME: get and check a data set")
    data.add_argument("action", choices=("fetch",))
    data.add_argument("name")
    data.add_argument("--data-dir", type=Path, default=Path("data"))
    data.set_defaults(do=_data)

    plan = verbs.add_parser("plan", help="figures, runs, packs, steps, time, and what is new")
    _add_config(plan)
    plan.add_argument("--json", action="store_true")
    plan.set_defaults(do=_plan)

    runs = verbs.add_parser(
        "runs",
        help="the runs of a figure: what varies, what does not, run ids and packs",
        description="The runs of a figure, as they are trained at a scale: a line per run with the"
        " fields that vary, its id and its pack; the fields that all runs share stand above.",
        epilog="example: python -m implicitbias runs galanti2025rank/fig12 --scale paper",
    )
    runs.add_argument("figure", help="<paper>/<figure>, e.g. galanti2025rank/fig12")
    _add_config(runs)
    runs.add_argument("--csv", action="store_true", help="as CSV, with every field as a column")
    runs.set_defaults(do=_runs)

    status = verbs.add_parser("status", help="live progress of the packs in training")
    status.add_argument("--results", type=Path, default=Path("results"))
    status.set_defaults(do=_status)

    spectrum = verbs.add_parser("spectrum", help="ranks of the matrices of a state dict")
    spectrum.add_argument("file", type=Path)
    spectrum.add_argument("--tolerance", type=float, default=1e-3)
    spectrum.set_defaults(do=_spectrum)

    publish = verbs.add_parser("publish", help="copy finished packs to the tracked results")
    publish.add_argument("packs", type=Path, nargs="+", help="folders of results/paper/packs")
    publish.add_argument("--to", type=Path, default=Path("results/published"))
    publish.set_defaults(do=_publish)

    evidence = verbs.add_parser("evidence", help="results/published -> docs/results.md")
    evidence.add_argument("--published", type=Path, default=Path("results/published"))
    evidence.add_argument("--out", type=Path, default=Path("docs/results.md"))
    evidence.set_defaults(do=_evidence)

    errata = verbs.add_parser("errata", help="captions against numbers -> docs/errata.md")
    errata.add_argument("--published", type=Path, default=Path("results/published"))
    errata.add_argument("--out", type=Path, default=Path("docs/errata.md"))
    errata.set_defaults(do=_errata)

    schema = verbs.add_parser("schema", help="the JSON schema of a file of the config, as YAML")
    schema.add_argument("file", nargs="?", default="config", choices=("config", "paper"))
    schema.set_defaults(do=_schema)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scale", help="smoke, small, paper or published; else what config.yaml says"
    )
    parser.add_argument(
        "--configfile", type=Path, action="append", default=[], metavar="FILE",
        help="your own changes, over config.yaml; may be given several times",
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a UserError or an OSError is one line on stderr and exit code 1."""
    args = _parser().parse_args(argv)
    try:
        args.do(args)
    except UserError as error:
        print(f"error: {str(error).strip()}".replace("\n", " "), file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
