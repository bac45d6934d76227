"""The report is one HTML page of a plan's results, to be read offline and sent by mail.

The page asks nothing of the network: pictures, numbers, style and program are inside it, and it
names in a content security policy that it loads and runs nothing else. The same inputs give the
same bytes: the only time on it is that of the newest pack. Whatever can be read stands in the HTML;
the program only adds drawings, and starts after the page is there.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...analysis.claims import HEADLINE, KINDS, VERDICTS, holm
from ...base.files import write_text
from ...plan.plan import Plan
from . import script, words
from .agreement import Agreement, agreements
from .explore import Explore, explore
from .facts import Facts, read_facts
from .figure import Figure, read_figure
from .papers import Paper, by_paper

_HERE = Path(__file__).parent


def build(plan: Plan, out: Path, published_root: Path | None = None) -> None:
    """Write the page of everything under `plan.results` to `out`, whole or not at all.

    `published_root` is a folder laid out as `plan.results` is; where it has a figure of the plan,
    the page shows it folded up under ours. What is missing is named on the page; what is damaged is
    a UserError that names the file.
    """
    facts = read_facts(plan)
    itself = published_root and published_root.resolve() == plan.results.resolve()
    other = None if itself else published_root
    figures = [read_figure(plan, figure, facts, other) for figure in plan.figures.values()]
    papers = by_paper(figures)
    material = explore(plan, [figure for paper in papers for figure in paper.figures])
    met = agreements(published_root, sorted(plan.figures))
    write_text(out, _render(plan, facts, papers, material, met))


def _render(
    plan: Plan, facts: Facts, papers: list[Paper], material: Explore, met: list[Agreement]
) -> str:
    figures = [figure for paper in papers for figure in paper.figures]
    scripts = script.scripts() if material.blocks else ()
    page = environment().get_template("report.html")
    return page.render(
        css=style(),
        policy=script.policy(scripts),
        scripts=scripts,
        scale=plan.config.scale,
        facts=facts,
        papers=papers,
        figures=figures,
        explore=material,
        agreements=met,
        diverged=_diverged(figures),
        tally=_tally(figures),
        kinds=_kinds(papers),
        claims=_ordered(figures),
    )


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
    for name in ("number", "interval", "duration", "moment", "count", "coded"):
        environment.filters[name] = getattr(words, name)
    return environment


def _tally(figures: list[Figure]) -> dict[str, int]:
    """Return how many claims of the headline got each verdict, in the order of the page."""
    counts = Counter(c.verdict for f in figures for c in f.claims or () if c.kind in HEADLINE)
    return {verdict: counts[verdict] for verdict in VERDICTS}


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


def _ordered(figures: list[Figure]) -> list[dict[str, Any]]:
    """Return every claim with its figure: `fails` first and `holds` last."""
    rows = [{"figure": f, "claim": c} for f in figures for c in f.claims or ()]
    return sorted(rows, key=lambda row: VERDICTS.index(row["claim"].verdict))


def _diverged(figures: list[Figure]) -> dict[str, int]:
    """Return the numbers of diverged and of measured runs; a run of several figures counts once."""
    steps = {r.run: r.diverged for f in figures for r in f.runs.rows if r.diverged is not None}
    return {"runs": sum(step != "" for step in steps.values()), "of": len(steps)}
