"""Results as data frames: of a scale of this project, of its packs, or of your own recorder.

results = implicitbias.load("results/small")
results.figures["galanti2025rank/fig09"].table
results.measure("rank_fro_1e-2", "train_accuracy")
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from .. import metrics
from ..analysis import tables
from ..analysis.claims import KEYS as CLAIMS
from ..analysis.claims import read_claims
from ..base import provenance, registry, studies
from ..base.errors import UserError
from ..figures import style
from ..plan import packs
from ..train import records
from . import _checks
from .explore import Explorer, explorer

PROCEDURE = "recorder"  # of runs that a recorder wrote


def load(path: str | Path) -> Results:
    """Return the results in a folder: a scale (`results/small`), a pack, or recorded trainings.

    UserError for a folder that contains none of these.
    """
    return Results(_checks.path(path))


class Results:
    """Runs, records, metrics, figures and claims, each read when it is first used.

    `columns` says what every column is. Missing numbers are NaN.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            raise UserError(f"{path}: no such folder")
        studies.of_results(path)
        found = [path, *sorted(path.glob("packs/*")), *sorted(path.glob("*"))]
        self.folders = [f for f in found if (f / "records" / "scalars.parquet").is_file()]
        self.figures: Mapping[str, Figure] = _Figures((k, Figure(path, k)) for k in _keys(path))
        if not self.folders and not self.figures:
            raise UserError(
                f"{path}: no results: neither records (packs/*/records, records) nor claims,"
                " tables and figures"
            )

    def __repr__(self) -> str:
        return f"<{self.path}: {len(self.folders)} folders of records, {len(self.figures)} figures>"

    @cached_property
    def columns(self) -> dict[str, dict[str, str]]:
        """The meaning of each column, with its unit in brackets, by the frame that has it."""
        return {
            "scalars": {n: records.COLUMNS[n] for n in records.SCALARS.names},
            "arrays": {n: records.COLUMNS[n] for n in records.ARRAYS.names},
            "measure": dict(tables.COLUMNS),
            "claims": dict(CLAIMS),
            "plotted": dict(style.COLUMNS),
        }

    @cached_property
    def scalars(self) -> pd.DataFrame:
        """All recorded numbers, one row for each."""
        return self._records("scalars")

    @cached_property
    def arrays(self) -> pd.DataFrame:
        """All recorded arrays, one row for each: spectra, margins and others."""
        return self._records("arrays")

    def _records(self, kind: str) -> pd.DataFrame:
        for folder in self.folders:
            provenance.verify(folder)
        parts = [records.read(f / "records" / f"{kind}.parquet") for f in self.folders]
        if not parts:
            raise UserError(f"{self.path}: has figures and no records")
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs, one row for each: its name, its pack, its procedure and its fields.

        The fields are those of the run's spec, or those given to the recorder. A field that the
        procedure of a run does not have is NaN.
        """
        return pd.DataFrame([row for folder in self.folders for row in _runs(folder)])

    def measure(self, *names: str) -> pd.DataFrame:
        """Return metrics, one row for each run, epoch and layer, with the fields of the runs.

        names: metrics, such as `rank_fro_1e-3` at any tolerance, and recorded scalars. UserError
        for a name that is neither, and for a metric that no run here has the records for.
        """
        if not names or not all(isinstance(name, str) for name in names):
            raise UserError("measure takes names, as measure('rank_fro_1e-3', 'train_accuracy')")
        recorded = frozenset(self.scalars["quantity"]) - frozenset(metrics.known())
        arrays = self.arrays
        try:
            table = tables.rows_of(self.scalars, arrays, names, recorded)
        except ValueError as error:
            raise UserError(str(error)) from error
        for name in names:
            if name not in set(table["metric"]):
                raise UserError(f"{name}: no run in {self.path} has the records that it needs")
        diverged = self.scalars[self.scalars["quantity"] == "diverged_step"]
        steps = self.runs["run"].map(diverged.set_index("run")["value"]).astype(float)
        return self.runs.assign(diverged_step=steps).merge(table, on="run")

    def explore(self) -> Explorer:
        """Return a drawing of rank against epoch for every run and layer, with a tolerance slider.

        A notebook shows it as a cell; `explore().save("ranks.html")` writes a page.
        """
        return explorer(self.arrays)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The claims of all figures, one row for each."""
        rows = [asdict(c) for f in self.figures.values() for c in f.read_claims()]
        return pd.DataFrame(rows, columns=list(CLAIMS))


@dataclass(frozen=True)
class Figure:
    """One figure of a scale: its `table`, `plotted` numbers, `claims` and `pictures`."""

    root: Path
    key: str

    @cached_property
    def table(self) -> pd.DataFrame:
        """The figure's metrics by run, epoch and layer; UserError where there is no table."""
        path = self.root / "tables" / f"{self.key}.parquet"
        if not path.is_file():
            raise UserError(f"{path}: not there; packs have the records that it is made from")
        return tables.read(path)

    @cached_property
    def plotted(self) -> pd.DataFrame:
        """The numbers that the picture shows."""
        return pd.read_csv(self._made("figures", ".csv"))

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The figure's claims, one row for each."""
        return pd.DataFrame([asdict(c) for c in self.read_claims()], columns=list(CLAIMS))

    def read_claims(self) -> list[Any]:
        """Return the figure's claims; none where it has no file of claims."""
        path = self.root / "claims" / f"{self.key}.json"
        return list(read_claims(path)) if path.is_file() else []

    @property
    def pictures(self) -> dict[str, Path]:
        """The figure's pictures by format: svg, png, pdf."""
        path = self.root / "figures" / self.key
        found = {kind: path.with_name(f"{path.name}.{kind}") for kind in ("svg", "png", "pdf")}
        return {kind: file for kind, file in found.items() if file.is_file()}

    def _made(self, folder: str, suffix: str) -> Path:
        path = self.root / folder / f"{self.key}{suffix}"
        if not path.is_file():
            raise UserError(f"{path}: not there; make the figure first")
        return path

    def _repr_png_(self) -> bytes | None:
        """Return the picture that a notebook shows."""
        picture = self.pictures.get("png")
        return picture.read_bytes() if picture else None


class _Figures(dict[str, Figure]):
    """Figures by key; a KeyError names the nearest key."""

    def __missing__(self, key: str) -> Figure:
        near = get_close_matches(str(key), self, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise KeyError(f"no figure {key!r} here{meant}")


def _keys(root: Path) -> list[str]:
    """Return the keys of the figures that have been made, such as `galanti2025rank/fig09`."""
    found = {
        f"{path.parent.name}/{path.stem}"
        for pattern in ("tables/*/*.parquet", "claims/*/*.json", "figures/*/*.csv")
        for path in root.glob(pattern)
    }
    known = {*registry.figure_keys()}
    return sorted(k for k in found if k in known or k.startswith(f"{registry.OWN}/"))


def _runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Return the rows of the runs of a pack, or the one row of a recorder."""
    if (folder / "pack.json").is_file():
        for spec in packs.specs_of(folder / "pack.json"):
            yield {**tables.row_of(spec), "pack": folder.name}
        return
    about = folder / "recorder.json"
    try:
        said = json.loads(about.read_text(encoding="utf-8"))
        yield {"run": said["run"], "pack": folder.name, "procedure": PROCEDURE, **said["fields"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{about}: what this training is cannot be read: {error}") from error
