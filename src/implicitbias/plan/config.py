"""The typed config: figures, sweeps, and where to run. Overlays merge as Snakemake merges them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from ..base import registry
from ..base.errors import UserError, shortened
from . import spec
from .cluster import Cluster, GpuPlace, Place, Request
from .spec import RunSpec, explain

# Scale -> the overlays over config.yaml, in workflow/scales.
SCALES: dict[str, tuple[str, ...]] = {
    "smoke": ("smoke",),
    "small": (),
    "paper": ("paper",),
    "published": ("paper", "published"),
}
DEEPEST, LARGEST_LEVEL, MOST_RUNS = 12, 100_000, 20_000
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$", max_length=60)]


class Model(BaseModel):
    """Frozen and strict: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Sweep(Model):
    """A set of runs: every combination of the grid's values on top of the base, for every seed."""

    base: dict[str, Any] = Field(description="fields that all runs share")
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={}, description="field -> the values it takes; all combinations are run"
    )
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)] = Field(
        description="each seeds initialisation and data order, in streams of their own"
    )
    resources: Request = Field(
        default=Request(), description="what its packs ask of a cluster, instead of the estimate"
    )


class Selection(Model):
    """The runs that a figure takes from a sweep."""

    sweep: str
    where: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={}, description="field -> the values to keep; without it the whole sweep"
    )
    optional: bool = Field(
        default=False,
        description="leave out, while planning, the runs whose data set is neither in data_dir nor"
        " placed there; the figure says so",
    )


class FigureEntry(Model):
    """A figure's data: which runs, and which metrics of them."""

    runs: Annotated[list[Selection], Field(min_length=1)]
    metrics: Annotated[list[str], Field(min_length=1)] = Field(
        description="the first rank metric listed is the one drawn large"
    )


def _a_path(text: str) -> str:
    # Snakemake reads braces as wildcards, and commands a dash as an option. Snakemake's scripts for
    # the jobs of a cluster quote as Python does, where a shell would run what is in $() and ``.
    if not text.strip() or not text.isprintable() or text[0] == "-" or {*text} & {*'{}"$`\\'}:
        raise ValueError(
            'must be a path without {, }, ", $, `, \\ and control characters, not empty nor -...'
        )
    return text


class Config(Model):
    """The whole of config.yaml with its overlays."""

    scale: Literal["smoke", "small", "paper", "published"]
    data_dir: Annotated[str, AfterValidator(_a_path)] = Field(
        default="data", description="where data sets are cached"
    )
    device: Literal["cpu", "cuda"] = "cpu"
    # At most 256: a pack travels to its job on a command line, which holds 128 kB.
    pack_size: dict[Literal["cpu", "cuda"], Annotated[int, Field(gt=0, le=256)]] = Field(
        default={"cpu": 16, "cuda": 64}, description="most runs in a pack, by device"
    )
    memory_mb: dict[Literal["cpu", "cuda"], Annotated[int, Field(gt=0)]] = Field(
        default={"cpu": 8000, "cuda": 40000},
        description="most memory of one training, by device: packs that would need more are split",
    )
    checkpoint_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    retries: Annotated[int, Field(ge=0)] = 2
    trained_only: bool = Field(
        default=False, description="draw the runs that have records, and train nothing"
    )
    cluster: Cluster = Field(default=Cluster(), description="where jobs go on a cluster")
    figures: dict[str, FigureEntry] = Field(description="<paper>/<figure> -> its runs and metrics")
    sweeps: dict[Name, Sweep]


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: mappings merge key by key, anything else replaces; null removes."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def without_nulls(tree: Any) -> Any:
    """The tree less every key whose value is null: how an overlay takes a key away."""
    if isinstance(tree, Mapping):
        return {k: without_nulls(v) for k, v in tree.items() if v is not None}
    return tree


def read(path: Path) -> dict[str, Any]:
    """One YAML or JSON file as a mapping; UserError if it is not one."""
    load = json.loads if path.suffix == ".json" else yaml.safe_load  # 1e-5 is text to YAML
    try:
        tree = load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except ValueError as error:  # an impossible date, an integer of thousands of digits
        raise UserError(f"{path}: {error}") from error
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: holds no mapping of keys to values")
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        parts = (p.values() if isinstance(p, dict) else p for p in level if _holds(p))
        level = list(itertools.islice(itertools.chain.from_iterable(parts), LARGEST_LEVEL))
    if level:
        raise UserError(f"{path}: is nested more than {DEEPEST} deep, or contains itself")
    return tree


