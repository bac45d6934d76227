"""The summary of a plan: figures, sweeps, runs, packs, steps, time, and what is new."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from typing import Any

from ..base.errors import counted
from .plan import Plan
from .resources import Resources

_DAY_S = 86400.0


def summary(plan: Plan, gpus: int = 1) -> dict[str, Any]:
    """Return counts and estimates of a plan as plain values."""
    resources = Resources(plan)
    packs: dict[str, dict[str, Any]] = {}
    for name, pack in sorted(plan.packs.items()):
        members = plan.members(name)
        packs[name] = {
            "runs": len(pack.runs),
            "steps": members[0].steps,
            "samples": sum(s.samples for s in members),
            "device": resources.device(name),
            "seconds": resources.seconds(name),
            "minutes_asked": resources.minutes(name),
            "megabytes_asked": resources.megabytes(name),
            "trained": plan.trained(name),
        }
    new = {name: p for name, p in packs.items() if not p["trained"]}
    new_runs = {run for name in new for run in plan.packs[name].runs} & set(plan.runs)
    papers: dict[str, set[str]] = {}
    for key, figure in sorted(plan.figures.items()):
        papers.setdefault(key.partition("/")[0], set()).update(new.keys() & figure.packs)
    return {
        "scale": plan.config.scale,
        "device": plan.config.device,
        "sweeps": len(plan.config.sweeps),
        "figures": {
            key: {
                "runs": len(f.runs),
                "packs": len(f.packs),
                "new_runs": len({*f.runs} & new_runs),
                "new_seconds": sum(new[name]["seconds"] for name in f.packs if name in new),
            }
            for key, f in sorted(plan.figures.items())
        },
        "paper_seconds": {
            paper: sum(new[name]["seconds"] for name in names) for paper, names in papers.items()
        },
        "packs": packs,
        "runs": len(plan.runs),
        "new_runs": len(new_runs),
        "new_packs": len(new),
        "new_steps": sum(p["steps"] * p["runs"] for p in new.values()),
        "new_device_seconds": sum(p["seconds"] for p in new.values()),
        "gpus": gpus,
        "seconds_on_gpus": side_by_side([p["seconds"] for p in new.values()], gpus),
        "rates": [
            {
                "procedure": procedure,
                "device": device,
                "minutes": long,
                "factor": rate.factor,
                "spread": rate.spread,
                "packs": rate.packs,
            }
            for (procedure, device, long), rate in sorted(resources.rates.items())
        ],
        "cluster": _submission(resources),
        "warnings": list(plan.warnings),
    }


def _submission(resources: Resources) -> dict[str, Any]:
    """Return the jobs that a cluster gets for what is new: how many, GPU seconds, the longest.

    Hours are estimates and not requests; the hours of a shared job are the sum over its members. A
    figure is new if one of its packs is new; edited figures and metrics are detected by Snakemake.
    """
    plan = resources.plan
    new = {name for name in plan.packs if not plan.trained(name)}
    jobs = [
        (sum(map(resources.seconds, members)), f"{group}, {len(members)} packs", members[0])
        for group, together in resources.pack_groups.items()
        if (members := [name for name in together if name in new])
    ]
    jobs += [(resources.seconds(name), name, name) for name in new if not resources.group(name)]
    stale = {key for key, figure in plan.figures.items() if not new.isdisjoint(figure.packs)}
    papers = sum(not stale.isdisjoint(group) for group in resources.figure_groups.values())
    figures = 2 * papers  # one job measures, and one draws
    gpu = [seconds for seconds, _, name in jobs if resources.gpus(name)]
    seconds, longest, _ = max(jobs, default=(0.0, "", ""))
    return {
        "jobs": len(jobs) + figures + bool(stale),
        "training": len(jobs),
        "figures": figures,
        "gpu_jobs": len(gpu),
        "gpu_seconds": sum(gpu),
        "longest": longest,
        "longest_seconds": seconds,
    }


def side_by_side(seconds: Iterable[float], workers: int) -> float:
    """Return how long jobs take on as many workers [s], if the longest remaining job goes first."""
    busy = [0.0] * workers
    for job in sorted(seconds, reverse=True):
        heapq.heapreplace(busy, busy[0] + job)
    return max(busy)


def text(facts: dict[str, Any], detail: int = 2) -> str:
    """Return the summary for a person: by detail 0 alone, by 1 with figures, by 2 with packs."""
    lines = [
        f"scale {facts['scale']} on {facts['device']}: {counted(len(facts['figures']), 'figure')},"
        f" {counted(facts['sweeps'], 'sweep')}, {counted(facts['runs'], 'run')} in"
        f" {counted(len(facts['packs']), 'pack')}",
        *(_new(facts) if facts["new_runs"] else ["new: nothing; every run is trained"]),
        *(f"warning: {warning}" for warning in facts["warnings"]),
    ]
    if detail > 0:
        lines += ["", f"{'figure':<40}{'runs':>6}{'packs':>6}{'new runs':>9}{'alone':>11}"]
        lines += [
            f"{key:<40}{f['runs']:>6}{f['packs']:>6}{f['new_runs']:>9}"
            f"{_duration(f['new_seconds']) if f['new_runs'] else '-':>11}"
            for key, f in facts["figures"].items()
        ]
    if detail > 1:
        lines += ["", f"{'pack':<47}{'runs':>5}{'steps':>9}{'estimate':>11}"]
        lines += [
            f"{name:<47}{p['runs']:>5}{p['steps']:>9}"
            f"{'trained' if p['trained'] else _duration(p['seconds']):>11}"
            for name, p in facts["packs"].items()
        ]
    return "\n".join(lines)


def _new(facts: dict[str, Any]) -> list[str]:
    """Return what is new, how long it takes, and, where that is more than a day, how to cut it."""
    measured = sum(rate["packs"] for rate in facts["rates"])
    how = (
        f"corrected by {counted(measured, 'pack')} measured here"
        if measured
        else "right within a factor of two for MLPs, ResNet-18 and VGG-16, of ten for the rest"
    )
    if facts["device"] == "cuda":
        how += "; for CUDA a guess until one is measured"
    c = facts["cluster"]
    took = f"on {facts['gpus']} such devices at once: about {_duration(facts['seconds_on_gpus'])}"
    return [
        f"new: {counted(facts['new_runs'], 'run')} in {counted(facts['new_packs'], 'pack')},"
        f" {counted(facts['new_steps'], 'update')}, about"
        f" {_duration(facts['new_device_seconds'])} on one core or device ({how})",
        *([took] if facts["gpus"] > 1 else []),
        f"on a cluster: {counted(c['jobs'], 'job')} ({c['training']} of training,"
        f" {c['gpu_jobs']} with a GPU; {c['figures']} of figures),"
        f" {c['gpu_seconds'] / 3600:.1f} GPU-hours;"
        f" longest: {c['longest']}, {_duration(c['longest_seconds'])}",
        *(_cuts(facts) if facts["new_device_seconds"] > _DAY_S else []),
    ]


def _cuts(facts: dict[str, Any]) -> list[str]:
    """Return how to make less of a scale that takes more than a day."""
    scale, figures = facts["scale"], facts["figures"]
    short = sorted(
        (f["new_seconds"], key) for key, f in figures.items() if 0 < f["new_seconds"] < _DAY_S
    )
    example = short[0][1] if short else next(iter(figures))
    return [
        "to cut it:",
        f"  one figure: snakemake --cores all --config scale={scale} results/{scale}/figures/"
        f"{example}.svg ({len(short)} of {len(figures)} take less than a day alone)",
        "  one paper: `papers: [<paper>]` in config.yaml ("
        + ", ".join(f"{key} {_duration(s)}" for key, s in facts["paper_seconds"].items())
        + ")",
        "  fewer values or seeds: `sweeps: {<sweep>: {grid: ..., seeds: [0]}}` in config.yaml;"
        f" `runs <figure> --scale {scale}` shows what a figure has",
    ]


def as_json(facts: dict[str, Any]) -> str:
    """Return the summary for a program."""
    return json.dumps(facts, indent=1)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
