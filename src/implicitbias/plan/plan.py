"""A plan turns a config into figures, runs and packs.

Every error in the config is reported before the first job. Every process that parses the workflow
makes the plan. Planning therefore writes nothing, and depends only on the config, the packs that
are written, and, where the config marks runs as optional, on whether their data are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import get_args

from .. import data
from ..base import provenance, registry
from ..base.errors import UserError
from . import figure, packs
from .cluster import Request
from .config import Config, Scale, load
from .figure import FigurePlan
from .overlays import Sources
from .packs import Pack
from .spec import RunSpec
from .sweeps import expand, select

RESULTS = Path("results")
LONGEST_TEXT = 120_000  # of one argument on a command line; Linux has 128 KiB


@dataclass(frozen=True)
class Plan:
    """Everything that the workflow will make."""

    config: Config
    results: Path  # results/<scale>
    runs: dict[str, RunSpec]
    packs: dict[str, Pack]
    figures: dict[str, FigurePlan]
    requests: dict[str, Request]  # run -> what its sweeps request of a cluster, if anything
    warnings: tuple[str, ...] = ()  # what is odd and no error, with file and key

    def request(self, name: str) -> Request:
        """Return the largest request of each resource by the sweeps of a pack's runs."""
        asked = (self.requests.get(run, Request()) for run in self.packs[name].runs)
        return reduce(Request.or_more, asked)

    def check_figure(self, key: str, target: str = "") -> None:
        """Raise UserError for a figure that `target` requests and that this plan does not make."""
        if key in self.figures or key not in registry.figure_keys():
            registry.known("figure in this config", key, tuple(self.figures), target)
            return
        scale, there = self.config.scale, ", ".join(self.figures) or "none"
        why = "what it draws is not published"
        why = why if self.config.trained_only else "the config leaves it out"
        raise UserError(f"{target or key}: not made at scale {scale}: {why}; there are: {there}")

    def pack_folder(self, name: str) -> Path:
        """Return the folder of a pack."""
        return self.results / "packs" / name

    def trained(self, name: str) -> bool:
        """Return whether a pack's records exist."""
        return provenance.there(self.pack_folder(name))

    def members(self, name: str) -> list[RunSpec]:
        """Return the specs of a pack, including members that no figure uses any more."""
        pack = self.packs[name]
        if all(run in self.runs for run in pack.runs):
            return [self.runs[run] for run in pack.runs]
        return packs.specs_of(self.pack_folder(name) / "pack.json")


def make_plan(
    config: Config, sources: Sources, results: Path = RESULTS, absent_too: bool = False
) -> Plan:
    """Resolve every name, expand every sweep, and assign every run to a pack.

    absent_too: include optional runs whose data are missing, to describe a whole scale.
    """
    folder = results / _folder(config, sources)
    data_dir = Path(config.data_dir)
    if data_dir.exists() and not data_dir.is_dir():
        raise sources.error(("data_dir",), f"{config.data_dir!r} is no folder")
    if config.device not in config.pack_size:
        raise sources.error(("pack_size",), f"has no size for device {config.device!r}")
    sweeps = {name: expand(name, s, sources) for name, s in config.sweeps.items()}
    _check_precisions(config, sweeps, sources)
    chosen = {key: select(key, entry, sweeps, sources) for key, entry in config.figures.items()}
    for key, entry in config.figures.items():
        figure.check(key, entry, chosen[key], sources)
    existing, warnings = packs.written(folder / "packs"), _warnings(config, sources)
    if config.trained_only:
        chosen = _trained(chosen, existing, folder)
        warnings += _incomplete(existing, folder)
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
            figure.define(config, key, members),
        )
        for key, members in chosen.items()
    }
    _check_lengths(figures, used, sources)
    return Plan(config, folder, runs, used, figures, _requests(config, sweeps), warnings)


def _requests(config: Config, sweeps: Mapping[str, list[RunSpec]]) -> dict[str, Request]:
    requests: dict[str, Request] = {}
    for name, sweep in config.sweeps.items():
        if sweep.resources != Request():
            for s in sweeps[name]:
                known = requests.get(s.run_id, Request())
                requests[s.run_id] = known.or_more(sweep.resources)
    return requests


