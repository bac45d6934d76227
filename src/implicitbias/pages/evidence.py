"""The page docs/results.md: results at the papers' own protocols, and what was not run."""

from __future__ import annotations

from pathlib import Path

from ..analysis.claims import VERDICTS, Claim
from ..base.errors import counted
from ..plan import papers, summary
from ..plan.config import Config
from ..plan.overlays import Sources
from ..plan.plan import Plan, make_plan
from .reference import escaped, table
from .report.agreement import Agreement
from .report.facts import Facts, read_facts
from .report.figure import Figure, read_figure
from .report.papers import by_paper
from .report.words import duration, interval, number

_PAGE = """# What the papers' own protocols give

<!-- Written by `python -m implicitbias evidence` from results/published; not edited by hand. -->

Scale `paper` has the papers' data, networks, grids and epochs; a figure that departs from them says
so under its picture. The runs are in `results/published`, each with its spec, seed, versions,
device, time and commit. `make paper-figures` draws every figure and writes this page again without
any training.

{summary}

## Beside the published points

{agreement}

{figures}
## Not run

{remaining}
"""


def page(published: Path) -> str:
    """Return the page, from the config, the published packs, and the claims drawn from them.

    The packs are those under `published`.

    Raises:
        UserError: a file under `published` is damaged.
    """
    done = _plan("published", published)
    asked = _plan("paper", published)
    facts = read_facts(done)
    figures = [f for p in by_paper([read_figure(done, f, facts, None) for f in
                                    done.figures.values()]) for f in p.figures]  # fmt: skip
    return _PAGE.format(
        summary=_summary(figures, facts, asked),
        agreement=_agreement(figures),
        figures="\n".join(_section(figure, done, facts) for figure in figures),
        remaining=_remaining(asked),
    )


def _plan(scale: str, published: Path) -> Plan:
    """Return the plan of a scale, with its packs looked for where the published packs are."""
    settings, sources = papers.of_scale(scale)
    here = Config.model_validate({**settings.model_dump(), "scale": published.name})
    every = Sources() if scale == "paper" else sources
    return make_plan(here, every, published.parent, absent_too=True)


def _summary(figures: list[Figure], facts: Facts, asked: Plan) -> str:
    trained = [provenance.seconds for provenance in facts.trained]
    part_only = sum(p.resumed for p in facts.trained)
    left_out = (
        f", without the work that {counted(part_only, 'resumed pack')} did before an interruption"
    )
    return (
        f"{len(figures)} of {len(asked.figures)} figures have runs: {counted(facts.runs, 'run')} of"
        f" {len(asked.runs):,} in {counted(len(trained), 'pack')}, {duration(sum(trained))} of"
        f" training on one core each{left_out if part_only else ''}."
        f" Trained on: {escaped('; '.join(facts.machines))}."
    )


def _agreement(figures: list[Figure]) -> str:
    rows = [
        [f"`{f.key}`", escaped(one.what), f"{one.within} of {len(one.compared)}",
         one.seeds, number(c.value), interval(c.ci_low, c.ci_high), c.verdict, escaped(c.note)]
        for f in figures
        for c in f.claims or ()
        if c.points
        for one in [Agreement(f.key, c)]
    ]  # fmt: skip
    if not rows:
        return "No figure with published points has runs yet."
    said = (
        "Our values and the published ones are compared after the same number of epochs. A point"
        " agrees if it lies in the 95% prediction interval for one more run beside at least three"
        " seeds of ours. With fewer than three seeds it agrees if it lies within a fixed tolerance,"
        " max(3, 5%) for ranks and max(0.02, 5%) for accuracies; this decides nothing. The share"
        " and its interval (95%, binomial) are computed over the points with three seeds, if there"
        " are any."
    )
    head = ["figure", "what", "points that agree", "seeds", "share", "interval", "verdict", "note"]
    return f"{said}\n\n{table(head, rows)}"


def _section(figure: Figure, plan: Plan, facts: Facts) -> str:
    seeds = sorted({row.seed for row in figure.runs.rows})
    packs = {row.pack.name for row in figure.runs.rows}
    lines = [
        f"## `{figure.key}`: {figure.title}\n",
        f"![{figure.title}](../{plan.results.parent.name}/{plan.results.name}/figures/"
        f"{figure.key}.png)\n",
        f"{counted(len(figure.runs.rows), 'run')}, {counted(len(seeds), 'seed')}"
        f" ({', '.join(map(str, seeds))}), {counted(len(packs), 'pack')}.\n",
        _claims(figure.claims or []),
    ]
    points = [(p, p.n) for c in figure.claims or () if "average" in c.id for p in c.points]
    if points:
        rows = [
            [escaped(p.panel), escaped(p.series), f"{p.x:g}", number(p.ours), number(p.published),
             interval(p.low, p.high), escaped(p.basis), str(n)]
            for p, n in points
        ]  # fmt: skip
        head = ["panel", "series", "x", "ours", "published", "agrees within", "basis", "n"]
        lines.append("\n" + table(head, rows))
    return "\n".join(lines) + "\n"


def _claims(claims: list[Claim]) -> str:
    rows = [
        [c.verdict, c.kind, escaped(c.claim), number(c.value), interval(c.ci_low, c.ci_high),
         escaped(c.interval), number(c.threshold), str(c.n), escaped(_said(c))]
        for verdict in VERDICTS
        for c in claims
        if c.verdict == verdict
    ]  # fmt: skip
    head = ["verdict", "kind", "claim", "value", "interval", "which", "threshold", "n", "note"]
    return table(head, rows)


def _said(claim: Claim) -> str:
    unmet = [f"not met: {part.name} ({part.measured})" for part in claim.unmet]
    return "; ".join([*unmet, *([claim.note] if claim.note else [])])


def _remaining(asked: Plan) -> str:
    facts = summary.summary(asked)
    rows = []
    for key, figure in sorted(asked.figures.items()):
        new = [name for name in figure.packs if not asked.trained(name)]
        if new:
            runs = len({run for name in new for run in asked.packs[name].runs} & {*figure.runs})
            hours = sum(facts["packs"][name]["seconds"] for name in new) / 3600
            rows.append([f"`{key}`", f"{runs:,} of {len(figure.runs):,}", f"{hours:,.1f}"])
    total = facts["new_device_seconds"] / 3600
    measured = "".join(
        f", for `{rate['procedure']}` times {rate['factor']:.2f}, measured over estimated"
        f" time of {counted(rate['packs'], 'published pack')}"
        for rate in facts["rates"]
        if rate["minutes"]
    )
    return (
        f"{facts['new_runs']:,} runs in {facts['new_packs']} packs have not been made; they would"
        f" take about {total:,.0f} core-hours in all. Runs that several figures share are counted"
        " for each of them. The hours are the planner's estimate for one CPU"
        f" core{measured}. It is right within a factor of two for MLPs, ResNet-18 and VGG-16, and"
        " of ten for other models.\n\n" + table(["figure", "runs not trained", "core-hours"], rows)
    )
