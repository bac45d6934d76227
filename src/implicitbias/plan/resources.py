"""The resources that a job requests from a scheduler, from the cost estimate.

The resources are device, time, memory, partition and group. A request is a function of the plan and
of the packs trained so far, so it may change from one call to the next. No result depends on it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import mean, stdev
from typing import NamedTuple

from ..base import provenance
from .cluster import GpuPlace, Place
from .plan import Plan
from .spec import BASE_MB

SHORT_S = 60.0  # start-up is most of the time of a shorter pack
MOST_SPREAD = 10.0
SMALL_MINUTES = 5  # of a rule that measures, draws or reports
SMALL_MB = 2000
_CUDA_MB = 3000  # the CUDA context and its libraries
_START_MINUTES = 5  # queueing processes, importing, reading data over a network


Class = tuple[str, str, bool]  # procedure, device, whether its packs take a minute or more


class Rate(NamedTuple):
    """The ratio of measured to estimated seconds of packs.

    spread: the factor by which a further pack may exceed this ratio, two standard deviations of the
    logarithms. It is 1 below three packs.
    """

    factor: float
    spread: float
    packs: int

    @classmethod
    def of(cls, times: Sequence[tuple[float, float]]) -> Rate:
        """Return the rate of packs with these measured and estimated seconds."""
        factor = sum(took for took, _ in times) / sum(guess for _, guess in times)
        logs = [math.log(took / guess) for took, guess in times if took > 0]
        spread = math.exp(2 * stdev(logs)) if len(logs) > 2 else 1.0
        return cls(factor, min(spread, MOST_SPREAD), len(times))


class Resources:
    """The requests of a plan's jobs.

    `attempt` counts from 1 and multiplies time and memory.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cluster = plan.config.cluster

    def device(self, pack: str) -> str:
        """Return `cuda` if the config says so and the procedure supports it; else `cpu`."""
        return self.plan.config.device if self.plan.members(pack)[0].GPU else "cpu"

    def gpus(self, pack: str) -> int | None:
        """Return 1, or None for a pack on the CPU, whose job does not mention GPUs."""
        return 1 if self.device(pack) == "cuda" else None

    def place(self, pack: str | None = None) -> Place:
        """Return partition and constraint of a pack's job, or of a job that needs no GPU."""
        return self.cluster.gpu if pack and self.gpus(pack) else self.cluster.cpu

    def gpu_model(self, pack: str) -> str | None:
        """Return the type of GPU to request."""
        place = self.place(pack)
        return place.gpu_model if isinstance(place, GpuPlace) else None

    def seconds(self, pack: str) -> float:
        """Return the estimated seconds of training a pack.

        The estimate is at this device's measured rate where there is one.
        """
        return self._rate(pack).factor * self._estimates[pack]

    def minutes(self, pack: str, attempt: int = 1) -> int:
        """Return the run time to request, at most the partition's [minutes].

        It is the time that the sweep states. Otherwise it is the estimate times the config's
        headroom, or times the spread of the measured rates where that is larger. For packs that
        share a job, Snakemake requests the sum of their times, and this sum stays below the limit.
        """
        group = self.group(pack)
        together = self.pack_groups[group] if group else [pack]
        total = sum(map(self._first_minutes, together))
        return self._grown(self._first_minutes(pack), total, attempt, self.place(pack))

    def small_minutes(self, attempt: int = 1, figure: str | None = None) -> int:
        """Return the run time of a small rule [minutes].

        The rule runs alone, or is one of the two rules of a figure, in its group.
        """
        members = self.figure_groups[self.figure_group(figure)] if figure else [""]
        total = SMALL_MINUTES * len(members) * (2 if figure else 1)
        return self._grown(SMALL_MINUTES, total, attempt, self.place())

    def megabytes(self, pack: str, attempt: int = 1) -> int:
        """Return the memory to request, as the sweep states it, or the estimate [MB]."""
        members = self.plan.members(pack)
        estimate = BASE_MB + math.ceil(members[0].estimated_megabytes(len(members)))
        estimate += _CUDA_MB if self.gpus(pack) else 0
        return (self.plan.request(pack).megabytes or estimate) * attempt

    def group(self, pack: str) -> str | None:
        """Return the group of a pack that shares a job; None if it has a job of its own."""
        return self._group_of.get(pack)

    def figure_group(self, figure: str) -> str:
        """Return the group in which a figure is measured and drawn."""
        return self._group_of[figure]

    @cached_property
    def pack_groups(self) -> dict[str, list[str]]:
        """Return group -> the short packs that share its job, on one device.

        Their minutes sum to at most shared_minutes. The untrained packs come first, so that new
        packs fill as few jobs as possible.
        """
        short: dict[str, dict[str, int]] = {"cpu": {}, "cuda": {}}
        for name in sorted(self.plan.packs, key=lambda name: (self.plan.trained(name), name)):
            if self._estimates[name] <= 60 * self.cluster.short_minutes:
                short[self.device(name)][name] = self._first_minutes(name)
        return {
            **self._cut("short_cpu_packs", short["cpu"], self.cluster.cpu),
            **self._cut("short_gpu_packs", short["cuda"], self.cluster.gpu),
        }

    @cached_property
    def figure_groups(self) -> dict[str, list[str]]:
        """Return group -> the figures of one paper that share its job.

        Their minutes sum to at most shared_minutes.
        """
        papers: dict[str, dict[str, int]] = defaultdict(dict)
        for key in sorted(self.plan.figures):
            papers[key.partition("/")[0]][key] = 2 * SMALL_MINUTES
        groups: dict[str, list[str]] = {}
        for paper, figures in papers.items():
            groups.update(self._cut(f"figures_{paper}", figures, self.cluster.cpu))
        return groups

    def members(self, group: str | None) -> int | None:
        """Return how many jobs of one rule a group has: its untrained packs, or its figures."""
        if group is None:
            return None
        if group in self.figure_groups:
            return len(self.figure_groups[group])
        return sum(not self.plan.trained(name) for name in self.pack_groups[group])

    @property
    def groups(self) -> list[str]:
        """Return every group; all jobs of a group run as one job."""
        return [*self.pack_groups, *self.figure_groups]

    @cached_property
    def rates(self) -> dict[Class, Rate]:
        """Return the measured rate of each class of packs that has been trained here.

        Packs of less than a minute are a class of their own, because start-up is most of their time
        and says nothing about a training of hours. The ratio is taken over all seconds together, so
        that the longest packs have the largest weight. Only packs trained in one piece on this
        device count, because the seconds of a resumed pack cover only a part.
        """
        times_of: dict[Class, list[tuple[float, float]]] = defaultdict(list)
        for name in self.plan.packs:
            if self.plan.trained(name):
                facts = provenance.read(self.plan.pack_folder(name))
                on = "cpu" if facts["device"] == "cpu" else "cuda"
                if facts.get("resumed") is False and on == self.device(name):
                    times = facts["seconds"], self._estimates[name]
                    times_of[self._class(name)].append(times)
        return {key: Rate.of(times) for key, times in times_of.items()}

    @cached_property
    def _estimates(self) -> dict[str, float]:
        """Return pack -> seconds by the cost model alone, averaged over its members.

        Members may differ in their numbers of steps.
        """
        estimates = {}
        for name in self.plan.packs:
            members, device = self.plan.members(name), self.device(name)
            estimates[name] = mean(s.estimated_seconds(len(members), device) for s in members)
        return estimates

    @cached_property
    def _group_of(self) -> dict[str, str]:
        groups = {**self.pack_groups, **self.figure_groups}
        return {member: group for group, members in groups.items() for member in members}

    def _class(self, pack: str) -> Class:
        long = self._estimates[pack] >= SHORT_S
        return self.plan.members(pack)[0].procedure, self.device(pack), long

    def _rate(self, pack: str) -> Rate:
        return self.rates.get(self._class(pack), Rate(1.0, 1.0, 0))

    def _first_minutes(self, pack: str) -> int:
        headroom = max(self.cluster.headroom, self._rate(pack).spread)
        estimate = math.ceil(headroom * self.seconds(pack) / 60)
        return self.plan.request(pack).minutes or _START_MINUTES + estimate

    def _cut(self, name: str, minutes: Mapping[str, int], place: Place) -> dict[str, list[str]]:
        """Return members in order, in groups whose minutes sum to at most shared_minutes."""
        limit = min(self.cluster.shared_minutes, place.max_minutes or math.inf)
        groups: dict[str, list[str]] = {}
        left = 0.0
        for member, needs in minutes.items():
            if needs > left:
                groups[f"{name}_{len(groups) + 1}"] = []
                left = limit
            groups[f"{name}_{len(groups)}"].append(member)
            left -= needs
        return groups

    @staticmethod
    def _grown(minutes: int, total: int, attempt: int, place: Place) -> int:
        """Return the minutes of a member of a group that asks for `total`, kept in limits."""
        limit = place.max_minutes or math.inf
        return max(1, int(minutes * min(attempt, limit / total)))
