"""The runs of a figure differ along fields, and one of these is its x axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...plan.plan import Plan
from .plotted import plotted
from .words import cell

# Kept, of fields that vary together, in this order: what the papers put on their axes.
FIRST = ("weight_decay", "lr", "batch_size", "momentum", "model", "dataset", "depth", "width")


def differing(plan: Plan, runs: Sequence[str]) -> dict[str, list[Any]]:
    """Return field -> its value in each run, for the fewest fields that tell the settings apart.

    The seed is left out. Of two fields that always change together the one that the papers plot
    remains; values are numbers or text, and "" where a procedure has no such field.
    """
    specs = [plan.runs[run].model_dump(mode="json") for run in runs]
    names = dict.fromkeys(name for fields in specs for name in fields if name != "seed")
    columns = {name: [_plain(fields.get(name, "")) for fields in specs] for name in names}
    varying = {name: values for name, values in columns.items() if len(set(values)) > 1}
    settings = _settings(varying)
    for name in sorted(varying, key=_rank, reverse=True):
        others = {other: values for other, values in varying.items() if other != name}
        if _settings(others) == settings:
            varying = others
    return {name: varying[name] for name in sorted(varying, key=_rank)}


def _settings(columns: dict[str, list[Any]]) -> int:
    return len(set(zip(*columns.values(), strict=True))) if columns else 1


def _rank(name: str) -> tuple[int, str]:
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def _plain(value: Any) -> float | str:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else cell(value)


def x_axis(numbers: Path, fields: Sequence[str]) -> str:
    """Return what the figure draws against, as its CSV says: one of `fields`, or `epoch`."""
    rows = plotted(numbers, usecols=["x_name"])
    drawn = Counter(() if rows is None else rows["x_name"].dropna())
    known = [str(name) for name, _ in drawn.most_common() if name == "epoch" or name in fields]
    return (known or list(fields) or ["epoch"])[0]
