"""Sweeps are expanded to runs here, and figures select from these."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..base import registry
from ..base.errors import UserError, shortened
from . import points, spec
from .config import FigureEntry, Sweep
from .overlays import Keys, Sources
from .spec import RunSpec

MOST_RUNS = 20_000


def expand(name: str, sweep: Sweep, sources: Sources) -> list[RunSpec]:
    """Return every run of a sweep, checked; errors name the key in the file."""
    here = ("sweeps", name)
    if "seed" in sweep.grid:
        said = f"{shortened(sweep.grid['seed'])} belongs into seeds, beside base and grid"
        raise sources.error((*here, "grid", "seed"), said)
    for key, values in {**sweep.grid, "seeds": sweep.seeds}.items():
        key_path = (*here, key) if key == "seeds" else (*here, "grid", key)
        if len({repr(v) for v in values}) < len(values):
            raise sources.error(key_path, f"{shortened(values)} names a value twice")
    varying = _varying(here, sweep, sources)
    for key in ("seed", *varying):
        if key in sweep.base:
            other = "seeds" if key == "seed" else varying[key][0]
            said = f"{shortened(sweep.base[key])} also comes from {other}; keep one"
            raise sources.error((*here, "base", key), said)
    n = points.count(sweep)
    if n > MOST_RUNS:
        raise sources.error((*here, "grid"), f"makes {n} runs; a sweep has at most {MOST_RUNS}")
    runs = []
    for fields in points.points(sweep):
        try:
            runs.append(spec.make({**sweep.base, **fields}))
        except UserError as error:
            said = str(error).partition(":")[0].strip()
            key, *inside = said.split(".")  # record.0 is the first item of a list
            part = varying.get(key, ("base",))
            given = key in fields or key in sweep.base
            at = (*here, *part, key, *inside) if given else (*here, "base")
            at = (*here, "seeds") if key == "seed" else at
            message = str(error).removeprefix(f"{said}: ") if given else str(error)
            if message.startswith("no key "):
                message += _chosen_elsewhere(sweep, at, sources)
            raise sources.error(at, message) from None
    return runs


def _varying(here: Keys, sweep: Sweep, sources: Sources) -> dict[str, Keys]:
    """Return where each field that varies stands; UserError where one stands in two places."""
    together = sweep.zip or {}
    for key, values in together.items():
        first, n = next((name, len(those)) for name, those in together.items())
        if len(values) != n:
            said = f"has {len(values)} values, and {first} {n}; in zip all have as many"
            raise sources.error((*here, "zip", key), said)
    places = [
        ("grid", [*sweep.grid]),
        ("zip", [*together]),
        ("random", [*(sweep.random.fields if sweep.random else ())]),
    ]
    seen: dict[str, str] = {"seed": "seeds"}
    for part, names in places:
        for key in names:
            if key in seen:
                said = f"also comes from {seen[key]}; keep one"
                raise sources.error((*here, part, *(["fields"] * (part == "random")), key), said)
            seen[key] = part
    return points.varying(sweep)


def _chosen_elsewhere(sweep: Sweep, at: Keys, sources: Sources) -> str:
    """Return which later file chose the model or the procedure that has no such key."""
    chosen = [
        (*at[:2], part, key)
        for part, fields in (("base", sweep.base), ("grid", sweep.grid))
        for key in ("model", "procedure")
        if key in fields
    ]
    return next(filter(None, (sources.over(keys, at) for keys in chosen)), "")


def select(
    key: str, entry: FigureEntry, sweeps: Mapping[str, list[RunSpec]], sources: Sources
) -> list[RunSpec]:
    """Return the runs that a figure selects, each once."""
    runs: dict[str, RunSpec] = {}
    for i, selection in enumerate(entry.runs):
        here = ("figures", key, "runs", i)
        try:
            registry.known("sweep", selection.sweep, tuple(sweeps))
        except UserError as error:
            raise sources.error((*here, "sweep"), str(error)) from None
        kept = sweeps[selection.sweep]
        for field, values in selection.where.items():
            kinds = {type(s): None for s in sweeps[selection.sweep]}
            fields = tuple(dict.fromkeys(name for kind in kinds for name in kind.model_fields))
            try:
                registry.known("key", field, fields)
            except UserError as error:
                raise sources.error((*here, "where", field), str(error)) from None
            have = {json.dumps(getattr(s, field, None), default=str) for s in kept}
            wanted: set[str] = set()
            for value in values:
                # 1 and 1.0 are one value of a float field
                spelt = {json.dumps(v, default=str) for v in (value, _as_float(value))}
                wanted |= spelt
                if not all(hasattr(s, field) for s in kept) or not spelt & have:
                    path, there = sources.place(("sweeps", selection.sweep, "grid", field))
                    origin = f" ({path}: {'.'.join(map(str, there))})" if len(have) > 1 else ""
                    raise sources.error(
                        (*here, "where", field),
                        f"{value!r}: no run of sweep {selection.sweep!r} has it; it has"
                        f" {', '.join(sorted(have))}{origin}",
                    )
            kept = [s for s in kept if json.dumps(getattr(s, field), default=str) in wanted]
        runs.update({s.run_id: s for s in kept})
    return list(runs.values())


def _as_float(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        return float(value)
    except OverflowError:  # then no float field has it
        return value
