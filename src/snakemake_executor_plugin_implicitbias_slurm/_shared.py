"""A SLURM job that runs several of Snakemake's jobs, its members, one after another.

Each member leaves its exit code in a file as soon as it has ended, and the controller reads that
file. A member that has ended does not run again when SLURM starts the job again.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SIGNAL_S = 120  # before its time limit a job is told to write a checkpoint
# `began` and `ended` are files of a member. A signal goes to all processes of the step: the member
# writes its checkpoint, and no further member begins. A member that was stopped leaves no exit
# code, because SLURM starts the job again, or the controller submits the member again.
_SCRIPT = """\
cd {directory} || exit 1
stop=
trap 'stop=1' INT TERM HUP
failed=0
member() {{ # its number, the files that it needs
  of={folder}/$1
  shift
  if [ -e "$of.ended" ]; then
    [ "$(cat "$of.ended")" = 0 ] || failed=1
    return
  fi
  [ -z "$stop" ] || return
  : > "$of.began"
  for file; do
    waited=0
    until [ -e "$file" ] || [ "$waited" -ge {latency} ]; do
      ls "$(dirname "$file")" > /dev/null 2>&1
      sleep 1
      waited=$((waited + 1))
    done
  done
  bash "$of.sh"
  code=$?
  [ $code = 0 ] || failed=1
  [ $code = 0 ] || [ -z "$stop" ] || return
  echo $code > "$of.part" && mv "$of.part" "$of.ended"
}}
{members}
[ -z "$stop" ] || exit 143
exit $failed
"""


@dataclass(eq=False)
class Member:
    """One of Snakemake's jobs: its command, the files it needs, and when it was ready."""

    job: Any
    command: str
    inputs: list[str]
    ready: float

    @property
    def key(self) -> tuple[str, str]:
        """Return what members of one SLURM job have in common, by the plan."""
        shared = self.job.resources.get("shared")
        return (shared, self.job.name) if shared else (str(self.job.jobid), self.job.name)

    @property
    def expected(self) -> int:
        """Return how many members the plan has for the same SLURM job."""
        return int(self.job.resources.get("shared_of") or 1)


@dataclass
class Shared:
    """A SLURM job: its members, the folder of their files, its id and its log."""

    folder: Path
    members: list[Member]
    id: str = ""
    log: Path = Path()
    doubts: int = 0  # how often in a row SLURM said that it has ended, or did not know it
    last: str | None = None  # the state in which it ended, as SLURM said it last
    reported: set[int] = field(default_factory=set)

    @property
    def label(self) -> str:
        """Return the comment of the job in the queue."""
        first = self.members[0].job
        if len(self.members) > 1:
            return f"{first.resources.get('shared')}, rule {first.name}"
        names = "_".join(map(str, dict(first.wildcards or {}).values())) if _rule(first) else ""
        return f"rule_{first.name}_wildcards_{names}" if names else f"rule_{first.name}"

    @property
    def threads(self) -> int:
        """Return the cores that the member with the most of them asks for."""
        return max(int(member.job.threads) for member in self.members)

    def request(self) -> list[str]:
        """Return the options of sbatch: the time of all members, of the rest the most of one."""
        asked = [member.job.resources for member in self.members]
        first = asked[0]
        options = [f"--cpus-per-task={self.threads}", "--ntasks=1"]
        if minutes := sum(int(one.get("runtime") or 0) for one in asked):
            options += [f"--time={minutes}", f"--signal=TERM@{min(SIGNAL_S, 30 * minutes)}"]
        if megabytes := max(int(one.get("mem_mb") or 0) for one in asked):
            options.append(f"--mem={megabytes}")
        if gpus := max(int(one.get("gpu") or 0) for one in asked):
            model = first.get("gpu_model")
            options.append(f"--gpus={model}:{gpus}" if model else f"--gpus={gpus}")
        for option, key in (
            ("partition", "slurm_partition"), ("account", "slurm_account"),
            ("constraint", "constraint"), ("qos", "qos"),
        ):  # fmt: skip
            if first.get(key):
                options.append(f"--{option}={first.get(key)}")
        return options + shlex.split(str(first.get("slurm_extra") or "").strip("'"))

    def write(self, latency_s: int) -> str:
        """Write the commands of the members, and return the script for sbatch."""
        self.folder.mkdir(parents=True)
        for i, one in enumerate(self.members):
            (self.folder / f"{i}.sh").write_text(f"{one.command}\n", encoding="utf-8")
        members = "\n".join(
            shlex.join(["member", str(i), *one.inputs]) for i, one in enumerate(self.members)
        )
        text = _SCRIPT.format(
            directory=shlex.quote(os.getcwd()), folder=shlex.quote(str(self.folder)),
            latency=latency_s, members=members,
        )  # fmt: skip
        path = self.folder / "members.sh"
        path.write_text(text, encoding="utf-8")
        # A step of its own: SLURM's signals go to steps, not to the script of the job.
        step = f"srun --ntasks=1 --cpus-per-task={self.threads} --cpu-bind=q bash"
        return f"#!/bin/bash\nexec {step} {shlex.quote(str(path))}\n"

    def began(self, index: int) -> bool:
        """Return whether a member has begun."""
        return (self.folder / f"{index}.began").exists()

    def code(self, index: int) -> int | None:
        """Return the exit code of a member; None while it has not ended."""
        try:
            return int((self.folder / f"{index}.ended").read_text())
        except (OSError, ValueError):
            return None

    def open(self) -> list[int]:
        """Return the members whose end has not been reported."""
        return [i for i in range(len(self.members)) if i not in self.reported]


def _rule(job: Any) -> bool:
    return not job.is_group()
