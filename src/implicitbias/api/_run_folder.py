"""The folder of one recorded training: growing tables, facts about the training, and hashes."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..base import provenance
from ..base.errors import UserError
from ..base.files import replacing, write_text
from ..train import records as tables
from ..train.records import Records

_SCHEMAS = {"scalars": tables.SCALARS, "arrays": tables.ARRAYS}
_SHARE = 20  # the files are written again after 20 times what the last writing took: 5% at most


class RunFolder:
    """The folder with `records/`, as of a pack, and `recorder.json`.

    UserError if there are records and the training is not to `resume`, or if they have spectra of
    other layers than it.
    """

    def __init__(self, path: Path, resume: bool, every: float, layers: Collection[str]) -> None:
        self.path, self.resumed = path, False
        self._tables = {name: schema.empty_table() for name, schema in _SCHEMAS.items()}
        files = {name: path / "records" / f"{name}.parquet" for name in _SCHEMAS}
        if any(file.exists() for file in files.values()):
            if not resume:
                raise UserError(
                    f"{path}: has records; choose another folder, or go on with resume=True"
                )
            self._tables = {name: _read(f, _SCHEMAS[name]) for name, f in files.items()}
            arrays = self._tables["arrays"]
            spectra = arrays.filter(pc.equal(arrays["quantity"], "spectrum"))
            if other := sorted(set(spectra["layer"].unique().to_pylist()) - set(layers)):
                raise UserError(
                    f"{path}: has records of the layer {other[0]!r}, and this recorder has no such"
                    " layer; choose another folder"
                )
            self.resumed = True
        self._every, self._took, self._written = every, 0.0, time.monotonic()

    def forget_from(self, step: int) -> None:
        """Drop the rows from a step on, because a resumed training takes this step again."""
        for name, table in self._tables.items():
            self._tables[name] = table.filter(pc.less(table["step"], step))

    @property
    def due(self) -> bool:
        """Whether it is time to write the files again."""
        return time.monotonic() - self._written > max(self._every, _SHARE * self._took)

    def write(
        self, records: Records, about: dict[str, Any], facts: dict[str, Any], whole: bool
    ) -> None:
        """Write the files with the rows of `records`, and empty `records`.

        The provenance contains hashes only of a `whole` training: until then the tables may be
        replaced at any time.
        """
        begun, folder = time.monotonic(), self.path / "records"
        write_text(folder / "provenance.json", json.dumps(facts, indent=1))
        for name, schema in _SCHEMAS.items():
            rows: list[dict[str, Any]] = getattr(records, name)
            parts = [self._tables[name], pa.Table.from_pylist(rows, schema)]
            self._tables[name] = pa.concat_tables(parts).unify_dictionaries()
            rows.clear()
            with replacing(folder / f"{name}.parquet") as temporary:
                pq.write_table(self._tables[name], temporary, compression="zstd")
        if whole:
            facts = {**facts, "sha256": provenance.hashes(folder)}
            write_text(folder / "provenance.json", json.dumps(facts, indent=1))
        write_text(self.path / "recorder.json", json.dumps(about, indent=1, default=str))
        self._written = time.monotonic()
        self._took = self._written - begun


def _read(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        return pq.read_table(file).cast(schema)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{file}: not a readable table of records: {error}") from error
