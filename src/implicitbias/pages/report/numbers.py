"""The plotted numbers of a figure in two result folders are compared point by point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ...base.errors import UserError
from .picture import text_uri
from .plotted import plotted

KEYS = ["panel", "series", "x_name", "x"]
SHOWN = 12  # points; the file has all


@dataclass(frozen=True)
class Numbers:
    """The comparison of a figure's numbers; `rows` are the points that differ most.

    Each row is panel, series, x, a, b, relative difference.
    """

    both: int
    equal: int
    only_a: int
    only_b: int
    rows: list[tuple[str, str, float, float, float, float]]
    csv: str  # data URI with every point


def beside(a: Path, b: Path) -> Numbers:
    """Return the comparison of two CSVs, whose points are named by panel, series and x.

    The relative difference is |a - b| / max(|a|, |b|); 1 where only one of the two is a number.
    """
    whole = _read(a).merge(_read(b), on=[*KEYS, "repeat"], how="outer", suffixes=("_a", "_b"),
                           indicator="side", sort=True)  # fmt: skip
    both = whole[whole["side"] == "both"]
    ours, theirs = both["mean_a"], both["mean_b"]
    size = ours.abs().where(ours.abs() >= theirs.abs(), theirs.abs())
    gap = ((ours - theirs).abs() / size.where(size > 0, 1)).where(ours.notna() & theirs.notna(), 1)
    gap = gap.where(ours.notna() | theirs.notna(), 0)
    most = both.assign(gap=gap)[gap > 0].sort_values("gap", ascending=False, kind="stable")
    columns = ("panel", "series", "x", "mean_a", "mean_b", "gap")
    return Numbers(
        both=len(both),
        equal=int((gap == 0).sum()),
        only_a=int((whole["side"] == "left_only").sum()),
        only_b=int((whole["side"] == "right_only").sum()),
        rows=list(zip(*(most[name].head(SHOWN) for name in columns), strict=True)),
        csv=text_uri(whole.drop(columns="side").to_csv(index=False), "text/csv;charset=utf-8"),
    )


def _read(path: Path) -> pd.DataFrame:
    frame = plotted(path, dtype={"panel": str, "series": str, "x_name": str})
    needed = [*KEYS, "mean", "low", "high", "n"]
    if frame is None or not {*needed} <= {*frame.columns}:
        raise UserError(f"{path}: not the numbers of a figure: needed are {', '.join(needed)}")
    if not is_numeric_dtype(frame["mean"]):
        raise UserError(f"{path}: not the numbers of a figure: mean is not always a number")
    frame = frame[needed]
    return frame.assign(repeat=frame.groupby(KEYS, dropna=False).cumcount())
