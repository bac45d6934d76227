"""Provenance says where a number comes from: versions, device, threads, commit, wall time."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from .errors import UserError

_PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "scipy")
KEYS = {
    "pack": "Name of the pack.",
    "runs": "Number of runs in it [1].",
    "samples": "Examples processed by all runs [examples].",
    "started": "When the process that finished the pack began, UTC, ISO 8601.",
    "seconds": "Wall time of that process; after a resume since the last checkpoint [s].",
    "resumed": "Whether that process went on from a checkpoint.",
    "sha256": "File name -> SHA-256 of each table of records.",
    "path": "The engine's class that took the steps; of networks.",
    "sub_pack_size": "Members that train side by side; a larger pack trains as sub-packs of that"
    " size, one after another; of networks [1].",
    "abreast": "The name of `sub_pack_size` in older packs [1].",
    "gemm": "Library that multiplied matrices: OpenBLAS or torch; of networks.",
    "replayed": "CUDA graphs that were replayed [1].",
    "implicitbias": "Version of this package.",
    "commit": "Git commit of the code, with `+` if tracked files differed; empty outside git.",
    "python": "Version of Python.",
    "packages": "Name -> version of the packages that compute.",
    "device": "`cpu`, or the name of the GPU.",
    "processor": "Model name of the processor.",
    "cores": "Processors of the machine [1].",
    "threads": "Threads that the process computed with [1].",
}  # of provenance.json


@cache
def commit() -> str:
    """Return the git commit of the code, or '' outside git.

    A `+` is appended if tracked files differ from the commit.
    """
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def processor() -> str:
    """Return the processor's model name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(s.split(":")[1].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def read(pack_folder: Path) -> dict[str, Any]:
    """Return the facts that a trained pack wrote down; UserError names a damaged file."""
    path = pack_folder / "records" / "provenance.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or not isinstance(facts.get("seconds"), int | float):
            raise ValueError("not a pack's provenance")
        texts = (facts["commit"], facts["device"])
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("not a pack's provenance")
        if not isinstance(facts.get("sha256", {}), dict):
            raise ValueError("its hashes are not a mapping")
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise UserError(f"{path}: not readable: {error}") from error
    return facts


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of both tables of records, by file name."""
    files = [folder / f"{name}.parquet" for name in ("scalars", "arrays")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def verify(pack_folder: Path) -> None:
    """Raise UserError if the records are not those that the training of this pack wrote.

    Packs without provenance, or with one from before it had hashes, are not checked.
    """
    if not (pack_folder / "records" / "provenance.json").exists():
        return
    hashed, wanted = hashes(pack_folder / "records"), read(pack_folder).get("sha256", {})
    for name, value in hashed.items():
        if wanted.get(name, value) != value:
            raise UserError(
                f"{pack_folder / 'records' / name}: damaged, its sha256 is not that in"
                " provenance.json; remove it to train the pack anew"
            )


def here(device: str, threads: int) -> dict[str, Any]:
    """Return what a pack writes about the place where it was trained."""
    return {
        "implicitbias": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "device": device,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }
