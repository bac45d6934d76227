"""A table of spectra as text for a reader, as CSV or JSON for a program, and as a picture."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .spectrum import SPECTRUM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 4  # names that a line of reasons gives; the tables for programs have all


def text(table: pd.DataFrame) -> str:
    """Return the ranked rows as columns, followed by each note and reason once, with its names."""
    ranked = table["rows"].notna() & table["fro_norm"].notna()
    shown = table[ranked].drop(columns=["note", "shape", "spec_norm", "effective_rank", SPECTRUM])
    several = table["file"].nunique() > 1
    drop = [] if several else ["file"]
    drop += [] if (shown["layout"] != "matrix").any() else ["layout"]
    parts = [shown.drop(columns=drop).to_string(index=False, float_format="%.4g", na_rep="")]
    for title, rows in (("notes", table[ranked]), ("no ranks", table[~ranked])):
        rows = rows[rows["note"] != ""]
        lines = [f"  {note}: {_names(group)}" for note, group in rows.groupby("note", sort=False)]
        parts += ["\n".join([f"{title}:", *lines])] if lines else []
    return "\n\n".join(parts)


def _names(rows: pd.DataFrame) -> str:
    names = list(dict.fromkeys(rows["matrix"]))
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return ", ".join(names[:_NAMED]) + more


def as_csv(table: pd.DataFrame) -> str:
    """Return every row as CSV; a missing value is empty."""
    return str(table.drop(columns=SPECTRUM).to_csv(index=False))


def as_json(table: pd.DataFrame) -> str:
    """Return every row as an object of a JSON list; a missing value is null."""
    rows = [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.drop(columns=SPECTRUM).astype(object).to_dict("records")
    ]
    return json.dumps(rows, indent=1, allow_nan=False, ensure_ascii=False)


def plot(table: pd.DataFrame, out: Path) -> None:
    """Draw the singular values of one checkpoint, or the ranks of several in the given order.

    The suffix of the file's name sets the format: svg, png or pdf. UserError for another suffix.
    """
    from ..base.errors import UserError
    from ..base.files import replacing
    from ..figures import style

    kind = out.suffix[1:].lower()
    if kind not in ("svg", "png", "pdf"):
        raise UserError(f"{out}: not .svg, .png or .pdf")
    with style.look():
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=(style.PAGE, 3.2), layout="constrained")
        (_trajectory if table["file"].nunique() > 1 else _spectra)(table, ax)
        with replacing(out) as temporary:
            figure.savefig(temporary, format=kind)
        plt.close(figure)


def _spectra(table: pd.DataFrame, ax: Axes) -> None:
    """Draw s_i / s_1 against i / r, a line for each matrix, and the tolerances."""
    import matplotlib.pyplot as plt

    spectra = table.dropna(subset=[SPECTRUM])
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, max(len(spectra), 2)))
    names = zip(spectra["matrix"], spectra[SPECTRUM], colours, strict=False)
    for name, s, colour in names:
        share = np.arange(1, len(s) + 1) / len(s)
        positive = np.where(s > 0, s, np.nan)
        ax.plot(share, positive, color=colour, linewidth=0.9, label=_label(name))
    for tolerance in sorted({float(name.rpartition("_")[2]) for name in _ranks(table)}):
        ax.axhline(tolerance, color="#777777", linestyle="--", linewidth=0.8)
        ax.annotate(f"{tolerance:g}", (1, tolerance), fontsize=7, va="bottom", ha="right")
    ax.set(yscale="log", xlabel="i / number of singular values", ylabel="singular value / largest")
    ax.set_title("dark is the first matrix, light the last; dashed: the tolerances, relative to"
                 " the largest", loc="left")  # fmt: skip
    if len(spectra) <= 12:
        ax.legend(fontsize=6, loc="lower left")


def _trajectory(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the first rank against the file's position, a line for each matrix, and the mean."""
    import matplotlib.pyplot as plt

    rank = _ranks(table)[0]
    wide = table.dropna(subset=[rank]).pivot_table(
        index="file", columns="matrix", values=rank, sort=False, aggfunc="first"
    ).astype(float)  # fmt: skip
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, max(len(wide.columns), 2)))
    for name, colour in zip(wide, colours, strict=False):
        ax.plot(
            wide[name].to_numpy(), color=colour, linewidth=0.9, marker=".", label=_label(str(name))
        )
    ax.plot(wide.mean(axis=1, skipna=False).to_numpy(), color="black", marker="o", label="mean")
    ax.set_xticks(
        range(len(wide)), [_label(Path(str(f)).name) for f in wide.index], rotation=30, ha="right"
    )
    ax.set(ylabel=rank.replace("_", " "))
    ax.set_title("rank of each matrix, dark the first, light the last; black: their mean",
                 loc="left")  # fmt: skip
    if len(wide.columns) <= 12:
        ax.legend(fontsize=6)


def _ranks(table: pd.DataFrame) -> list[str]:
    return [name for name in map(str, table) if name.startswith("rank_")]


def _label(name: str) -> str:
    """Return a name as Matplotlib shows it: not as a formula, nor hidden for its underscore."""
    return " " + name.replace("$", r"\$")


class Bar:
    """A progress line on a terminal's stderr, shown from the first second on."""

    def __init__(self) -> None:
        self._begun, self._shown = time.monotonic(), False

    def __call__(self, path: Path, done: int, of: int) -> None:
        """Show that `done` matrices of a file have their spectra."""
        spent = time.monotonic() - self._begun
        if spent > 1 and sys.stderr.isatty():
            line = f"\r\x1b[K{path.name}: {done} of {of} matrices, {spent:.0f} s"
            print(line, end="", file=sys.stderr, flush=True)
            self._shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
