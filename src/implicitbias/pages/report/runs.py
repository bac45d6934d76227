"""The runs of a figure: what they share, what varies, and how each one went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException

from ...base.errors import UserError
from ...plan.figure import FigurePlan
from ...plan.plan import Plan
from .blocks import packed_json
from .facts import Facts, PackFacts
from .words import cell


@dataclass(frozen=True)
class Row:
    """A run of a figure.

    `diverged` is the step, "" if it did not, None if no table has measured it.
    """

    run: str
    seed: int
    cells: list[str]
    pack: PackFacts
    diverged: str | None


@dataclass(frozen=True)
class RunTable:
    """A table of runs: `varying` names the columns of `cells`, `shared` what all have alike."""

    varying: list[str]
    shared: dict[str, str]
    rows: list[Row]

    @property
    def packed(self) -> str:
        """Return the table as the page's program reads it; see script/runs.js."""
        rows: list[list[Any]] = [
            [r.run, r.seed, r.cells, r.pack.name, r.diverged] for r in self.rows
        ]
        return packed_json({"varying": self.varying, "shared": self.shared, "rows": rows})


def run_table(plan: Plan, figure: FigurePlan, facts: Facts) -> RunTable:
    """Return the runs of one figure, ordered by what varies and then by seed."""
    diverged = _diverged(plan.results / "tables" / f"{figure.key}.parquet")
    fields = {run: plan.runs[run].model_dump(mode="json") for run in figure.runs}
    names = list(dict.fromkeys(n for cells in fields.values() for n in cells if n != "seed"))
    # a field that one procedure or model lacks varies, too: it is blank there
    texts = {
        run: {n: cell(cells[n]) if n in cells else "" for n in names}
        for run, cells in fields.items()
    }
    varying = [n for n in names if len({cells[n] for cells in texts.values()}) > 1]
    first = next(iter(texts.values()), {})
    order = sorted(
        figure.runs, key=lambda r: (*(_key(texts[r][n]) for n in varying), _seed(plan, r))
    )
    rows = [
        Row(
            run=run,
            seed=_seed(plan, run),
            cells=[texts[run][n] for n in varying],
            pack=facts.packs[facts.home[run]],
            diverged=diverged.get(run),
        )
        for run in order
    ]
    return RunTable(varying, {n: v for n, v in first.items() if n not in varying}, rows)


def _seed(plan: Plan, run: str) -> int:
    return plan.runs[run].seed


def _key(text: str) -> tuple[float, str]:
    """Return a key that sorts numbers by size, and before words."""
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text


def _diverged(path: Path) -> dict[str, str]:
    """Return the step at which each run of a figure's table diverged; "" if it did not."""
    try:
        table = pd.read_parquet(path, columns=["run", "diverged_step"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ArrowException) as error:
        raise UserError(f"{path}: not a readable table: {error}") from error
    steps = table.drop_duplicates("run").set_index("run")["diverged_step"]
    return {str(run): "" if pd.isna(step) else f"{step:.0f}" for run, step in steps.items()}
