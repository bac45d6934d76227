"""A login node for the tests: a folder with the workflow's files, and what is said and queued."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILE = "workflow/profiles/slurm"
PATIENCE = "seconds-between-status-checks: "


class Login:
    """A login node: a folder with the workflow's own files, and commands that run there."""

    def __init__(self, folder):
        self.folder, self.started = folder, []
        for name in ("Snakefile", "config.yaml", "Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "workflow", folder / "workflow")
        (folder / "profiles").symlink_to("workflow/profiles")
        profile = folder / PROFILE / "config.yaml"
        text = profile.read_text()
        assert f"{PATIENCE}10" in text
        profile.write_text(text.replace(f"{PATIENCE}10", f"{PATIENCE}1"))
        (folder / ".venv").mkdir()  # the environment of the tests, made already
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        (folder / ".venv" / "ready").touch()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path}

    def start(self, *arguments):
        """Snakemake, in the background."""
        return self.run(sys.executable, "-m", "snakemake", *arguments, "--config", "scale=smoke")

    def run(self, *command):
        """Any command, in the background."""
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.started.append(process)
        return process

    def tables(self):
        """The tables there are."""
        return sorted(
            p.relative_to(self.folder) for p in self.folder.glob("results/*/tables/*/*.parquet")
        )

    def end(self):
        """Interrupt what still runs, and wait for it."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=30)
                process.kill()


def finished(process, well=True):
    """What a process said by its end."""
    output, _ = process.communicate(timeout=1800)
    assert (process.returncode == 0) == well, output
    return output


def waited(condition, process=None, seconds=120):
    """The first true value of a condition; an error if `process` ends before."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if process is not None and process.poll() is not None:
            pytest.fail(process.communicate()[0])
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def queue():
    """What squeue knows of jobs that have not ended: id, state, comment, limit, reason, name."""
    lines = said("squeue", "-h", "-o", "%i|%T|%k|%l|%r|%j").splitlines()
    return [line.split("|") for line in lines]


def said(*command):
    """The output of one of SLURM's commands."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
