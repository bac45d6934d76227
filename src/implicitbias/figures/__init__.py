"""The figures: `<paper>/<figure>.py`, each with `PAPER`, `claims(table)` and `draw(table)`.

The number is the path. `PAPER` holds the fields of the paper's own runs, from which the caption
says how ours differ. The module's docstring is the caption in the report.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ..analysis.claims import write_claims
from ..analysis.tables import read
from ..base import studies
from ..base.registry import OWN, figure_source
from . import _letters, style

# Columns of a table that differ between runs of one setting, or between rows of one run.
_NOT_SETTINGS = (
    "run", "pack", "seed", "diverged_step", "epoch", "step", "layer", "metric", "value", "values",
    "limit", "trivial", "part",
)  # fmt: skip


def make(
    key: str, scale: str, table_file: Path, claims_file: Path, stem: Path,
    metrics: Sequence[str] = (),
) -> None:  # fmt: skip
    """Judge and draw one figure from its table: claims JSON, then pictures and plotted numbers.

    metrics: as the config lists them, which is the order in which ranks are judged and drawn.
    """
    table = read(table_file)
    table.attrs["metrics"] = list(metrics)
    write_claims(claims_file, _module(key).claims(table))
    draw(key, scale, table, stem)


def draw(key: str, scale: str, table: pd.DataFrame, stem: Path) -> Figure:
    """Draw one figure: pictures, with the caption under them and inside, and plotted numbers."""
    module = _module(key)
    with style.look():
        figure: Figure = module.draw(table)
        words = caption(key, scale, table, module.PAPER, style.spread(figure))
        words = " ".join(filter(None, (style.remarks(figure), words)))
        style.linear_where_empty(figure)  # an empty logarithmic axis has no ticks to look at
        _letters.write(figure)
        style.frame(figure, _letters.written(_heading(key, module)), words)
        style.save(figure, stem, words)
    return figure


def _heading(key: str, module: ModuleType) -> str:
    """Return the first line of the docstring, which says what the figure shows, or an own name."""
    paper, _, name = key.partition("/")
    if paper == OWN:
        return name.replace("_", " ")
    return (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _module(key: str) -> ModuleType:
    paper, _, name = key.partition("/")
    if paper == OWN:
        return importlib.import_module(".generic", __package__)
    return studies.module(f"figures/{paper}", name)


def caption(
    key: str, scale: str, table: pd.DataFrame, paper: dict[str, Any], spread: str = "Band"
) -> str:
    """Return n, what shows the spread over seeds, the scale and its differences, diverged runs, the
    code.

    spread: as style.spread has it.
    """
    code = f"Code: {figure_source(key)}."
    if table.empty:
        return f"No runs: their data are not available. Scale {scale}. {code}"
    runs = table.drop_duplicates("run")
    (least, most), lost = _seeds(runs), int(runs["diverged_step"].notna().sum())
    n = f"{most}" if least == most else f"{least} to {most}"
    differs = differences(runs, paper)
    seeds = f"{spread}: smallest to largest seed" if most > 1 else f"No {spread.lower()}: one seed"
    parts = [
        f"{len(runs)} runs, n = {n} seed{'s' if most > 1 else ''} per setting",
        *([seeds] if spread else []),
        f"{lost} diverged: missing, hollow where other seeds did not" if lost else "None diverged",
        f"Scale {scale}" + (f"; differs from the paper in {differs}" if differs else ""),
    ]
    return ". ".join(parts) + f". {code}"


def _seeds(runs: pd.DataFrame) -> tuple[int, int]:
    """The least and the largest number of seeds of runs that differ in nothing else."""
    settings = [c for c in runs if c not in _NOT_SETTINGS]
    counts = runs.groupby(settings, dropna=False, observed=True)["seed"].nunique()
    return int(counts.min()), int(counts.max())


def differences(runs: pd.DataFrame, paper: dict[str, Any]) -> str:
    """Return `field ours (paper's)` for every field in which our runs differ from the paper's."""
    differing = []
    for field, theirs in paper.items():
        ours = sorted(runs[field].unique().tolist())
        wanted = sorted(theirs) if isinstance(theirs, list) else [theirs]
        if [_plain(v) for v in ours] != [_plain(v) for v in wanted]:
            differing.append(f"{field} {_listed(ours)} ({_listed(wanted)})")
    return ", ".join(differing)


def comparable(runs: pd.DataFrame, paper: dict[str, Any]) -> bool:
    """Return whether published points belong beside ours: the fields that fix the protocol are
    equal.
    """
    fixed = {k: v for k, v in paper.items() if not isinstance(v, list)}
    return differences(runs, fixed) == ""


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else json.dumps(value)


def _listed(values: list[Any]) -> str:
    return ", ".join(v if isinstance(v, str) else _plain(v) for v in values)
