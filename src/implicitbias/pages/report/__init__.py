"""The report is one HTML page of a plan's results, to be read offline and sent by mail.

The page asks nothing of the network: pictures, numbers, style and program are inside it, and it
names in a content security policy that it loads and runs nothing else. The same inputs give the
same bytes: the only time on it is that of the newest pack. Every sentence and verdict stands in the
HTML, with a thumbnail of each figure; pictures in full, tables of runs and drawings are packed, and
unpacked by the program when a reader opens them.
"""

from __future__ import annotations

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...analysis.claims import HEADLINE, KINDS, VERDICTS, holm
from ...base.errors import counted
from ...base.files import write_text
from ...figures._letters import written
from ...plan.plan import Plan
from . import script, words
from .agreement import Agreement, agreements
from .blocks import packed, packed_json
from .explore import Explore, explore
from .facts import Facts, read_facts
from .figure import Figure, read_figure
from .papers import Paper, by_paper
from .verdicts import bar

_HERE = Path(__file__).parent


def build(plan: Plan, out: Path, published_root: Path | None = None) -> None:
    """Write the page of everything under `plan.results` to `out`, whole or not at all.

    `published_root` is a folder laid out as `plan.results` is; where it has a figure of the plan,
    the page shows it beside ours. What is missing is named on the page; what is damaged is a
    UserError that names the file.
    """
    facts = read_facts(plan)
    itself = published_root and published_root.resolve() == plan.results.resolve()
    other = None if itself else published_root
    figures = [read_figure(plan, figure, facts, other) for figure in plan.figures.values()]
    papers = by_paper(figures)
    material = explore(plan, [figure for paper in papers for figure in paper.figures], other)
    met = agreements(published_root, sorted(plan.figures))
    write_text(out, _render(plan, facts, papers, material, met))


def _render(
    plan: Plan, facts: Facts, papers: list[Paper], material: Explore, met: list[Agreement]
) -> str:
    figures = [figure for paper in papers for figure in paper.figures]
    drawn = bool(material.tools) or any(figure.points for figure in figures)
    return environment().get_template("report.html").render(
        css=style(),
        policy=script.policy((script.own(), *([script.vega()] if drawn else []))),
        script=Markup(script.own()),
        scale=plan.config.scale,
        facts=facts,
        papers=papers,
        figures=figures,
        explore=material,
        agreements=met,
        agreed={agreement.key: agreement for agreement in reversed(met)},
        diverged=_diverged(figures),
        total=bar(c for f in figures for c in f.claims or () if c.kind in HEADLINE),
        kinds=_kinds(papers),
        blocks=_blocks(facts, figures, material, drawn),
    )  # fmt: skip


def _blocks(facts: Facts, figures: list[Figure], material: Explore, drawn: bool) -> dict[str, str]:
    """Return everything that is unpacked later, by name."""
    blocks = {"index": packed_json(material.index), "packs": facts.packed, **material.blocks}
    for figure in figures:
        parts = {
            "picture": figure.picture and figure.picture.data,
            "published": figure.published and figure.published.picture.data,
            "csv": figure.numbers,
            "points": figure.points,
            "runs": figure.runs.packed,
        }
        blocks |= {f"{part}-{figure.anchor}": data for part, data in parts.items() if data}
    return blocks | ({"vega": packed(script.vega().encode())} if drawn else {})


def style() -> Markup:
    """Return the pages' style sheet: our own file, not input."""
    return Markup((_HERE / "style.css").read_text(encoding="utf-8"))


def environment() -> Environment:
    """Return the environment of templates, in which autoescape is on.

    Titles, notes and config values are text, whatever they contain.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["marks"] = words.MARKS
    for name in ("number", "interval", "duration", "moment", "coded", "capital"):
        environment.filters[name] = getattr(words, name)
    environment.filters["count"] = counted
    environment.filters["written"] = written
    return environment


def _kinds(papers: list[Paper]) -> list[tuple[str, list[int], int, int]]:
    """Return a row per kind: verdicts, decided claims with a p-value, and those after Holm."""
    every = [c for paper in papers for f in paper.figures for c in f.claims or ()]
    kept = [c for paper in papers for c in holm(c for f in paper.figures for c in f.claims or ())]
    rows = []
    for kind in KINDS:
        mine = [c for c in every if c.kind == kind]
        counts = [sum(c.verdict == verdict for c in mine) for verdict in VERDICTS]
        decided = sum(c.decided and math.isfinite(c.p) for c in mine)
        rows.append((kind, counts, decided, sum(c.kind == kind for c in kept)))
    return [row for row in rows if any(row[1])]


def _diverged(figures: list[Figure]) -> dict[str, int]:
    """Return the numbers of diverged and of measured runs; a run of several figures counts once."""
    steps = {r.run: r.diverged for f in figures for r in f.runs.rows if r.diverged is not None}
    return {"runs": sum(step != "" for step in steps.values()), "of": len(steps)}
