"""Finished packs, with records, specs and provenance, are copied to results/published.

That folder is tracked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..base import provenance
from ..base.errors import UserError
from ..base.files import replacing
from ..plan import packs

_FILES = ("pack.json", "records/scalars.parquet", "records/arrays.parquet",
          "records/provenance.json")  # fmt: skip


def publish(pack_folder: Path, published: Path) -> Path:
    """Copy a pack to `published`/packs and return its folder there.

    UserError for a pack without records, or with damaged records.
    """
    pack = packs.read(pack_folder / "pack.json")
    missing = [name for name in _FILES if not (pack_folder / name).is_file()]
    if missing:
        raise UserError(f"{pack_folder}: not finished, {missing[0]} is missing")
    if not provenance.read(pack_folder)["commit"]:
        raise UserError(f"{pack_folder}: its provenance names no commit; nobody could retrace it")
    provenance.verify(pack_folder)
    target = published / "packs" / pack.name
    for name in _FILES:
        with replacing(target / name) as temporary:
            shutil.copyfile(pack_folder / name, temporary)
    return target
