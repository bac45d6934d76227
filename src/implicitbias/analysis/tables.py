"""From records to tidy tables: a row per run, epoch, layer and metric, with the run's fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from .. import metrics
from ..base import provenance
from ..base.errors import UserError
from ..base.files import replacing
from ..metrics import Metric
from ..train import records

if TYPE_CHECKING:  # drawing need not load pydantic
    from ..plan.spec import RunSpec

NETWORK = "network"  # the `layer` of a quantity that the whole network has
_NUMBERS = ("seed", "epoch", "step", "value", "diverged_step")
_WORDS = ("run", "pack", "layer", "metric")
COLUMNS = {
    "run": "Name of the run: its procedure and a hash of its spec.",
    "pack": "Name of the pack that it was trained in.",
    "diverged_step": "First step with a loss that is not finite; NaN for a run that did not"
    " diverge [steps].",
    "epoch": "Completed passes over the data when the row was measured [epochs].",
    "step": "Completed updates when the row was measured [steps].",
    "layer": "`layer0`, `layer1`, ... for the matrices in the papers' average, the module's name"
    " for others; `average` and `average_all`: the means over the first kind and over all;"
    " `network`: of the whole network.",
    "metric": "Name of a metric or of a recorded scalar.",
    "value": "Its value, NaN if missing; of an inequality the left side [of the metric].",
    "limit": "Of an inequality, the right side [of the metric].",
    "trivial": "Of an inequality, what the left side never exceeds anyway [of the metric].",
    "part": "Of an inequality, its number among those of one layer, from 0 [1].",
    "values": "Of `singular_values` and `margin_distribution`, a list in place of `value` [1].",
}


def measure(
    specs: Sequence[RunSpec], names: Sequence[str], folders: Iterable[Path]
) -> pd.DataFrame:
    """Return the table of a figure: `names` are metrics, `folders` the packs that hold the runs.

    Columns: every field of the specs, and COLUMNS. A mean with a missing layer is missing. Where
    the left side of an inequality is larger than the right one: UserError. Without specs, as where
    the data of all of them are not available, the table has no rows and no fields of specs.
    """
    if not specs:
        kinds = {**dict.fromkeys(_WORDS, "object"), **dict.fromkeys(_NUMBERS, "float64")}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    wanted = {s.run_id for s in specs}
    scalars, arrays, packs = _read(folders, wanted)
    table = rows_of(scalars, arrays, names, frozenset(specs[0].SCALARS))
    missing = wanted - set(table["run"])
    if missing:
        raise UserError(f"{len(missing)} runs have no records, such as {min(missing)}")
    fields = pd.DataFrame([row_of(s) for s in specs])
    diverged = scalars[scalars["quantity"] == "diverged_step"]
    fields["diverged_step"] = fields["run"].map(diverged.set_index("run")["value"]).astype(float)
    fields["pack"] = fields["run"].map(packs)
    order = ["run", "metric", "layer", "epoch"]
    whole: pd.DataFrame = fields.merge(table, on="run").sort_values(order, ignore_index=True)
    return whole


def rows_of(
    scalars: pd.DataFrame, arrays: pd.DataFrame, names: Sequence[str], recorded: frozenset[str]
) -> pd.DataFrame:
    """Return the rows of metrics from both tables of records, without the fields of runs.

    recorded: the scalars that are metrics of their own name.
    """
    parts = []
    for name in names:
        metric = metrics.resolve(name, recorded)
        if metric.of == "recorded":
            parts.append(_recorded(scalars, name))
        elif metric.inequality:
            parts.append(_inequalities(arrays, metric))
        else:
            parts.append((_layers if isinstance(metric.of, str) else _network)(arrays, metric))
    return pd.concat(parts, ignore_index=True)


def row_of(spec: RunSpec) -> dict[str, Any]:
    """Return a spec as cells; lists as JSON."""
    cells = spec.model_dump(mode="json")
    plain = {k: json.dumps(v) if isinstance(v, list) else v for k, v in cells.items()}
    return {"run": spec.run_id, **plain}


def _read(
    folders: Iterable[Path], wanted: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """The wanted runs' scalars and arrays, and the pack of each run, the first that has it."""
    scalars, arrays, packs = [], [], dict[str, str]()
    for folder in folders:
        provenance.verify(folder)
        found = [records.read(folder / "records" / f"{n}.parquet") for n in ("scalars", "arrays")]
        found = [f[f["run"].isin(wanted - packs.keys())] for f in found]
        scalars.append(found[0])
        arrays.append(found[1])
        packs.update(dict.fromkeys(found[0]["run"].unique(), folder.name))
    return pd.concat(scalars), pd.concat(arrays), packs


