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
from . import foreign
from .errors import UserError
from .files import write_text

NAME, COPY = "provenance.json", ".provenance.json"  # in the folder of the records
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
    "products": "The name of `gemm` in older packs.",
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


_FACTS = foreign.fields(
    {
        "commit": foreign.line, "device": foreign.line, "seconds": foreign.positive,
    },
    {
        "pack": foreign.line, "runs": foreign.count, "samples": foreign.count,
        "started": foreign.line, "resumed": foreign.flag,
        "sha256": foreign.mapping(foreign.line), "packages": foreign.mapping(foreign.line),
        "implicitbias": foreign.line, "python": foreign.line, "processor": foreign.line,
        "cores": foreign.optional(foreign.count), "threads": foreign.count,
    },
)  # fmt: skip


@cache
def commit() -> tuple[str, str]:
    """Return the git commit of the code, `+` appended if tracked files differ, and a reason.

    The commit is empty where there is none. The reason says why where there should be one: the code
    lies in a checkout, and git is missing or refuses.
    """
    here, inside = Path(__file__).resolve().parent, _inside_git()
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "-uno") else ""), ""
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or "").split()) or f"exit code {error.returncode}"
        return "", f"git: {said}" if inside else ""
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "strerror", None) or error)
        return "", f"git cannot be run: {said}" if inside else ""


def _inside_git() -> bool:
    return any((folder / ".git").exists() for folder in Path(__file__).resolve().parents)


def unpublishable() -> str:
    """Return why a training that starts now could not be published; '' if it could."""
    _, why = commit()
    if not why:
        return ""
    return f"the commit of the code is not known, so nothing trained now can be published ({why})"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, errors="replace", timeout=60
    )
    return done.stdout.strip()


def processor() -> str:
    """Return the processor's model name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(s.split(":")[1].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def read(pack_folder: Path) -> dict[str, Any]:
    """Return the facts that a trained pack wrote down; UserError names a damaged file."""
    return _read(pack_folder / "records" / NAME)


def _read(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = foreign.read(path, _FACTS)
    except FileNotFoundError as error:
        raise UserError(f"{path}: not readable: there is no such file") from error
    return facts


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of both tables of records, by file name."""
    files = [folder / f"{name}.parquet" for name in ("scalars", "arrays")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def write(records: Path, facts: dict[str, Any]) -> None:
    """Write the provenance of finished records, and first a copy under a name of its own.

    Snakemake removes the file `provenance.json` when a job of its pack fails, is killed with it, or
    begins. `restored` makes it again from the copy, so that a finished pack stays finished.
    """
    text = json.dumps(facts, indent=1) + "\n"
    write_text(records / COPY, text)
    write_text(records / NAME, text)


def there(pack_folder: Path) -> bool:
    """Whether a pack has all files of a finished training, by their names."""
    records = pack_folder / "records"
    return all((records / name).is_file() for name in (NAME, "scalars.parquet", "arrays.parquet"))


def complete(pack_folder: Path) -> dict[str, Any] | None:
    """Return the facts of a pack if its records are the ones that its training wrote; else None.

    If provenance.json is lost and its copy fits the records, the file is written again. Records
    that exist and cannot be read raise an OSError; they never count as "not complete".
    """
    records = pack_folder / "records"
    for name in (NAME, COPY):
        try:
            facts = _read(records / name)
            wanted = facts.get("sha256")
            if facts.get("pack") != pack_folder.name or not wanted or wanted != hashes(records):
                continue
        except FileNotFoundError:
            continue
        except UserError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
                raise cause from None
            continue
        if name == COPY:
            write_text(records / NAME, (records / COPY).read_text(encoding="utf-8"))
        return facts
    return None


def forget(pack_folder: Path) -> None:
    """Let a pack be trained again that is complete; its records stay until others replace them."""
    (pack_folder / "records" / COPY).unlink(missing_ok=True)


def verify(pack_folder: Path) -> None:
    """Raise UserError if the records are not the ones that the training of this pack wrote.

    A pack is not checked if it has no provenance, or a provenance from a version without hashes.
    """
    if not (pack_folder / "records" / NAME).exists():
        return
    hashed, wanted = hashes(pack_folder / "records"), read(pack_folder).get("sha256", {})
    for name, value in hashed.items():
        if wanted.get(name, value) != value:
            raise UserError(
                f"{pack_folder / 'records' / name}: damaged, its sha256 is not that in {NAME};"
                f" copy it anew from where it came, or train the pack again:"
                f" snakemake --forcerun {pack_folder / 'records' / NAME}"
            )


def here(device: str, threads: int) -> dict[str, Any]:
    """Return the facts that a pack records about the machine and the versions of its training."""
    return {
        "implicitbias": __version__,
        "commit": commit()[0],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "device": device,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }
