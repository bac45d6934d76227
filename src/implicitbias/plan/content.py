"""Digests of the inputs of tables, figures and the report, by which results are compared.

Beside its output, a job writes a small file with the digest of all its inputs: the records' hashes,
the code, and the relevant part of the config. Planning computes these digests as well. Results that
were copied without their times, or whose folder was moved, are therefore not made again, and
out-of-date results are recognised without times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..base import provenance, registry, studies
from ..base.errors import UserError
from ..base.files import digest, write_text

Hashes = Mapping[str, Mapping[str, str]]  # pack -> the hashes in its provenance


def mark(out: Path) -> Path:
    """Return the path of the file beside an output that holds the digest of its inputs."""
    return out.with_name(f".{out.stem}.made")


def write(out: Path, of: str) -> None:
    """Record that `out`, which is complete, was made from inputs with this digest."""
    write_text(mark(out), json.dumps({"of": of}) + "\n")


def read(out: Path) -> str | None:
    """Return the digest of the inputs of an output; None if it is not known."""
    try:
        of = json.loads(mark(out).read_text(encoding="utf-8"))["of"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return of if isinstance(of, str) else None


def records(folders: Iterable[Path]) -> dict[str, dict[str, str]] | None:
    """Return the hashes of the packs' records, from their provenance; None if some are not known.

    The job that reads the records checks that they have these hashes.
    """
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        try:
            hashes = provenance.read(folder).get("sha256") if provenance.there(folder) else None
        except UserError:
            hashes = None
        if not hashes:
            return None
        found[folder.name] = hashes
    return found


def table(definition: str, packs: Hashes | None) -> str | None:
    """Return the digest of the inputs of a figure's table."""
    if packs is None:
        return None
    return digest({"definition": definition, "records": packs, "code": code(metric_files())})


def figure(key: str, scale: str, metrics: Sequence[str], of_table: str | None) -> str | None:
    """Return the digest of the inputs from which a figure is judged and drawn."""
    if of_table is None:
        return None
    facts: dict[str, Any] = {"scale": scale, "metrics": list(metrics), "table": of_table}
    return digest({**facts, "code": code(figure_files(key))})


def report(text: str, figures: Mapping[str, str | None], packs: Hashes | None) -> str | None:
    """Return the digest of the contents of a report; `text` is its config.json."""
    if packs is None or None in figures.values():
        return None
    return digest({"config": text.strip(), "figures": figures, "records": packs})


@cache
def code(files: tuple[Path, ...]) -> str:
    """Return the digest of files of the package, wherever the package lies."""
    return digest({
        studies.shown(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    })  # fmt: skip


def metric_files() -> tuple[Path, ...]:
    """Return the code that turns records into tables: editing it measures again, trains nothing."""
    metrics = [path for root in studies.roots("metrics") for path in root.glob("*.py")]
    return tuple(sorted([*metrics, registry.PACKAGE / "analysis" / "tables.py"]))


def figure_files(key: str) -> tuple[Path, ...]:
    """Return the code files of a figure: its module, its paper's, and those of all papers."""
    package, path = registry.PACKAGE, registry.figure_path(key)
    shared = [*(package / "analysis").glob("*.py"), package / "figures" / "style.py"]
    own = [path, *path.parent.glob("_*.py"), *(package / "figures").glob("_*.py")]
    return tuple(sorted({*own, *shared}))
