"""From a config to figures, runs and packs: pure, quick, and wrong before the first job or never.

Parsing the workflow calls this, in every process that parses it, so it writes nothing, and depends
on nothing but the config, the packs that are written, and, where the config marks runs as optional,
whether their data are there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from .. import data, metrics
from ..base import registry
from ..base.errors import UserError, shortened
from . import packs
from .cluster import Request
from .config import Config, FigureEntry, Sources, Sweep, check_figure, expand
from .packs import Pack
from .spec import RunSpec, procedure_spec

RESULTS = Path("results")
LONGEST_TEXT = 120_000  # of one argument on a command line; Linux has 128 KiB


@dataclass(frozen=True)
class FigurePlan:
    """One figure: its runs, their packs, its metrics and its code."""

    key: str  # <paper>/<figure>
    runs: tuple[str, ...]
    packs: tuple[str, ...]
    metrics: tuple[str, ...]
    code: Path
    request: str  # JSON from which the measuring job finds runs and metrics without the config


@dataclass(frozen=True)
class Plan:
    """Everything that the workflow will make."""

    config: Config
    results: Path  # results/<scale>
    runs: dict[str, RunSpec]
    packs: dict[str, Pack]
    figures: dict[str, FigurePlan]
    requests: dict[str, Request]  # of the runs whose sweeps ask for something of their own

    def request(self, name: str) -> Request:
        """What the sweeps of a pack's runs ask for: the most of each."""
        asked = (self.requests.get(run, Request()) for run in self.packs[name].runs)
        return reduce(Request.or_more, asked)

    def pack_folder(self, name: str) -> Path:
        """Where a pack lives."""
        return self.results / "packs" / name

    def trained(self, name: str) -> bool:
        """Whether a pack's records exist."""
        return (self.pack_folder(name) / "records" / "provenance.json").exists()

    def members(self, name: str) -> list[RunSpec]:
        """The specs of a pack, also of members that no figure asks for any more."""
        pack = self.packs[name]
        if all(run in self.runs for run in pack.runs):
            return [self.runs[run] for run in pack.runs]
        return packs.specs_of(self.pack_folder(name) / "pack.json")


def make_plan(
    config: Config, sources: Sources, results: Path = RESULTS, absent_too: bool = False
) -> Plan:
    """Resolve every name, expand every sweep, and assign every run to a pack.

    absent_too: also optional runs whose data are not there, to say what a whole scale holds.
    """
    folder = results / config.scale
    if config.device not in config.pack_size:
        raise sources.error(("pack_size",), f"has no size for device {config.device!r}")
    sweeps = {name: expand(name, s, sources) for name, s in config.sweeps.items()}
    _check_precisions(config, sweeps, sources)
    chosen = {key: select(key, entry, sweeps, sources) for key, entry in config.figures.items()}
    for key, entry in config.figures.items():
        check_figure(key, sources)
        _check_metrics(key, entry, chosen[key], sources)
    existing = packs.written(folder / "packs")
    if config.trained_only:
        chosen = _trained(chosen, existing, folder)
    elif not absent_too:
        chosen = {k: _available(config, k, runs, sweeps, sources) for k, runs in chosen.items()}
    runs = {s.run_id: s for members in chosen.values() for s in members}
    memory = config.memory_mb.get(config.device, math.inf)
    try:
        used, home = packs.assign(runs, existing, config.pack_size[config.device], memory)
    except UserError as error:
        raise sources.error(("memory_mb", config.device), str(error)) from None
    figures = {
        key: FigurePlan(
            key,
            tuple(s.run_id for s in members),
            tuple(sorted({home[s.run_id] for s in members})),
            tuple(config.figures[key].metrics),
            registry.figure_path(key),
            _request(config, key, members),
        )
        for key, members in chosen.items()
    }
    _check_lengths(figures, used, sources)
    return Plan(config, folder, runs, used, figures, _requests(config, sweeps))


def _requests(config: Config, sweeps: Mapping[str, list[RunSpec]]) -> dict[str, Request]:
    requests: dict[str, Request] = {}
    for name, sweep in config.sweeps.items():
        if sweep.resources != Request():
            for s in sweeps[name]:
                known = requests.get(s.run_id, Request())
                requests[s.run_id] = known.or_more(sweep.resources)
    return requests


def _check_precisions(
    config: Config, sweeps: Mapping[str, list[RunSpec]], sources: Sources
) -> None:
    """What only a GPU computes is not trained without one."""
    if config.device == "cuda" or config.trained_only:
        return
    for name, runs in sweeps.items():
        if any(getattr(s, "precision", None) == "tf32" for s in runs):
            raise sources.error(
                ("sweeps", name), "its runs have precision: tf32, which needs device: cuda"
            )


def _check_lengths(figures: dict[str, FigurePlan], used: dict[str, Pack], sources: Sources) -> None:
    """Requests and packs travel on command lines."""
    for key, figure in figures.items():
        if len(figure.request) > LONGEST_TEXT:
            raise sources.error(
                ("figures", key),
                f"its sweeps are {len(figure.request)} characters long, more than {LONGEST_TEXT};"
                " spread them over several figures",
            )
    for pack in used.values():
        if not pack.written and len(pack.text) > LONGEST_TEXT:
            raise sources.error(
                ("pack_size",), f"the text of {len(pack.runs)} runs of pack {pack.name} is"
                f" {len(pack.text)} characters long, more than {LONGEST_TEXT}; make it smaller",
            )  # fmt: skip


