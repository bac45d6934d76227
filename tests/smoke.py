"""Snakemake at scale smoke, as a user runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def snakemake(folder, *arguments, check=True, scale="smoke"):
    """Run it in `folder`; what it said and how it ended."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--cores", "2",
            "--config", f"scale={scale}"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=1800,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def fresh(folder):
    """The workflow's own files in an empty directory, as a user has them."""
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    (folder / "profiles").symlink_to("workflow/profiles")
    return folder


def jobs(done):
    """Rule -> number of jobs that a dry run announces; {} for `Nothing to be done`."""
    return counted(done.stdout + done.stderr)


def counted(said):
    """The same, of what a dry run said."""
    table, counts = said.partition("Job stats:")[2], {}
    for line in table.strip().splitlines()[2:]:
        words = line.split()
        if len(words) != 2 or words[0] == "total":
            break
        counts[words[0]] = int(words[1])
    return counts
