"""SLURM's commands: submit a job, ask for the states of jobs, cancel jobs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence

TIMEOUT_S = 60.0
# While a job is in one of these states, SLURM will start it, runs it, or starts it again.
ALIVE = (
    "PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD",
    "REQUEUE_FED", "RESIZING", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED",
)  # fmt: skip
# What sbatch says where the same request may be accepted later.
_BUSY = re.compile(
    r"MaxSubmit|maximum number of jobs|temporarily|timed? ?out|Connection refused"
    r"|Unable to contact|Communication connection failure|Transport endpoint|Zero Bytes"
    r"|Unexpected message|in standby|Resource temporarily unavailable",
    re.IGNORECASE,
)


class Refused(Exception):
    """SLURM refuses a request for good; the text is in its own words."""


class Busy(Exception):
    """SLURM takes no job now; the text is in its own words."""


def submit(options: Sequence[str], script: str, others: bool) -> str:
    """Submit a script and return the id of its job.

    Raises Busy where the request may be accepted later, and else Refused. Older versions of SLURM
    do not name the limit that a request exceeds; it may then be the limit on the number of jobs,
    where `others` of this workflow are in the queue.
    """
    command = ["sbatch", "--parsable", *options]
    try:
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, timeout=TIMEOUT_S,
            env=_environment(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Busy(f"no answer in {TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise Refused(f"sbatch: {error.strerror}") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).replace("sbatch: error:", " ").split())
        later = _BUSY.search(said) or (others and "job submit limit" in said)
        raise (Busy if later else Refused)(said)
    last = done.stdout.strip().splitlines()[-1:] or [""]
    number = re.match(r"\d+", last[0])
    if number is None:
        raise Refused(f"an answer without the id of a job: {done.stdout.strip()!r}")
    return number[0]


def states(name: str, jobs: Collection[str]) -> dict[str, str | None] | None:
    """Return the state of each job of this name, None for a job that SLURM has forgotten.

    The queue is asked first. Accounting is asked for jobs that have left it. Returns None where
    SLURM does not answer.
    """
    said = _said("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%i|%T")
    if said is None:
        return None
    found: dict[str, str | None] = dict.fromkeys(jobs)
    found.update(_pairs(said, jobs))
    lost = [job for job, state in found.items() if state is None]
    if lost:
        asked = f"--jobs={','.join(lost)}"
        said = _said("sacct", "-X", "--parsable2", "--noheader", "--format=JobIDRaw,State", asked)
        found.update(_pairs(said or "", lost))
    return found


def cancel(jobs: Collection[str]) -> None:
    """Cancel jobs; those that have ended are no error."""
    if jobs:
        _said("scancel", *jobs)


def _pairs(said: str, jobs: Collection[str]) -> Mapping[str, str]:
    rows = (line.strip().partition("|") for line in said.splitlines())
    return {job: (state.split() or [""])[0] for job, _, state in rows if job in jobs}


def _said(*command: str) -> str | None:
    """Return the output of a command, None where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    """Return the environment without what describes the job that this process may run in."""
    return {
        key: value
        for key, value in os.environ.items()
        if key == "SLURM_CONF" or not key.startswith(("SLURM_", "SBATCH_", "SRUN_"))
    }
