"""A stand-in for PBS on one machine: linked as qsub, qstat and qdel, in a folder of its own.

Runs a job at once, in the background, in a session of its own, with $STANDIN_SHELL or sh. A folder
per job holds what it asked for, its process id and, once it has ended, its exit status.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

JOBS = Path(__file__).resolve().parent / "jobs"


def qsub(*arguments):
    JOBS.mkdir(exist_ok=True)
    job = f"{len(list(JOBS.iterdir())) + 1}.standin"
    folder = JOBS / job
    folder.mkdir()
    (folder / "options.json").write_text(json.dumps(arguments[:-1]))
    command = '${STANDIN_SHELL:-sh} "$1"; echo $? > "$2.part"; mv "$2.part" "$2"'
    process = subprocess.Popen(
        ["sh", "-c", command, "sh", arguments[-1], str(folder / "exit")], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=(folder / "out").open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    (folder / "pid").write_text(str(process.pid))
    return job


def qstat(*arguments):
    job = arguments[-1]
    end = JOBS / job / "exit"
    facts = {"job_state": "R"}
    if end.exists():
        facts = {"job_state": "F", "Exit_status": int(end.read_text())}
    return json.dumps({"Jobs": {job: facts}})


def qdel(*jobs):
    for job in jobs:
        os.killpg(int((JOBS / job / "pid").read_text()), signal.SIGKILL)
        (JOBS / job / "exit").write_text("271")
    return ""


if __name__ == "__main__":
    print({"qsub": qsub, "qstat": qstat, "qdel": qdel}[Path(sys.argv[0]).name](*sys.argv[1:]))
