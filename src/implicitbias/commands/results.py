"""Verbs that fetch data sets and make pages of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base.errors import UserError
from ._app import USER, DataDir, Group, Quiet, app, argument, path, verb

_MAKES = {"smoke": "make smoke", "small": "make figures", "published": "make paper-figures",
          "paper": "snakemake --config scale=paper"}  # fmt: skip


@verb(
    "write the report of a scale, or compare two",
    "report results/small --against results/published",
)
def report(
    results: Annotated[Path, argument("Folder results/<scale>, or its config.json.", "RESULTS")],
    out: Annotated[
        Path | None,
        path("--out", metavar="FILE", help="The page; by default report.html in that folder."),
    ] = None,
    against: Annotated[
        Path | None, path("--against", help="Another such folder, to compare with.")
    ] = None,
    published: Annotated[
        Path | None, path("--published", help="Figures at scale paper, to show as well.")
    ] = None,
) -> None:
    """Write the report of a scale, or the comparison of two, and print its path."""
    from ..pages.report import build
    from ..pages.report.compare import compare
    from ..plan import content
    from ..plan.plan import of_results
    from ..plan.standing import Standing

    file = results if results.suffix == ".json" else results / "config.json"
    if not file.exists() and not against:
        made = _MAKES.get(file.parent.name, "make figures")
        raise UserError(f"{file}: is not there; the workflow leaves it in results/<scale>: {made}")
    if against:
        other = against.parent if against.suffix == ".json" else against
        out = out or file.with_name(f"compare-{other.resolve().name}.html")
        compare(file.parent, other, out)
        return print(out)
    plan = of_results(file.parent)
    out = out or file.with_name("report.html")
    build(plan, out, published)
    of = Standing(plan, file.read_text(encoding="utf-8")).wanted[plan.results / "report.html"]
    if of is not None and out.parent.resolve() == plan.results.resolve():
        content.write(out, of)
    print(out)


data = typer.Typer(cls=Group, rich_markup_mode=None)
app.add_typer(
    data, name="data", short_help="list data sets, or fetch and check one",
    help="List data sets, or fetch and check one.", rich_help_panel=USER,
)  # fmt: skip


@verb("list all data sets and their state here", "data list", group=data)
def list(data_dir: DataDir = Path("data")) -> None:
    """Print every data set.

    Each line says whether the data set is present, can be fetched or must be placed by hand, how
    many images it has for training and testing, who published it, and which addresses and packages
    are asked for it.
    """
    from .. import data

    for name in data.names():
        facts = data.info(name)
        images = f"{facts.n_train:,} + {facts.n_test:,} images"
        asked = f" (from {', '.join(data.origins(name))})" if data.origins(name) else ""
        print(f"{name:<18} {data.state(name, data_dir):<15} {images:<25} {facts.source}{asked}")


@verb("fetch a data set, check its hash, print its path", "data fetch cifar10", group=data)
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `data list`.")],
    data_dir: DataDir = Path("data"),
    quiet: Quiet = False,
) -> None:
    """Fetch a data set, check its hash, and print the path of the cached file."""
    from .. import data
    from ..base import registry

    registry.known("data set", name, data.names())
    print(data.fetch(name, data_dir, (lambda _: None) if quiet else print))