def _recorded(scalars: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = scalars[scalars["quantity"] == name]
    rows = rows.assign(metric=name, layer=rows["layer"].replace("", NETWORK))
    # Two observers of a run may record the same quantity.
    rows = rows.drop_duplicates(["run", "epoch", "step", "layer"])
    return rows[["run", "epoch", "step", "layer", "metric", "value"]]


def _layers(arrays: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return one metric of every layer and its two averages, or of the one record of a network."""
    rows = arrays[arrays["quantity"] == metric.of].reset_index(drop=True)
    found: list[Any] = [np.nan] * len(rows)
    lengths = rows["values"].map(len).to_numpy()
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        results = metric.compute(np.stack(rows["values"].iloc[at].tolist()))
        for i, result in zip(at, results, strict=True):
            found[i] = result
    columns = ["run", "epoch", "step", "layer", "metric", "value"]
    if len(rows) and np.ndim(found[0]):
        layers = rows["layer"].replace("", NETWORK)
        rows = rows.assign(metric=metric.name, layer=layers, value=np.nan, values=found)
        return rows[[*columns, "values"]]
    rows = rows.assign(metric=metric.name, value=np.array(found, dtype=np.float64))
    of_layers = rows[rows["layer"] != ""]
    means = [_mean(of_layers[of_layers["averaged"]], "average"), _mean(of_layers, "average_all")]
    rows = rows.assign(layer=rows["layer"].replace("", NETWORK))
    return pd.concat([rows[columns], *(m[columns] for m in means)], ignore_index=True)


def _network(arrays: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return one metric of the whole network, from the several arrays of each record."""
    chosen = arrays[arrays["quantity"].isin(metric.needs)]
    rows = []
    for (run, epoch, step), record in chosen.groupby(["run", "epoch", "step"]):
        found = {
            quantity: np.reshape(values, shape)[None]
            for quantity, values, shape in zip(
                record["quantity"], record["values"], record["shape"], strict=True
            )
        }
        value = float(metric.compute(*(found[q] for q in metric.needs))[0])
        rows.append((run, epoch, step, NETWORK, metric.name, value))
    columns = ["run", "epoch", "step", "layer", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def _inequalities(arrays: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Both sides of one inequality, in every layer of every record that has its quantities."""
    chosen = arrays[arrays["quantity"].isin(metric.needs)]
    rows = []
    for (run, epoch, step, layer), record in chosen.groupby(["run", "epoch", "step", "layer"]):
        if len(record) < len(metric.needs):
            continue
        found = {
            quantity: np.reshape(values, shape if np.prod(shape) == len(values) else -1)
            for quantity, values, shape in zip(
                record["quantity"], record["values"], record["shape"], strict=True
            )
        }
        sides = metric.compute(*(found[q] for q in metric.needs))
        for part, three in enumerate(sides.T):
            rows.append((run, epoch, step, layer, metric.name, *three, part))
    columns = ["run", "epoch", "step", "layer", "metric", "value", "limit", "trivial", "part"]
    table = pd.DataFrame(rows, columns=columns)
    broken = table[table["value"] > table["limit"]]
    if len(broken):
        first = broken.iloc[0]
        raise UserError(
            f"{metric.name} does not hold in {len(broken)} of {len(table)} cases, the first in run"
            f" {first['run']}, layer {first['layer']}, epoch {first['epoch']}, part"
            f" {first['part']}: {first['value']:.9g} is not at most {first['limit']:.9g}"
        )
    return table


def _mean(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    """Mean over layers; NaN if any layer's value is (pandas alone would skip it)."""
    keys = ["run", "epoch", "step", "metric"]
    groups = rows.groupby(keys)["value"]
    mean = groups.mean().where(groups.count() == groups.size())
    return mean.reset_index().assign(layer=label)


def write(path: Path, table: pd.DataFrame) -> None:
    """Write the table as parquet, whole or not at all."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd", write_page_checksum=True)


def read(path: Path) -> pd.DataFrame:
    """Read a figure's table; UserError names a damaged file."""
    try:
        frame = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError, ArrowException) as error:
        raise UserError(f"{path}: not a readable table: {error}") from error
    missing = sorted({"run", "seed", "pack", "epoch", "layer", "metric", "value"} - {*frame})
    if missing:
        raise UserError(f"{path}: not a figure's table: {', '.join(missing)} missing")
    return frame


def final(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run's last recorded epoch."""
    last = table.groupby("run")["epoch"].transform("max")
    return table[table["epoch"] == last]


def ends(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return a row per run: its fields, and the network's final values of metrics as columns."""
    last = final(table)
    fields = table.drop_duplicates("run").drop(columns=["metric", "layer", "value"])
    rows = last[last["metric"].isin(names) & (last["layer"] == NETWORK)]
    wide = rows.pivot(index="run", columns="metric", values="value")
    return fields.merge(wide, left_on="run", right_index=True)
