"""A stand-in for SLURM on one machine: linked as sbatch, squeue, sacct, scancel and srun.

Runs a job at once, in the background, in a session of its own. Files in its folder change what it
does: `busy` (how often sbatch takes nothing), `most` (jobs at once), `refuse` (words), `forgetful`
(squeue lists no job that has ended), `accounting` (sacct knows them).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent
JOBS = HOME / "jobs"


def setting(name):
    return (HOME / name).read_text() if (HOME / name).exists() else ""


def error(words):
    sys.exit(f"sbatch: error: {words}")


def sbatch(*options):
    JOBS.mkdir(exist_ok=True)
    busy = int(setting("busy") or 0)
    if busy:
        (HOME / "busy").write_text(str(busy - 1))
        error("Batch job submission failed: Socket timed out on send/recv operation")
    if (most := setting("most")) and sum(state(job) == "RUNNING" for job in jobs()) >= int(most):
        error("AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates"
              " accounting/QOS policy (job submit limit, and so on)")  # fmt: skip
    if words := setting("refuse"):
        error(words)
    job = str(len(jobs()) + 1)
    folder = JOBS / job
    folder.mkdir()
    (folder / "options").write_text("\n".join(options))
    (folder / "script").write_text(sys.stdin.read())
    start(job)
    return job


def start(job):
    folder = JOBS / job
    options = dict(o.partition("=")[::2] for o in (folder / "options").read_text().splitlines())
    command = 'bash "$1/script"; echo $? > "$1/exit.part"; mv "$1/exit.part" "$1/exit"'
    with Path(options["--output"].replace("%j", job)).open("a") as log:
        process = subprocess.Popen(
            ["sh", "-c", command, "sh", str(folder)], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": f"{HOME}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
    (folder / "pid").write_text(str(process.pid))


def requeue(job):
    """As after the loss of a node."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(int((JOBS / job / "pid").read_text()), signal.SIGKILL)
    start(job)


def jobs():
    return sorted(path.name for path in JOBS.iterdir()) if JOBS.exists() else []


def state(job):
    if (JOBS / job / "cancelled").exists():
        return "CANCELLED"
    if not (JOBS / job / "exit").exists():
        return "RUNNING"
    return "FAILED" if int((JOBS / job / "exit").read_text()) else "COMPLETED"


def listed(wanted):
    return "\n".join(f"{job}|{state(job)}" for job in jobs() if wanted(job))


def squeue(*options):
    return listed(lambda job: state(job) == "RUNNING" or not setting("forgetful"))


def sacct(*options):
    return listed(lambda job: True) if setting("accounting") else sys.exit("no accounting")


def scancel(*ids):
    for job in ids:
        if state(job) == "RUNNING":
            (JOBS / job / "cancelled").touch()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int((JOBS / job / "pid").read_text()), signal.SIGTERM)
    time.sleep(1)


def srun(*words):
    command = [word for word in words if not word.startswith("-")]
    os.execvp(command[0], command)


if __name__ == "__main__":
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    commands = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel}
    print({**commands, "srun": srun}[name](*arguments) or "")
