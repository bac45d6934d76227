"""A figure of a plan has checks, and a definition from which its job measures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import metrics
from ..base import registry
from ..base.errors import UserError, shortened
from ..base.source import bound
from .config import Config, FigureEntry, Sweep
from .overlays import Keys, Sources
from .spec import RunSpec, procedure_spec
from .sweeps import expand, select


@dataclass(frozen=True)
class FigurePlan:
    """A figure of a plan, with its runs, their packs, its metrics and its code."""

    key: str  # <paper>/<figure>
    runs: tuple[str, ...]
    packs: tuple[str, ...]
    metrics: tuple[str, ...]
    code: Path
    definition: str  # JSON from which the measuring job finds runs and metrics without the config


def define(config: Config, key: str, members: list[RunSpec]) -> str:
    """Return a figure's definition as JSON: its entry and its sweeps.

    If some runs are not available, it lists the available ones.
    """
    entry = config.figures[key]
    names = sorted({s.sweep for s in entry.runs})
    tree: dict[str, Any] = {
        "figure": key,
        "entry": entry.model_dump(mode="json", exclude_none=True),
        "sweeps": {
            name: config.sweeps[name].model_dump(
                mode="json", exclude={"resources"}, exclude_none=True
            )
            for name in names
        },
    }
    if config.trained_only or any(selection.optional for selection in entry.runs):
        tree["only"] = [s.run_id for s in members]
    return json.dumps(tree, sort_keys=True, separators=(",", ":"))


def defined(definition: str) -> tuple[list[RunSpec], tuple[str, ...]]:
    """Return the runs and the metrics of a figure's definition."""
    tree = json.loads(definition)
    entry = FigureEntry.model_validate(tree["entry"])
    sources = Sources()
    sweeps = {
        name: expand(name, Sweep.model_validate(sweep), sources)
        for name, sweep in tree["sweeps"].items()
    }
    runs = select(tree["figure"], entry, sweeps, sources)
    only = set(tree.get("only", (s.run_id for s in runs)))
    return [s for s in runs if s.run_id in only], tuple(entry.metrics)


def axes(definition: str) -> dict[str, str]:
    """Return what the definition of a figure without code puts on its axes."""
    return dict(json.loads(definition)["entry"].get("draw") or {})


def check(key: str, entry: FigureEntry, runs: list[RunSpec], sources: Sources) -> None:
    """Raise UserError unless the figure has a file and its runs record what its metrics need."""
    try:
        registry.figure_path(key)
    except UserError as error:
        raise sources.error(("figures", key), str(error)) from None
    _check_functions(key, sources)
    _check_drawing(key, entry, runs, sources)
    for i, name in enumerate(entry.metrics):
        for procedure in sorted({s.procedure for s in runs}):
            own = [s for s in runs if s.procedure == procedure]
            _check_metric(name, ("figures", key, "metrics", i), own, sources)
    listed, here = shortened(entry.metrics), ("figures", key, "metrics")
    for name in registry.figure_needs(key):
        if name not in entry.metrics:
            raise sources.error(here, f"{listed} lacks {name!r}, which {key} draws")
    if len(set(entry.metrics)) < len(entry.metrics):
        raise sources.error(here, f"{listed} names one twice")


def _check_functions(key: str, sources: Sources) -> None:
    """Raise UserError unless the figure of a study defines what its jobs call."""
    path = registry.figure_path(key)
    if path.is_relative_to(registry.PACKAGE) or "*" in (names := bound(path)):
        return
    for function in ("claims", "draw"):
        if function not in names:
            raise sources.error(("figures", key), f"{path}: defines no function {function}(table)")


def _check_drawing(key: str, entry: FigureEntry, runs: list[RunSpec], sources: Sources) -> None:
    """Raise UserError unless the axes of the figure are fields of its runs."""
    if entry.draw is None:
        return
    if not key.startswith(f"{registry.OWN}/"):
        said = f"is for figures {registry.OWN}/<name>; {key} is drawn by its own file"
        raise sources.error(("figures", key, "draw"), said)
    fields = tuple(dict.fromkeys(name for s in runs for name in type(s).model_fields))
    for axis, field in entry.draw.model_dump(exclude_none=True).items():
        try:
            registry.known("field", field, (*(("epoch", "step") if axis == "x" else ()), *fields))
        except UserError as error:
            raise sources.error(("figures", key, "draw", axis), str(error)) from None


def _check_metric(name: str, at: Keys, runs: list[RunSpec], sources: Sources) -> None:
    """Raise UserError unless the metric exists and these runs record its inputs.

    All runs have one procedure.
    """
    procedure = runs[0].procedure
    kind = procedure_spec(procedure)
    try:
        metric = metrics.resolve(name, frozenset(kind.SCALARS))
    except ValueError as error:
        raise sources.error(at, str(error)) from None
    lacking = [quantity for quantity in metric.needs if quantity not in kind.ARRAYS]
    if lacking:
        said = f"{name!r} needs {lacking[0]!r}, which {procedure} does not record"
        raise sources.error(at, said + sources.over((*at[:2], "runs"), at))
    needs = (name, *metric.needs)  # a recorded scalar is a metric by its name
    asked = {kind.OPTIONAL[q] for q in needs if q in kind.OPTIONAL}
    for s in runs:
        if wanting := sorted(asked - set(getattr(s, "record", ()))):
            raise sources.error(at, f"{name!r} needs runs with record: [{', '.join(wanting)}]")
