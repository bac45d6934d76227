"""Runs write two tidy tables per pack, with the same columns whatever the procedure.

`scalars.parquet`: run, epoch, step, layer, quantity, value (float64).
`arrays.parquet`:  run, epoch, step, layer, averaged, shape, quantity, values (list of float64).

COLUMNS describes each column. A diverged run has NaN rows and a scalar `diverged_step`; missing
values are never filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..base.errors import UserError
from ..base.files import replacing

SCALARS = pa.schema(
    [
        ("run", pa.dictionary(pa.int32(), pa.string())),
        ("epoch", pa.int32()),
        ("step", pa.int64()),
        ("layer", pa.dictionary(pa.int32(), pa.string())),
        ("quantity", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
    ]
)
ARRAYS = pa.schema(
    [
        *[SCALARS.field(n) for n in ("run", "epoch", "step", "layer", "quantity")],
        ("averaged", pa.bool_()),
        ("shape", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
    ]
)

COLUMNS = {
    "run": "Name of the run: its procedure and a hash of its spec.",
    "epoch": "Completed passes over the data when the row was measured; 0: untrained. Of"
    " procedures without epochs what their section says [epochs].",
    "step": "Completed updates when the row was measured [steps].",
    "layer": "`layer0`, `layer1`, ... for the matrices in the papers' average, else the module's"
    " name; empty for a quantity of the whole network.",
    "quantity": "What was recorded: a name below.",
    "value": "The number; NaN where there is none, as in a diverged run [of the quantity].",
    "averaged": "Whether the layer is one of the papers' average.",
    "shape": "Of the matrix or array behind the values [1].",
    "values": "The numbers, flattened by rows; singular values descend [of the quantity].",
}


@dataclass
class Records:
    """The rows that a training has recorded so far, as lists of plain values, one dict a row."""

    scalars: list[dict[str, Any]] = field(default_factory=list)
    arrays: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)  # how they came about, for the provenance

    def scalar(
        self, run: str, epoch: int, step: int, quantity: str, value: float, layer: str = ""
    ) -> None:
        """Add one number to the records."""
        self.scalars.append(
            {
                "run": run, "epoch": epoch, "step": step,
                "layer": layer, "quantity": quantity, "value": float(value),
            }
        )  # fmt: skip

    def array(
        self,
        run: str,
        epoch: int,
        step: int,
        quantity: str,
        values: Sequence[float],
        shape: Sequence[int],
        layer: str = "",
        averaged: bool = False,
    ) -> None:
        """Add one vector to the records: a spectrum, margins, a flattened mean."""
        self.arrays.append(
            {
                "run": run, "epoch": epoch, "step": step, "layer": layer, "quantity": quantity,
                "averaged": averaged, "shape": [int(n) for n in shape],
                "values": [float(v) for v in values],
            }
        )  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write both tables, each whole or not at all."""
        for name, rows, schema in (
            ("scalars", self.scalars, SCALARS),
            ("arrays", self.arrays, ARRAYS),
        ):
            with replacing(folder / f"{name}.parquet") as temporary:
                pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="zstd")


def joined(parts: Sequence[Records]) -> Records:
    """Join the records of sub-packs, in the order of a pack trained at once.

    This order is step by step and, within a step, for all runs, one after another, the values of a
    split or a layer. The facts are those of the last sub-pack.
    """

    def rows(tables: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        blocks: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
        for row in chain.from_iterable(tables):
            about = row["quantity"].split("_")[0]  # train_loss and train_accuracy stand together
            blocks.setdefault((row["step"], row["layer"], about), []).append(row)
        return [row for key in sorted(blocks, key=itemgetter(0)) for row in blocks[key]]

    if len(parts) == 1:
        return parts[0]
    scalars, arrays = rows([p.scalars for p in parts]), rows([p.arrays for p in parts])
    return Records(scalars, arrays, parts[-1].facts)


def concatenated(parts: Sequence[Records]) -> Records:
    """Return the records of runs that were trained one after another, in that order."""
    return Records([row for p in parts for row in p.scalars],
                   [row for p in parts for row in p.arrays])  # fmt: skip


def log_spaced(steps: int, points: int) -> frozenset[int]:
    """Return the steps at which a trajectory is recorded: 0, and `points` log-spaced to `steps`."""
    if points == 0:
        return frozenset()
    spaced = np.geomspace(1, steps, points)
    return frozenset({0, *np.unique(np.rint(spaced).astype(int)).tolist()})


def read(path: Path) -> pd.DataFrame:
    """Return one of the two tables as a frame with plain strings, and `values` as NumPy arrays."""
    schema = ARRAYS if path.name.startswith("arrays") else SCALARS
    try:
        table = pq.read_table(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path}: not a readable parquet file: {error}") from error
    if table.schema.names != schema.names:
        raise UserError(f"{path}: not a table of records; its columns are {table.schema.names}")
    try:
        table = table.cast(schema)
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a table of records: {error}") from error
    empty = [name for name in schema.names if table[name].null_count]
    if empty or ("shape" in schema.names and pc.list_flatten(table["shape"]).null_count):
        raise UserError(f"{path}: not a table of records: {(*empty, 'shape')[0]} has empty cells")
    frame: pd.DataFrame = table.to_pandas()
    for column in ("run", "layer", "quantity"):
        frame[column] = frame[column].astype(str)
    if "values" in frame:
        arrays = [np.asarray(v, dtype=np.float64) for v in frame["values"]]
        frame["values"] = pd.Series(arrays, index=frame.index, dtype=object)
    return frame
