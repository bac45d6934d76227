"""A pack is a set of runs of one shape that one process trains together; a file fixes each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import foreign
from ..base.errors import UserError, shortened
from ..base.files import digest, write_text

if TYPE_CHECKING:  # writing a pack.json need not load pydantic
    from .spec import RunSpec

KEYS = {
    "pack": "Name of the pack: a readable part and a hash of its runs.",
    "runs": "Name of each run -> its spec: the fields that differ from their defaults, with the"
    " procedure and its version.",
}  # of pack.json


_NEXT = "copy it anew from where it came, or move its folder away to train its runs in other packs"


def _field(value: Any) -> Any:
    """Return the field of a spec, which its model checks: a plain value or a list of those."""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            foreign.line(part)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            foreign.number(part)
        elif part is not None and not isinstance(part, bool):
            raise ValueError(f"{shortened(value)} is no plain value")
    return value


@dataclass(frozen=True)
class Pack:
    """A pack with the content `text` of its pack.json.

    `written` says whether that file exists, and `trained` whether records lie beside it.
    """

    name: str
    runs: tuple[str, ...]
    text: str
    written: bool
    trained: bool = False

    @classmethod
    def of(cls, specs: Iterable[RunSpec]) -> Pack:
        """Return a new pack, whose name hashes its members, so that equal members give one pack."""
        members = list(specs)
        ids = tuple(s.run_id for s in members)
        name = f"{members[0].label}-{digest(ids)}"
        runs = {s.run_id: s.canonical() for s in members}
        return cls(name, ids, json.dumps({"pack": name, "runs": runs}, indent=1) + "\n", False)


_TREE = foreign.fields({"pack": foreign.line, "runs": foreign.mapping(foreign.mapping(_field))})


def read(path: Path) -> Pack:
    """Return a written pack; UserError names a file that is not one."""
    try:
        tree = foreign.read(path, _TREE)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: cannot be read: there is no such file") from error
    except UserError as error:
        if isinstance(error.__cause__, OSError):
            raise
        said = str(error).removeprefix(f"{path}: not readable: ")
        raise UserError(f"{path}: not a pack ({said}); {_NEXT}") from None
    if not tree["runs"] or tree["pack"] != path.parent.name:
        said = "its name or its runs are not those of its folder"
        raise UserError(f"{path}: not a pack ({said}); {_NEXT}")
    tables = (path.parent / "records" / f"{name}.parquet" for name in ("scalars", "arrays"))
    trained = all(table.is_file() for table in tables)  # Snakemake never removes these
    return Pack(tree["pack"], tuple(tree["runs"]), text, True, trained)


def specs_of(path: Path) -> list[RunSpec]:
    """Return the specs of a written pack, each checked against its own name."""
    from . import spec

    tree: dict[str, Any] = json.loads(read(path).text)
    specs = []
    for run_id, fields in tree["runs"].items():
        try:
            made = spec.make(fields)
        except UserError as error:
            raise UserError(f"{path}: run {run_id}: {error}") from None
        if made.run_id != run_id:
            raise UserError(f"{path}: run {run_id} is not the run of its own spec ({made.run_id})")
        specs.append(made)
    return specs


def write(path: Path, text: str) -> None:
    """Write a pack once; its text may be written again, another one is refused."""
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"{path}: exists and is another pack; a pack is never changed")
    write_text(path, text)
    try:
        read(path)
    except UserError:
        path.unlink()
        raise


def written(folder: Path) -> dict[str, Pack]:
    """Return every pack that exists under results/<scale>/packs, by name."""
    return {p.parent.name: read(p) for p in sorted(folder.glob("*/pack.json"))}


def fitting(one: RunSpec, most: int, memory_mb: float) -> int:
    """Return the size of the largest pack of these runs, at most `most`, that fits the memory."""
    from .spec import BASE_MB

    for size in range(most, 0, -1):
        if BASE_MB + one.estimated_megabytes(size) <= memory_mb:
            return size
    needed = math.ceil(BASE_MB + one.estimated_megabytes(1))
    raise UserError(f"{memory_mb:g} is too little: one run of {one.label} needs about {needed} MB")


def assign(
    wanted: dict[str, RunSpec],
    existing: dict[str, Pack],
    pack_size: int,
    memory_mb: float = math.inf,
) -> tuple[dict[str, Pack], dict[str, str]]:
    """Return the packs that hold the requested runs, by name, and the pack of each run.

    A run in a written pack stays there for ever; of several such packs, as in results that were
    merged, one that has records is its pack. The other runs are sorted within their shape and
    cut from the front into as few packs as possible, of equal sizes or with the first packs larger
    by one. A later plan therefore cuts the remaining runs into the same packs, whichever of them
    have been written in the meantime. The estimated memory limits the size of a pack; UserError if
    a single run needs more.
    """
    last = sorted(existing.values(), key=lambda pack: pack.trained)  # of equals the last by name
    home = {run: pack.name for pack in last for run in pack.runs}
    shapes: dict[str, list[RunSpec]] = {}
    for run_id, member in wanted.items():
        if run_id not in home:
            shapes.setdefault(digest(member.shape()), []).append(member)
    packs: dict[str, Pack] = {}
    for members in shapes.values():
        members.sort(key=lambda s: (s.seed, s.run_id))
        size = fitting(members[0], members[0].PACK_SIZE or pack_size, memory_mb)
        while members:
            share = math.ceil(len(members) / math.ceil(len(members) / size))
            pack, members = Pack.of(members[:share]), members[share:]
            packs[pack.name] = pack
            home.update(dict.fromkeys(pack.runs, pack.name))
    used = {home[run] for run in wanted}
    packs.update({name: pack for name, pack in existing.items() if name in used})
    return packs, {run: home[run] for run in wanted}
