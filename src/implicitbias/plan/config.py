"""The typed config says where to run, and has the resolved figures and sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    NonNegativeInt,
    ValidationError,
)

from ..base import paths, studies
from ..base.errors import UserError
from .cluster import Cluster, Request
from .overlays import Layer, Sources, merged, read, without_nulls
from .samples import Model as Model
from .samples import Random as Random
from .samples import Values as Values
from .spec import explain, first_problem

Scale = Literal["smoke", "small", "paper", "published"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$", max_length=60)]
Seeds = Annotated[list[NonNegativeInt], Field(min_length=1)]
PositiveCount = Annotated[int, Field(gt=0)]
ZIP = "Field -> as many values as the others here: they vary together, and with the grid."
RANDOM = "Random samples of fields, with each of which every combination of the grid is run."
DRAW = "Of a figure own/<name>, which is drawn without code: what stands on its axes."


M = TypeVar("M", bound=Model)


class Sweep(Model):
    """A set of runs: every combination of the grid's values on top of the base, for every seed."""

    base: dict[str, Any] = Field(
        description="Fields that all runs share, those of the run's procedure (default: sgd)."
    )
    grid: dict[str, Values] = Field(
        default={}, description="Field -> the values that it takes; all combinations are run."
    )
    zip: dict[str, Values] | None = Field(default=None, description=ZIP)
    random: Random | None = Field(default=None, description=RANDOM)
    seeds: Seeds = Field(
        description="Each seeds the initialisation and the order of the data of its runs, in random"
        " streams of their own [1]."
    )
    resources: Request = Field(
        default=Request(),
        description="What packs of these runs request of a cluster instead of the estimate.",
    )


class Selection(Model):
    """The runs that a figure takes from a sweep."""

    sweep: str = Field(description="The name of a sweep.")
    where: dict[str, Values] = Field(
        default={}, description="Field -> the values to keep. Without it: the whole sweep."
    )
    optional: bool = Field(
        default=False,
        description="Leave out, while planning, the runs whose data set is neither in data_dir nor"
        " placed there by hand. The figure says so.",
    )


class Drawing(Model):
    """The axes of a figure `own/<name>`, which needs no code."""

    x: str | None = Field(
        default=None,
        description="Field on the horizontal axis, or `epoch` or `step` for whole trainings."
        " Without it: the first field that varies.",
    )
    panels: str | None = Field(
        default=None, description="Field whose values have a column of panels each."
    )


class FigureEntry(Model):
    """The data of a figure: the runs that it draws, and the metrics that it draws of them."""

    runs: Annotated[list[Selection], Field(min_length=1)] = Field(
        description="The runs that are drawn, from one sweep or several; each run once."
    )
    metrics: Annotated[list[str], Field(min_length=1)] = Field(
        description="What is measured of each run. The first rank metric is the one drawn large."
    )
    draw: Drawing | None = Field(default=None, description=DRAW)


def _a_path(text: str) -> str:
    # Snakemake reads braces as wildcards, and commands a dash as an option. Snakemake's scripts for
    # the jobs of a cluster quote as Python does, where a shell would run what is in $() and ``.
    if not text.strip() or not text.isprintable() or text[0] == "-" or {*text} & {*'{}"$`\\'}:
        raise ValueError(
            'must be a path without {, }, ", $, `, \\ and control characters, not empty nor -...'
        )
    return paths.home(text)


