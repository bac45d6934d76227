"""The page's own drawings are made from spectra of the rank figures, and collapse over epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis import tables
from ...figures._letters import written
from ...plan.figure import FigurePlan
from ...plan.plan import Plan
from . import opening, spectra
from .axes import differing, x_axis
from .blocks import packed_json
from .figure import Figure

RANK = re.compile(r"rank_(fro|spec)_(.+)")
TOOLS = {
    "ranks": "Rank at any tolerance, under either norm",
    "plane": "Final rank over any two hyper-parameters",
    "spectrum": "Singular values, layer by layer and record by record",
    "curves": "Neural collapse, run by run",
}
COLLAPSE = "nc1"  # a figure that asks for it is one on neural collapse
FULL_PROTOCOL = ", at the paper's own protocol"


@dataclass(frozen=True)
class Explore:
    """The data of the drawings: `index` is unpacked as the page opens, `blocks` when needed."""

    index: dict[str, Any]
    blocks: dict[str, str]

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


@dataclass(frozen=True)
class Source:
    """Figures of one plan that are redrawn; `prefix` stands before their keys on the page."""

    plan: Plan
    figures: list[FigurePlan]
    prefix: str = ""

    @property
    def tolerances(self) -> list[float]:
        """Return every tolerance that a figure asks for."""
        return [t for figure in self.figures for _, t in _tolerances(figure)]


def explore(plan: Plan, figures: list[Figure], published: Path | None = None) -> Explore:
    """Return everything that the page draws itself; parts are empty where nothing is trained.

    Of the published runs the first record is on the page, the paper's last one, and ours.
    """
    order = [plan.figures[figure.key] for figure in figures]
    titles = {figure.key: written(figure.title) for figure in figures}
    sources = [Source(plan, _ranked(plan, order))]
    if full := opening.published_plan(published):
        also = [full.figures[key] for key in titles if key in full.figures]
        sources.append(Source(full, _ranked(full, also), opening.FULL))
    tolerances = spectra.grid(t for source in sources for t in source.tolerances)
    blocks: dict[str, str] = {}
    index: dict[str, Any] = {"grid": tolerances.tolist(), "packs": {}, "ranks": {}}
    for source in sources:
        made, packs = _spectra(source, tolerances)
        blocks |= made
        index["packs"] |= packs
        for figure in source.figures:
            title = titles[figure.key] + (FULL_PROTOCOL if source.prefix else "")
            entry = {"title": title, **_ranks(source, figure)}
            index["ranks"][source.prefix + figure.key] = entry
    curves = {f.key: _curves(plan, _trained(plan, f)) for f in order if COLLAPSE in f.metrics}
    index["curves"] = {key: curve for key, curve in curves.items() if curve}
    for key, curve in index["curves"].items():
        blocks[f"curves-{curve['block']}"] = packed_json(curve.pop("rows"))
        curve["title"] = titles[key]
    index["opening"] = opening.chosen(index["ranks"])
    return Explore(index, blocks)


def _ranked(plan: Plan, figures: list[FigurePlan]) -> list[FigurePlan]:
    found = (_trained(plan, figure) for figure in figures if _tolerances(figure))
    return [figure for figure in found if figure.runs]


def _tolerances(figure: FigurePlan) -> list[tuple[str, float]]:
    """Return the ranks that a figure asks for: norm and tolerance."""
    matches = (RANK.fullmatch(name) for name in figure.metrics)
    return [(match[1], float(match[2])) for match in matches if match]


def _trained(plan: Plan, figure: FigurePlan) -> FigurePlan:
    """Return the figure with only those of its runs that are trained."""
    packs = tuple(name for name in figure.packs if plan.trained(name))
    there = {run for name in packs for run in plan.packs[name].runs}
    return replace(figure, runs=tuple(r for r in figure.runs if r in there), packs=packs)


def _spectra(source: Source, tolerances: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Return blocks by name, and what is in them by pack."""
    plan, wanted = source.plan, dict[str, set[str]]()
    for figure in source.figures:
        for name in figure.packs:
            wanted.setdefault(name, set()).update({*plan.packs[name].runs} & {*figure.runs})
    runs = {name: [r for r in plan.packs[name].runs if r in wanted[name]] for name in wanted}
    rows = {name: spectra.recorded(plan.pack_folder(name), runs[name]) for name in sorted(runs)}
    total = sum(int(part["values"].map(len).sum()) for part in rows.values())
    full = bool(source.prefix)
    stride = spectra.ENDS if full else max(1, ceil(total / spectra.BUDGET))
    also = (opening.LAST_RECORD,) if full else ()
    made = {n: spectra.block(rows[n], runs[n], tolerances, stride, also) for n in rows}
    index = {source.prefix + n: {**made[n].index, "stride": stride} for n in made}
    return {f"spectra-{source.prefix}{name}": made[name].data for name in made}, index


def _ranks(source: Source, figure: FigurePlan) -> dict[str, Any]:
    """Return a figure's fields, its runs with their values, and how it is drawn at first."""
    plan, fields = source.plan, differing(source.plan, figure.runs)
    numbers = plan.results / "figures" / f"{figure.key}.csv"
    own = _tolerances(figure)
    return {
        "fields": list(fields),
        "x": x_axis(numbers, list(fields)),
        "norm": own[0][0],
        "tolerance": own[0][1],
        "own": own,
        "packs": [source.prefix + name for name in figure.packs],
        "runs": _runs(plan, figure, fields, source.prefix),
        "reference": opening.reference(plan.results, figure.key),
    }


def _runs(
    plan: Plan, figure: FigurePlan, fields: dict[str, list[Any]], prefix: str = ""
) -> list[dict[str, Any]]:
    homes = {run: prefix + name for name in figure.packs for run in plan.packs[name].runs}
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