def _warnings(config: Config, sources: Sources) -> tuple[str, ...]:
    """Return a warning for each sweep whose runs no figure uses: the sweep is not trained."""
    used = {selection.sweep for entry in config.figures.values() for selection in entry.runs}
    unused = [("sweeps", name) for name in config.sweeps if name not in used]
    said = "no figure takes runs from it; `train: [{}]` trains it anyway"
    return tuple(str(sources.error(at, said.format(at[1]))) for at in unused)


def _check_precisions(
    config: Config, sweeps: Mapping[str, list[RunSpec]], sources: Sources
) -> None:
    """Refuse precisions that only a GPU supports where the device is no GPU."""
    if config.device == "cuda" or config.trained_only:
        return
    for name, runs in sweeps.items():
        if any(getattr(s, "precision", None) == "tf32" for s in runs):
            raise sources.error(
                ("sweeps", name), "its runs have precision: tf32, which needs device: cuda"
            )


def _check_lengths(figures: dict[str, FigurePlan], used: dict[str, Pack], sources: Sources) -> None:
    """Refuse definitions and packs that are too long for a command line."""
    for key, one in figures.items():
        if len(one.definition) > LONGEST_TEXT:
            raise sources.error(
                ("figures", key),
                f"its sweeps are {len(one.definition)} characters long, more than {LONGEST_TEXT};"
                " spread them over several figures",
            )
    for pack in used.values():
        if not pack.written and len(pack.text) > LONGEST_TEXT:
            raise sources.error(
                ("pack_size",), f"the text of {len(pack.runs)} runs of pack {pack.name} is"
                f" {len(pack.text)} characters long, more than {LONGEST_TEXT}; make it smaller",
            )  # fmt: skip


def of_results(folder: Path) -> Plan:
    """Return the plan of a folder of results, by its config.json, whatever the folder is called."""
    config, sources = load([folder / "config.json"])
    home = folder.absolute()
    name = None if home.name == config.scale else home.name
    return make_plan(config.model_copy(update={"results": name}), sources, home.parent)


def _folder(config: Config, sources: Sources) -> str:
    """Return the name of the folder of the results, which must not belong to another scale."""
    name = config.results or config.scale
    if name != config.scale and (name in get_args(Scale) or name.startswith(".")):
        others = ", ".join(get_args(Scale))
        raise sources.error(
            ("results",), f"{name!r}: a name of your own, without a dot before it, not of a scale"
            f" ({others})"
        )  # fmt: skip
    return name


def _trained(
    chosen: dict[str, list[RunSpec]], existing: dict[str, Pack], folder: Path
) -> dict[str, list[RunSpec]]:
    """Return the runs of trained packs, by figure; a figure without any is left out."""
    done = (pack for name, pack in existing.items() if provenance.there(folder / "packs" / name))
    trained = {run for pack in done for run in pack.runs}
    kept = {key: [s for s in runs if s.run_id in trained] for key, runs in chosen.items()}
    return {key: runs for key, runs in kept.items() if runs}


def _incomplete(existing: Mapping[str, Pack], folder: Path) -> tuple[str, ...]:
    """Return a warning for each pack of which a part of the records is missing."""
    records = (folder / "packs" / name / "records" for name in existing)
    return tuple(
        f"{path}: a part of the records is missing; the runs of this pack are left out"
        for path in records
        if path.is_dir() and not provenance.there(path.parent)
    )


def _available(
    config: Config,
    key: str,
    runs: list[RunSpec],
    sweeps: dict[str, list[RunSpec]],
    sources: Sources,
) -> list[RunSpec]:
    """Return the runs without those that are optional and whose data are missing."""
    entry, folder = config.figures[key], Path(config.data_dir)
    asked = [selection for selection in entry.runs if not selection.optional]
    if len(asked) == len(entry.runs):
        return runs
    needed = select(key, entry.model_copy(update={"runs": asked}), sweeps, sources)
    ids = {s.run_id for s in needed}
    there = {d: data.available(d, folder) for s in runs for d in s.datasets}
    return [s for s in runs if s.run_id in ids or all(there[d] for d in s.datasets)]