def _holds(tree: Any) -> bool:
    return isinstance(tree, dict | list)


def load(files: Sequence[Path]) -> tuple[Config, Sources]:
    """The config of config.yaml and its overlays, later files over earlier ones."""
    trees = [(path, read(path)) for path in files]
    merged: dict[str, Any] = {}
    for _, tree in trees:
        merged = merge(merged, tree)
    sources = Sources(trees)
    return parse(merged, sources), sources


class Sources:
    """Which file a key came from: the last one that has it."""

    def __init__(self, trees: Sequence[tuple[Path, Mapping[str, Any]]] = ()) -> None:
        self.trees = trees

    def error(self, keys: Sequence[str | int], message: str) -> UserError:
        """`<file>: <key path>: <message>`."""
        return UserError(f"{self.file(keys)}: {'.'.join(map(str, keys))}: {message}")

    def file(self, keys: Sequence[str | int]) -> str:
        """The last file with the longest part of the key path; `config` without files."""
        for length in range(len(keys), 0, -1):
            for path, tree in reversed(self.trees):
                if _has(tree, keys[:length]):
                    return str(path)
        return str(self.trees[0][0]) if self.trees else "config"


def _has(tree: Any, keys: Sequence[str | int]) -> bool:
    for key in keys:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def parse(tree: Mapping[str, Any], sources: Sources) -> Config:
    """The typed config; UserError names the file, the key, the value and what is allowed."""
    try:
        return Config.model_validate(without_nulls(tree))
    except ValidationError as error:
        first = error.errors()[0]
        loc = tuple(part for part in first["loc"] if part != "[key]")
        fields = _fields_at(loc[:-1])
        message = explain(error, fields).removeprefix(".".join(map(str, first["loc"])) + ": ")
        raise sources.error(loc, message) from None


def _fields_at(loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that exist where an unknown one was found."""
    model: type[BaseModel] = Config
    if loc[:1] == ("sweeps",):
        model = Request if "resources" in loc else Sweep
    elif loc[:1] == ("cluster",):
        model = {"cpu": Place, "gpu": GpuPlace}.get(str(loc[-1]), Cluster)
    elif loc[:1] == ("figures",):
        model = Selection if "runs" in loc else FigureEntry
    return tuple(model.model_fields)


def expand(name: str, sweep: Sweep, sources: Sources) -> list[RunSpec]:
    """Every run of a sweep, checked; errors name the key in the file."""
    here = ("sweeps", name)
    for key, values in {**sweep.grid, "seeds": sweep.seeds}.items():
        key_path = (*here, key) if key == "seeds" else (*here, "grid", key)
        if len({repr(v) for v in values}) < len(values):
            raise sources.error(key_path, f"{shortened(values)} names a value twice")
    for key in ("seed", *sweep.grid):
        if key in sweep.base:
            other = "seeds" if key == "seed" else "grid"
            said = f"{shortened(sweep.base[key])} also comes from {other}; keep one"
            raise sources.error((*here, "base", key), said)
    n = math.prod(map(len, sweep.grid.values())) * len(sweep.seeds)
    if n > MOST_RUNS:
        raise sources.error((*here, "grid"), f"makes {n} runs; a sweep has at most {MOST_RUNS}")
    runs = []
    for point in itertools.product(*sweep.grid.values(), sweep.seeds):
        fields = dict(zip([*sweep.grid, "seed"], point, strict=True))
        try:
            runs.append(spec.make({**sweep.base, **fields}))
        except UserError as error:
            key = str(error).partition(":")[0].strip()
            part = ("grid",) if key in sweep.grid else ("base",)
            at = (*here, *part, key) if key in fields or key in sweep.base else (*here, "base")
            message = str(error).removeprefix(f"{key}: ") if at[-1] == key else str(error)
            raise sources.error(at, message) from None
    return runs


def check_figure(key: str, sources: Sources) -> None:
    """The figure has a file; else an error that lists those that have."""
    try:
        registry.figure_path(key)
    except UserError as error:
        raise sources.error(("figures", key), str(error)) from None


def overlays(scale: str) -> list[str]:
    """The overlay files of a scale, relative to the project."""
    registry.known("scale", scale, tuple(SCALES), key="scale")
    return [f"workflow/scales/{name}.yaml" for name in SCALES[scale]]


def scale_files(scale: str, further: Sequence[Path] = ()) -> list[Path]:
    """config.yaml and the overlays over it, as the Snakefile takes them."""
    return [Path("config.yaml"), *map(Path, overlays(scale)), *further]
