"""The page's own drawings are made from spectra of the rank figures, and collapse over epochs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...analysis import tables
from ...plan.figure import FigurePlan
from ...plan.plan import Plan
from . import spectra
from .axes import differing, x_axis
from .figure import Figure

RANK = re.compile(r"rank_(fro|spec)_(.+)")
TOOLS = {
    "ranks": "Rank figures at any tolerance, under either norm",
    "plane": "Final rank over any two hyper-parameters",
    "spectrum": "Singular values of every layer, record by record",
    "curves": "Neural collapse over epochs, run by run",
}
CAPTION = ("fro", 1e-3)  # the rank that the captions speak of: shown first where a figure has it
COLLAPSE = "nc1"  # a figure that asks for it is one on neural collapse


@dataclass(frozen=True)
class Explore:
    """The data of the drawings: `index` is read as the page opens, each of `blocks` when needed."""

    index: dict[str, Any]
    blocks: dict[str, str]

    @property
    def index_text(self) -> Markup:
        """Return JSON that cannot end its script element, whatever the strings hold."""
        return htmlsafe_json_dumps(self.index, dumps=json.dumps, allow_nan=False)

    @property
    def tools(self) -> list[tuple[str, str]]:
        """Return the tools that there is something for, and their headings."""
        several = any(len(figure["fields"]) > 1 for figure in self.index["ranks"].values())
        needs = {"ranks": self.index["ranks"], "plane": several, "spectrum": self.index["ranks"],
                 "curves": self.index["curves"]}  # fmt: skip
        return [(tool, words) for tool, words in TOOLS.items() if needs[tool]]

    def ranked(self, key: str) -> bool:
        """Return whether a figure can be redrawn at any tolerance."""
        return key in self.index["ranks"]


def explore(plan: Plan, figures: list[Figure]) -> Explore:
    """Return everything that the page draws itself.

    Parts are empty where nothing is trained or measured.
    """
    order = [plan.figures[figure.key] for figure in figures]
    ranked = [f for f in (_trained(plan, f) for f in order if _tolerances(f)) if f.runs]
    titles = {figure.key: figure.title for figure in figures}
    tolerances = spectra.grid(t for figure in ranked for _, t in _tolerances(figure))
    blocks, packs = _spectra(plan, ranked, tolerances)
    curves = {f.key: _curves(plan, _trained(plan, f)) for f in order if COLLAPSE in f.metrics}
    curves = {key: curve for key, curve in curves.items() if curve}
    for key, curve in curves.items():
        text = json.dumps(curve.pop("rows"), separators=(",", ":"), allow_nan=False)
        blocks[f"curves-{curve['block']}"] = spectra.packed(text.encode())
        curve["title"] = titles[key]
    index = {
        "grid": tolerances.tolist(),
        "packs": packs,
        "ranks": {f.key: {"title": titles[f.key], **_ranks(plan, f)} for f in ranked},
        "curves": curves,
    }
    return Explore(index, blocks)


def _tolerances(figure: FigurePlan) -> list[tuple[str, float]]:
    """Return the ranks that a figure asks for: norm and tolerance."""
    matches = (RANK.fullmatch(name) for name in figure.metrics)
    return [(match[1], float(match[2])) for match in matches if match]


def _trained(plan: Plan, figure: FigurePlan) -> FigurePlan:
    """Return the figure with only those of its runs that are trained."""
    packs = tuple(name for name in figure.packs if plan.trained(name))
    there = {run for name in packs for run in plan.packs[name].runs}
    return replace(figure, runs=tuple(r for r in figure.runs if r in there), packs=packs)


def _spectra(
    plan: Plan, ranked: list[FigurePlan], tolerances: Any
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return blocks by name, and what is in them by pack."""
    wanted: dict[str, set[str]] = {}
    for figure in ranked:
        for name in figure.packs:
            wanted.setdefault(name, set()).update({*plan.packs[name].runs} & {*figure.runs})
    runs = {name: [r for r in plan.packs[name].runs if r in wanted[name]] for name in wanted}
    rows = {name: spectra.recorded(plan.pack_folder(name), runs[name]) for name in sorted(runs)}
    total = sum(int(part["values"].map(len).sum()) for part in rows.values())
    stride = max(1, ceil(total / spectra.BUDGET))
    made = {name: spectra.block(rows[name], runs[name], tolerances, stride) for name in rows}
    index = {name: {**made[name].index, "stride": stride} for name in made}
    return {f"spectra-{name}": made[name].data for name in made}, index


def _ranks(plan: Plan, figure: FigurePlan) -> dict[str, Any]:
    """Return a figure's fields, its runs with their values, and how it is drawn at first."""
    fields = differing(plan, figure.runs)
    numbers = plan.results / "figures" / f"{figure.key}.csv"
    own = _tolerances(figure)
    norm, tolerance = next((pair for pair in own if pair == CAPTION), own[0])
    return {
        "fields": list(fields),
        "x": x_axis(numbers, list(fields)),
        "norm": norm,
        "tolerance": tolerance,
        "own": own,
        "packs": list(figure.packs),
        "runs": _runs(plan, figure, fields),
    }


def _runs(plan: Plan, figure: FigurePlan, fields: dict[str, list[Any]]) -> list[dict[str, Any]]:
    homes = {run: name for name in figure.packs for run in plan.packs[name].runs}
    return [
        {
            "run": run,
            "pack": homes[run],
            "seed": plan.runs[run].seed,
            "values": [values[i] for values in fields.values()],
        }
        for i, run in enumerate(figure.runs)
    ]


def _curves(plan: Plan, figure: FigurePlan) -> dict[str, Any]:
    """Return what the whole network has at every record of every run; {} if none is measured."""
    path = plan.results / "tables" / f"{figure.key}.parquet"
    if not path.exists():
        return {}
    rows = tables.read(path)
    rows = rows[(rows["layer"] == tables.NETWORK) & rows["run"].isin(figure.runs)]
    if rows.empty:
        return {}
    fields = differing(plan, figure.runs)
    runs = {run: i for i, run in enumerate(figure.runs)}
    return {
        "block": figure.key.replace("/", "--"),
        "fields": list(fields),
        "metrics": [name for name in figure.metrics if (rows["metric"] == name).any()],
        "runs": _runs(plan, figure, fields),
        "rows": {
            str(name): [
                [runs[run], int(epoch), None if pd.isna(value) else float(value)]
                for run, epoch, value in zip(
                    part["run"], part["epoch"], part["value"], strict=True
                )
            ]
            for name, part in rows.groupby("metric")
        },
    }  # fmt: skip