class Settings(Model):
    """The keys of config.yaml except figures and sweeps: what to make, and where to run it."""

    scale: Scale = Field(
        default="small",
        description="smoke: seconds, for tests. small: every figure on two CPU cores. paper: the"
        " papers' own protocols. published: what results/published holds of those.",
    )
    results: Name | None = Field(
        default=None,
        description="The folder below results/ for what is made. By default the scale's name.",
    )
    papers: list[str] | None = Field(
        default=None,
        description="Which papers, or single figures as <paper>/<figure>. Without it: all papers."
        " Figures for which `figures` gives runs are made in any case.",
    )
    studies: list[Annotated[str, AfterValidator(_a_path)]] | None = Field(
        default=None,
        description="Folders of studies: models, datasets, metrics, observers and figures of your"
        " own, found as the built-in ones are.",
    )
    train: list[str] | None = Field(
        default=None,
        description="Sweeps to train that no figure takes runs from. Each gets a figure"
        " own/<sweep>, a table and lines.",
    )
    data_dir: Annotated[str, AfterValidator(_a_path)] = Field(
        default="data", description="The folder where data sets are cached."
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="Where packs train whose procedure can use a GPU."
    )
    # At most 256: a pack travels to its job on a command line, which holds 128 kB.
    pack_size: dict[Literal["cpu", "cuda"], Annotated[int, Field(gt=0, le=256)]] = Field(
        default={"cpu": 16, "cuda": 64},
        description="Most runs that one process trains together, by device [runs].",
    )
    memory_mb: dict[Literal["cpu", "cuda"], PositiveCount] = Field(
        default={"cpu": 8000, "cuda": 40000},
        description="Most memory of one training, by device. Packs whose estimate is above it are"
        " split [MB].",
    )
    checkpoint_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=60.0, description="Time between two checkpoints of a training [seconds]."
    )
    retries: NonNegativeInt = Field(
        default=2,
        description="How often a training that ended early is started again. It resumes from its"
        " checkpoint [times].",
    )
    trained_only: bool = Field(
        default=False, description="Draw the runs that have records, and train nothing."
    )
    cluster: Cluster = Field(default=Cluster(), description="Where jobs go on a cluster.")


class Config(Settings):
    """The resolved config, with every figure and every sweep that it takes runs from."""

    figures: dict[str, FigureEntry] = Field(description="<paper>/<figure> -> runs and metrics.")
    sweeps: dict[Name, Sweep] = Field(description="Name -> a set of runs.")


def load(files: Sequence[Path]) -> tuple[Config, Sources]:
    """Return the config of files that hold all of it, as config.json does; later files override."""
    layers = [Layer(path, read(path)) for path in files]
    sources = Sources(layers)
    tree = merged(layers)
    made = files[0].name == "config.json" and len(files[0].absolute().parents) > 2
    use_studies(tree.get("studies"), sources, files[0].absolute().parents[2] if made else Path())
    return parse(tree, sources), sources


def use_studies(folders: Any, sources: Sources, home: Path = Path()) -> None:
    """Take the studies of a config into use: first of all, as models and metrics are theirs.

    home: the folder from which their paths go, in which results/<scale>/config.json lies.
    """
    for i, folder in enumerate(folders if isinstance(folders, list) else ()):
        try:
            if isinstance(folder, str):
                studies.use([home / paths.home(folder)])
        except UserError as error:
            raise sources.error(("studies", i), str(error)) from None


def parse(tree: Mapping[str, Any], sources: Sources) -> Config:
    """Return the typed config of a tree; a UserError names file, key, value and what is allowed."""
    return typed(Config, tree, sources)


def typed(kind: type[M], tree: Mapping[str, Any], sources: Sources) -> M:
    """Return a tree without its nulls as a model, or raise its first problem with file and key."""
    try:
        return kind.model_validate(without_nulls(tree))
    except ValidationError as error:
        raise _located(kind, error, sources) from None


def _located(kind: type[Model], error: ValidationError, sources: Sources) -> UserError:
    first = first_problem(error)
    loc = tuple(part for part in first["loc"] if part != "[key]")
    message = explain(error, _fields_at(kind, loc[:-1]))
    return sources.error(loc, message.removeprefix(".".join(map(str, first["loc"])) + ": "))


def _fields_at(kind: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that exist at the place of an unknown one."""
    for part in loc:
        if part in kind.model_fields:
            kind = next(_models(kind.model_fields[str(part)].annotation), kind)
    return tuple(kind.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
