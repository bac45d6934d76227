"""Ask SLURM, before anything is submitted, whether it would accept each kind of job.

This is `plan --check`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import NamedTuple

from ..base.errors import UserError, printable
from .plan import Plan
from .resources import SMALL_MB, Resources

TIMEOUT_S = 60.0


class Ask(NamedTuple):
    """The request of jobs of one kind to the scheduler; a value of None is not requested.

    place: cpu or gpu, the section of the config's `cluster`.
    """

    place: str
    partition: str | None
    account: str | None
    constraint: str | None
    gpus: str | None
    minutes: int
    megabytes: int

    def command(self) -> list[str]:
        """Return the sbatch command that tests the request and submits nothing."""
        options = {
            "partition": self.partition,
            "account": self.account,
            "gpus": self.gpus,
            "constraint": self.constraint,
            "time": self.minutes,
            "mem": self.megabytes,
        }
        asked = [f"--{name}={value}" for name, value in options.items() if value is not None]
        return ["sbatch", "--test-only", *asked, "--wrap=true"]  # fmt: skip


def asks(plan: Plan) -> dict[Ask, list[str]]:
    """Return each distinct request of the jobs to come, and what the jobs with it would make."""
    need = Resources(plan)
    found: dict[Ask, list[str]] = {}
    for name in plan.packs:
        if not plan.trained(name):
            place, gpus = need.place(name), need.gpus(name)
            kind = ":".join(str(part) for part in (need.gpu_model(name), gpus) if part)
            together = need.pack_groups[shared] if (shared := need.group(name)) else [name]
            ask = Ask("gpu" if gpus else "cpu", place.partition, need.cluster.account,
                      place.constraint, kind or None, sum(map(need.minutes, together)),
                      max(map(need.megabytes, together)))  # fmt: skip
            found.setdefault(ask, []).append(f"pack {name}")
    cpu = need.place()
    for group, keys in need.figure_groups.items():
        minutes = sum(need.small_minutes(figure=key) for key in keys)
        ask = Ask("cpu", cpu.partition, need.cluster.account, cpu.constraint, None, minutes,
                  SMALL_MB)  # fmt: skip
        found.setdefault(ask, []).append(group)
    return found


def problems(plan: Plan) -> list[str]:
    """Return one line for each cause for which SLURM would refuse jobs or never start them.

    UserError where there is no SLURM, or where it does not answer.
    """
    if shutil.which("sbatch") is None:
        raise UserError(
            "plan --check: there is no sbatch here; it is asked where jobs are submitted"
        )
    limits = partition_minutes()
    causes: dict[tuple[str, str], list[str]] = {}
    for ask, jobs in sorted(asks(plan).items(), key=lambda pair: repr(pair[0])):
        name, limit = limits.get(ask.partition, (ask.partition or "the default", None))
        if limit is not None and ask.minutes > limit:
            cause = (
                f"can never start in partition {name}: its limit is {limit} min, and more is asked;"
                f" write `max_minutes: {limit}`, or choose another partition"
            )
        else:
            cause = _refusal(ask)
        if cause:
            causes.setdefault((ask.place, cause), []).extend(jobs)
    return [
        f"cluster.{place}: {jobs[0]}{f' and {len(jobs) - 1} more' if jobs[1:] else ''}: {cause}"
        for (place, cause), jobs in causes.items()
    ]


def partition_minutes() -> dict[str | None, tuple[str, int | None]]:
    """Return partition -> its name and time limit [minutes], None for none.

    The key None is the default partition.
    """
    limits: dict[str | None, tuple[str, int | None]] = {}
    for line in _asked(["sinfo", "--noheader", "--format=%P %l"]).splitlines():
        shown, _, limit = line.strip().partition(" ")
        name, minutes = shown.rstrip("*"), as_minutes(limit.strip())
        limits[name] = name, minutes
        if shown.endswith("*"):
            limits[None] = name, minutes
    return limits


def as_minutes(limit: str) -> int | None:
    """Return SLURM's time, `days-hours:minutes:seconds`, in whole minutes; None for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if match is None:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return 60 * (24 * days + hours) + minutes


def _refusal(ask: Ask) -> str:
    """Return the scheduler's words if it would refuse the request, else an empty text."""
    try:
        _asked(ask.command())
    except UserError as error:
        return str(error)
    return ""


def _asked(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{command[0]}: {printable(str(error))}") from error
    if done.returncode:
        words = printable(" ".join((done.stderr or done.stdout).split()))[:400]
        raise UserError(f"{command[0]} says: {words}")
    return done.stdout
