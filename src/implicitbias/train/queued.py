"""The jobs of this folder that wait in SLURM's queue, and why."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..base.errors import printable

NAME = "implicitbias-"  # the names of jobs of the executor for SLURM begin with it
TIMEOUT_S = 20.0


def lines() -> list[str]:
    """Return a line on each job of this folder that waits, with SLURM's reason.

    There are none where there is no SLURM, or where it does not answer.
    """
    command = ["squeue", "--me", "--noheader", "--states=PENDING", "--format=%j|%Z|%r|%k"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return []
    here = str(Path.cwd())
    rows = (line.split("|", 3) for line in done.stdout.splitlines() if line.count("|") >= 3)
    return [
        printable(f"[queue] {comment}: waits ({reason})")
        for name, folder, reason, comment in rows
        if name.startswith(NAME) and folder == here
    ]
