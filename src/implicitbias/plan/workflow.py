"""The Snakefile calls these functions while it is parsed; they are quick and write nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from .. import data
from ..base import registry, studies
from ..base.errors import UserError
from . import papers
from .content import code, figure_files, metric_files
from .figure import FigurePlan
from .invocation import Invocation, forced, overruled
from .overlays import Layer, merge, read
from .plan import RESULTS, Plan, make_plan
from .resources import SMALL_MB, Resources
from .standing import KINDS, Standing

PUBLISHED = RESULTS / "published"  # tracked in the repository

__all__ = [
    "KINDS",
    "PUBLISHED",
    "SMALL_MB",
    "Invocation",
    "Resources",
    "Standing",
    "UserError",
    "absent_data",
    "check_file",
    "code",
    "config_text",
    "datasets",
    "exports",
    "figure_caption",
    "figure_files",
    "forced",
    "metric_files",
    "overruled",
    "plan",
    "plan_of_module",
]


def plan(
    tree: Mapping[str, Any],
    files: Sequence[str | Path] = (),
    over: Sequence[str | Path] = (),
    values: Mapping[str, Any] | None = None,
    root: str | Path = ".",
) -> Plan:
    """Return the plan of a user's settings, over the papers and scales in the folder `root`.

    The other arguments let messages say where a key came from. `files` were merged into `tree`; the
    files in `over` (`--configfile`) override the others, and `values` (`--config`) override all
    files.
    """
    values = {key: _scalars(value) for key, value in (values or {}).items()}
    last = [Path(p).absolute() for p in over]
    order = [p for p in map(Path, files) if p.absolute() not in last] + last
    layers = [Layer(_shown(path), read(path)) for path in order]
    layers = layers or [Layer(Path("the module's config"), dict(tree))]
    layers.append(Layer(Path("--config"), values))
    config, sources = papers.resolve(merge(tree, values), layers, _shown(Path(root)))
    made = make_plan(config, sources)
    if config.trained_only and not made.packs:
        folder = made.results / "packs"
        raise sources.error(
            ("trained_only",), f"{folder.absolute()} holds no pack of these figures"
        )
    return made


def check_file(path: Path) -> None:
    """Raise UserError for a file that is there and holds no config, by its syntax and its size."""
    if path.exists():
        read(_shown(path))


def plan_of_module(
    tree: Mapping[str, Any],
    files: Sequence[str | Path],
    values: Mapping[str, Any],
    root: str | Path,
) -> Plan:
    """Return the plan of a module's config.

    `files` and `values` belong to the workflow that uses the module. If all that it passed on is in
    `tree`, messages name these files and values, and the values have the types that YAML gives
    them.
    """
    given = {k: v for k, v in values.items() if merge(tree, {k: v}) == tree}
    known = [path for path in files if merge(tree, merge(read(Path(path)), given)) == tree]
    return plan(tree, known, values=given, root=root)


def _scalars(value: Any, inside: bool = False) -> Any:
    """Return a value of `--config` with YAML's types: Snakemake leaves text inside brackets."""
    if isinstance(value, Mapping):
        return {key: _scalars(inner, True) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scalars(inner, True) for inner in value]
    if inside and isinstance(value, str):
        with suppress(yaml.YAMLError, ValueError):
            scalar = yaml.safe_load(value)
            return scalar if scalar is None or isinstance(scalar, int | float | str) else value
    return value


def _shown(path: Path) -> Path:
    """Return the path as messages show it: from the current folder, where it lies below."""
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path


def config_text(plan: Plan) -> str:
    """Return the config as canonical JSON, without the cluster.

    The order of merged files does not show.
    """
    sweeps = {name: {"resources"} for name in plan.config.sweeps}
    tree = plan.config.model_dump(
        mode="json",
        exclude={
            "cluster": True, "papers": True, "results": True, "train": True, "sweeps": sweeps,
        },
        exclude_none=True,
    )  # fmt: skip
    return json.dumps(tree, indent=1, sort_keys=True)


def exports(plan: Plan) -> str:
    """Return the beginning of a job's shell command, by which it finds the studies."""
    if not plan.config.studies:
        return ""
    return f"export {studies.VARIABLE}={quote(os.pathsep.join(map(str, studies.used())))}; "


def datasets(plan: Plan, pack: str) -> list[str]:
    """Return the data sets that a pack needs."""
    return sorted({name for s in plan.members(pack) for name in s.datasets})


def absent_data(plan: Plan) -> list[str]:
    """The data sets that are not in the data folder, of all that there are."""
    folder = Path(plan.config.data_dir)
    return [name for name in data.names() if not (folder / f"{name}.npz").is_file()]


def figure_caption(figure: FigurePlan) -> str:
    """Return the docstring of a figure in reStructuredText, for Snakemake's report.

    `code` stays code.
    """
    title, caption = registry.docstring(figure.code)
    return "\n\n".join(_literal(paragraph) for paragraph in (f"{title}.", *caption))


def _literal(text: str) -> str:
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_|\[\]<>])", r"\\\1", part) for part in parts[::2]]
    return "``".join(parts)
