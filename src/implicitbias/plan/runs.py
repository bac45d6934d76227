"""The runs of a figure as a table: fields that vary are columns, and the others appear once."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from ..base import registry
from ..base.errors import counted
from .plan import Plan

NAMES = ("run", "pack")
WIDEST = 60  # characters of a cell where scales stand side by side


def rows(plan: Plan, key: str) -> list[dict[str, Any]]:
    """Return a row for each run of the figure, in order: `run`, `pack`, each field of its spec.

    A field that a run's procedure or model does not have is not in its row. UserError for a figure
    that is not planned.
    """
    registry.figure_path(key)
    plan.check_figure(key)
    figure = plan.figures[key]
    home = {run: pack for pack in figure.packs for run in plan.packs[pack].runs}
    specs = ((run, plan.runs[run].model_dump(mode="json")) for run in figure.runs)
    return [{"run": run, "pack": home[run], **fields} for run, fields in specs]


def split(table: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that all rows share, with their values, and the columns that vary.

    Names come last.
    """
    columns = list(dict.fromkeys(name for row in table for name in row))
    shared = {
        name: table[0][name]
        for name in columns
        if name not in NAMES and all(name in row and row[name] == table[0][name] for row in table)
    }
    return shared, [name for name in columns if name not in (*shared, *NAMES)] + list(NAMES)


def text(plan: Plan, key: str) -> str:
    """Return the table for a person."""
    runs, scale = rows(plan, key), plan.config.scale
    packs = counted(len(plan.figures[key].packs), "pack")
    head = f"{key} at scale {scale}: {counted(len(runs), 'run')} in {packs}"
    if not runs:
        return f"{head}; their data sets are not in {plan.config.data_dir}"
    shared, columns = split(runs)
    lines = [columns, *([_shown(row.get(name, "")) for name in columns] for row in runs)]
    return "\n".join(
        [head, *(f"  {k}: {_shown(v)}" for k, v in shared.items()), "", *_table(lines)]
    )


def beside(plans: Sequence[Plan], key: str) -> str:
    """Return the figure's fields with the values that its runs have at each scale, side by side."""
    tables = [rows(plan, key) for plan in plans]
    names = [n for n in dict.fromkeys(n for t in tables for r in t for n in r) if n not in NAMES]
    lines = [
        [key, *(plan.config.scale for plan in plans)],
        ["runs", *(str(len(t)) for t in tables)],
    ]
    for name in names:
        found = [dict.fromkeys(_shown(row[name]) for row in t if name in row) for t in tables]
        cells = [", ".join(values) or "-" for values in found]
        lines.append([name, *(c if len(c) <= WIDEST else f"{c[: WIDEST - 4]} ..." for c in cells)])
    return "\n".join(_table(lines))


def as_csv(plan: Plan, key: str) -> str:
    """Return the table for a program: every field is a column."""
    runs = rows(plan, key)
    columns = list(dict.fromkeys(name for row in runs for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _shown(v) for k, v in row.items()} for row in runs)
    return out.getvalue()


def _table(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
