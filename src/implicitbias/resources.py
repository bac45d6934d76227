"""What a pack's job asks of a scheduler: device, time, memory, place; from the cost estimate.

Asking is a function of the plan and of the packs trained so far, so it may change from one call to
the next. Nothing that is made depends on it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property
from statistics import median
from typing import Any

from . import provenance
from .cluster import GpuPlace, Place
from .plan import Plan

_BASE_MB = 1000  # Python with torch loaded, and the two Snakemakes of a job on a cluster
_CUDA_MB = 3000  # the CUDA context and its libraries
_START_MINUTES = 5  # queueing processes, importing, reading data over a network


class Resources:
    """The requests of a plan's packs. `attempt` counts from 1: time and memory are multiplied."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cluster = plan.config.cluster

    def device(self, pack: str) -> str:
        """`cuda` if the config says so and the procedure can; else `cpu`."""
        return self.plan.config.device if self.plan.members(pack)[0].GPU else "cpu"

    def gpus(self, pack: str) -> int | None:
        """1 or None: what asks for no GPU does not mention it."""
        return 1 if self.device(pack) == "cuda" else None

    def place(self, pack: str | None = None) -> Place:
        """Where the pack goes; without a pack, where what needs no GPU goes."""
        return self.cluster.gpu if pack and self.gpus(pack) else self.cluster.cpu

    def gpu_model(self, pack: str) -> str | None:
        """The type of GPU to ask for."""
        place = self.place(pack)
        return place.gpu_model if isinstance(place, GpuPlace) else None

    def seconds(self, pack: str) -> float:
        """Estimated seconds of training, with this device's measured rate where there is one."""
        factor, _ = self.rates.get(self._class(pack), (1.0, 0))
        return factor * self._model_seconds(pack)

    def minutes(self, pack: str, attempt: int = 1) -> int:
        """Run time to ask for: the sweep's own, or estimate x headroom; at most the partition's."""
        own = self.plan.request(pack).minutes
        headroom = self.cluster.headroom
        estimate = _START_MINUTES + math.ceil(headroom * self.seconds(pack) / 60)
        limit = self.place(pack).max_minutes or math.inf
        return int(min((own or estimate) * attempt, limit))

    def megabytes(self, pack: str, attempt: int = 1) -> int:
        """Memory to ask for: the sweep's own or the estimate."""
        members = self.plan.members(pack)
        estimate = _BASE_MB + math.ceil(members[0].estimated_megabytes(len(members)))
        estimate += _CUDA_MB if self.gpus(pack) else 0
        return (self.plan.request(pack).megabytes or estimate) * attempt

    def group(self, pack: str) -> str | None:
        """The group of a pack that shares a job with others; None if it has one of its own."""
        if self._model_seconds(pack) > 60 * self.cluster.short_minutes:
            return None
        return f"short_{'gpu' if self.gpus(pack) else 'cpu'}_packs"

    @cached_property
    def rates(self) -> dict[tuple[str, str], tuple[float, int]]:
        """(procedure, device) -> median of measured over estimated seconds, and of how many packs.

        Packs trained in one piece on this device: a resumed pack's seconds are of a part.
        """
        ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
        for name in self.plan.packs:
            if self.plan.trained(name):
                facts = provenance.read(self.plan.pack_folder(name))
                on = "cpu" if facts["device"] == "cpu" else "cuda"
                if facts.get("resumed") is False and on == self.device(name):
                    ratios[self._class(name)].append(facts["seconds"] / self._model_seconds(name))
        return {key: (median(values), len(values)) for key, values in ratios.items()}

    def _class(self, pack: str) -> tuple[str, str]:
        return self.plan.members(pack)[0].procedure, self.device(pack)

    def _model_seconds(self, pack: str) -> float:
        members = self.plan.members(pack)
        return members[0].estimated_seconds(len(members), self.device(pack))


def submission(resources: Resources, components: dict[str, int]) -> dict[str, Any]:
    """The jobs that a cluster gets for what is new: how many, GPU-hours, the longest.

    `components` is the profile's group-components: how many members of a group share a job.
    Hours are estimates, not what is asked for; of a shared job, its members' sum.
    """
    plan = resources.plan
    new = [name for name in plan.packs if not plan.trained(name)]
    groups: dict[str, list[float]] = defaultdict(list)
    jobs: list[tuple[float, str, bool]] = []
    for name in new:
        group, seconds = resources.group(name), resources.seconds(name)
        if group is None:
            jobs.append((seconds, name, bool(resources.gpus(name))))
        else:
            groups[group].append(seconds)
    for group, times in groups.items():
        size = components.get(group, 1)
        times.sort(reverse=True)  # the worst the scheduler can put together, first
        for i in range(0, len(times), size):
            part = times[i : i + size]
            jobs.append((sum(part), f"{len(part)} {group.replace('_', ' ')}", "gpu" in group))
    train = len(jobs)
    stale = {key for key, f in plan.figures.items() if set(f.packs) & {*new}}
    size = components.get("figures_{paper}", 1)
    papers = [key.partition("/")[0] for key in stale]
    figures = sum(-(-papers.count(paper) // size) for paper in {*papers})
    longest = max(jobs, default=(0.0, "", False))
    return {
        "jobs": train + figures + bool(stale),
        "training": train,
        "figures": figures,
        "gpu_jobs": sum(gpu for *_, gpu in jobs),
        "gpu_seconds": sum(seconds for seconds, _, gpu in jobs if gpu),
        "longest": longest[1],
        "longest_seconds": longest[0],
    }