def _trained(
    chosen: dict[str, list[RunSpec]], existing: dict[str, Pack], folder: Path
) -> dict[str, list[RunSpec]]:
    """The runs that have records; a figure without any is left out."""
    done = {n: p for n, p in existing.items() if (folder / "packs" / n / "records").is_dir()}
    trained = {run for pack in done.values() for run in pack.runs}
    kept = {key: [s for s in runs if s.run_id in trained] for key, runs in chosen.items()}
    return {key: runs for key, runs in kept.items() if runs}


def _available(
    config: Config,
    key: str,
    runs: list[RunSpec],
    sweeps: dict[str, list[RunSpec]],
    sources: Sources,
) -> list[RunSpec]:
    """The runs less those that only optional selections ask for and whose data are not there."""
    entry, folder = config.figures[key], Path(config.data_dir)
    asked = [selection for selection in entry.runs if not selection.optional]
    if len(asked) == len(entry.runs):
        return runs
    needed = select(key, entry.model_copy(update={"runs": asked}), sweeps, sources)
    ids = {s.run_id for s in needed}
    there = {d: data.available(d, folder) for s in runs for d in s.datasets}
    return [s for s in runs if s.run_id in ids or all(there[d] for d in s.datasets)]


def _request(config: Config, key: str, members: list[RunSpec]) -> str:
    """The figure's entry, its sweeps, and, where not all runs are to be had, which are."""
    entry = config.figures[key]
    names = sorted({s.sweep for s in entry.runs})
    tree: dict[str, Any] = {
        "figure": key,
        "entry": entry.model_dump(mode="json"),
        "sweeps": {
            name: config.sweeps[name].model_dump(mode="json", exclude={"resources"})
            for name in names
        },
    }
    if config.trained_only or any(selection.optional for selection in entry.runs):
        tree["only"] = [s.run_id for s in members]
    return json.dumps(tree, sort_keys=True, separators=(",", ":"))


def requested(request: str) -> tuple[list[RunSpec], tuple[str, ...]]:
    """The runs and the metrics of a figure's request."""
    tree = json.loads(request)
    entry = FigureEntry.model_validate(tree["entry"])
    sources = Sources()
    sweeps = {
        name: expand(name, Sweep.model_validate(sweep), sources)
        for name, sweep in tree["sweeps"].items()
    }
    runs = select(tree["figure"], entry, sweeps, sources)
    only = set(tree.get("only", (s.run_id for s in runs)))
    return [s for s in runs if s.run_id in only], tuple(entry.metrics)


def select(
    key: str, entry: FigureEntry, sweeps: Mapping[str, list[RunSpec]], sources: Sources
) -> list[RunSpec]:
    """The runs that a figure selects, each once."""
    found: dict[str, RunSpec] = {}
    for i, selection in enumerate(entry.runs):
        here = ("figures", key, "runs", i)
        try:
            registry.known("sweep", selection.sweep, tuple(sweeps))
        except UserError as error:
            raise sources.error((*here, "sweep"), str(error)) from None
        kept = sweeps[selection.sweep]
        for field, values in selection.where.items():
            have = {json.dumps(getattr(s, field, None), default=str) for s in kept}
            for value in values:
                # 1 and 1.0 are one value of a float field
                spelt = {json.dumps(v, default=str) for v in (value, _as_float(value))}
                if not all(hasattr(s, field) for s in kept) or not spelt & have:
                    raise sources.error(
                        (*here, "where", field),
                        f"{value!r}: no run of sweep {selection.sweep!r} has it; it has"
                        f" {', '.join(sorted(have))}",
                    )
            kept = [s for s in kept if getattr(s, field) in values]
        found.update({s.run_id: s for s in kept})
    return list(found.values())


def _as_float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_metrics(key: str, entry: FigureEntry, runs: list[RunSpec], sources: Sources) -> None:
    """The figure has what it needs, every metric exists, and every run records what it needs."""
    for i, name in enumerate(entry.metrics):
        at = ("figures", key, "metrics", i)
        for procedure in sorted({s.procedure for s in runs}):
            kind = procedure_spec(procedure)
            try:
                metric = metrics.resolve(name, frozenset(kind.SCALARS))
            except ValueError as error:
                raise sources.error(at, str(error)) from None
            lacking = [quantity for quantity in metric.needs if quantity not in kind.ARRAYS]
            if lacking:
                raise sources.error(
                    at, f"{name!r} needs {lacking[0]!r}, which {procedure} does not record"
                )
            asked = {kind.OPTIONAL[q] for q in metric.needs if q in kind.OPTIONAL}
            for s in (s for s in runs if s.procedure == procedure):
                if wanting := sorted(asked - set(getattr(s, "record", ()))):
                    raise sources.error(
                        at, f"{name!r} needs runs with record: [{', '.join(wanting)}]"
                    )
    listed, here = shortened(entry.metrics), ("figures", key, "metrics")
    for name in registry.figure_needs(key):
        if name not in entry.metrics:
            raise sources.error(here, f"{listed} lacks {name!r}, which {key} draws")
    if len(set(entry.metrics)) < len(entry.metrics):
        raise sources.error(here, f"{listed} names one twice")
