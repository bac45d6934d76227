"""What a cluster gets to do for a plan: jobs, GPU-hours, the longest one."""

from __future__ import annotations

from typing import Any

from .resources import Resources


def submission(resources: Resources) -> dict[str, Any]:
    """The jobs that a cluster gets for what is new: how many, GPU-hours, the longest.

    Hours are estimates, not what is asked for; of a shared job, its members' sum. A figure is new
    if one of its packs is: edited figures and metrics are Snakemake's to find.
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
    figures = sum(not stale.isdisjoint(group) for group in resources.figure_groups.values())
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
