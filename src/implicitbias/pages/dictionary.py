"""The data dictionary: what every column, key and recorded quantity is, read from the code.

A page requests a part with `<!-- data: records -->`, or another of the parts of `data_of`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from .. import data, metrics
from ..analysis import claims, tables
from ..base import provenance, registry
from ..base.source import constants
from ..figures import style
from ..figures._letters import written
from ..plan import packs
from ..plan.spec import RunSpec, procedure_spec
from ..train import records
from .reference import escaped, table, with_unit

FILES: dict[str, dict[str, str]] = {
    "pack": packs.KEYS,
    "records": {name: records.COLUMNS[name] for name in records.SCALARS.names},
    "arrays": {name: records.COLUMNS[name] for name in records.ARRAYS.names},
    "provenance": provenance.KEYS,
    "tables": tables.COLUMNS,
    "claims": claims.KEYS,
    "csv": style.COLUMNS,
    "recorder": constants(registry.PACKAGE / "api" / "recorder.py", "KEYS")["KEYS"],
    "spectrum": constants(registry.PACKAGE / "api" / "spectrum.py", "COLUMNS")["COLUMNS"],
}


def data_of(part: str) -> str:
    """Return a table of the names of one part, with the unit and the meaning of each.

    part: one of FILES; `recorded`, the quantities of each procedure; `metrics`; or `sets`, the data
    sets with their licences. UserError for another.
    """
    registry.known("part of the data", part, (*FILES, "recorded", "metrics", "sets"))
    if part == "recorded":
        return "\n\n".join(_recorded())
    if part == "sets":
        return _sets()
    return _metrics() if part == "metrics" else _names("name", FILES[part])


def _sets() -> str:
    rows = []
    for one in map(data.info, data.names()):
        pinned = one.content_sha256
        checked = f"sha256 {pinned[:12]}…" if pinned else "class sizes and shapes"
        images = f"{one.n_train:,} + {one.n_test:,}"
        rows.append([f"`{one.name}`", images, one.licence, one.source, checked])
    head = ["name", "images", "licence", "source", "content checked by"]
    return table(head, (list(map(escaped, row)) for row in rows))


def _names(head: str, said: Mapping[str, str]) -> str:
    rows = ([f"`{name}`", *_unit_and_meaning(text)] for name, text in said.items())
    return table([head, "unit", "meaning"], rows)


def _unit_and_meaning(said: str) -> tuple[str, str]:
    meaning, unit = with_unit(said)
    return unit, escaped(meaning)


def quantities(procedure: str) -> dict[str, str]:
    """Return every quantity that runs of a procedure may record, with its description."""
    return {**RunSpec.QUANTITIES, **procedure_spec(procedure).QUANTITIES}


def _recorded() -> Iterator[str]:
    for name in registry.names("plan/specs"):
        kind, said = procedure_spec(name), quantities(name)
        yield f"### `{name}`"
        yield f"Its keys and what an epoch is: [`{name}`](config.md#{name})."
        scalars = (*kind.SCALARS, *RunSpec.QUANTITIES)
        for title, names in (("Scalars", scalars), ("Arrays", kind.ARRAYS)):
            if names:
                asked = {n: f" Asked for by `record: [{kind.OPTIONAL[n]}]`." for n in names
                         if n in kind.OPTIONAL}  # fmt: skip
                rows = ([f"`{n}`", *_asked(said.get(n, ""), asked.get(n, ""))] for n in names)
                yield f"{title}:"
                yield table(["quantity", "unit", "meaning"], rows)


def _asked(said: str, further: str) -> Iterable[str]:
    unit, meaning = _unit_and_meaning(said)
    return unit, meaning + further


def _metrics() -> str:
    rows = []
    for name in metrics.known():
        stem, _, parameter = name.partition("_<")
        metric = metrics.resolve(metrics.with_parameter(stem, 0.001) if parameter else name)
        function = metric.compute.func if isinstance(metric.compute, partial) else metric.compute
        said = written(inspect.getdoc(function) or "")
        formula = said.partition("\n")[0].removeprefix("Return ")
        link = f"[`{name}`](../glossary.md#{function.__module__.rpartition('.')[2]})"
        rows.append([link, ", ".join(f"`{n}`" for n in metric.needs), escaped(formula)])
    return table(["metric", "computed from", "what it is"], rows)
