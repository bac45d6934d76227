"""Claims that one counterexample refutes: the worst case over all runs, not a mean over seeds."""

from __future__ import annotations

import math

import pandas as pd

from ..analysis.claims import Claim, Verdict


def worst(
    rows: pd.DataFrame,
    *,
    figure: str,
    id: str,
    claim: str,
    statistic: str,
    at_most: float,
    unit: str = "seed",
    reference: str = "",
    note: str = "",
) -> Claim:
    """Give the verdict on "`value` is at most this threshold in every run".

    holds: in all rows; fails: one row is beyond it; undecided: fewer than two units, or a missing
    value. value: the largest; the interval: from the smallest to the largest of the units' own
    largest values. `unit` is the column that n counts.
    """
    clean = rows["value"].astype(float)
    if rows.empty or clean.isna().any():
        lost = int(clean.isna().sum())
        return Claim(id, figure, claim, statistic, math.nan, math.nan, math.nan, at_most, 0,
                     "undecided", reference, f"{lost} of {len(rows)} values missing")  # fmt: skip
    per_unit = rows.assign(value=clean).groupby(unit)["value"].max()
    largest, n = float(per_unit.max()), len(per_unit)
    verdict: Verdict = "fails" if largest > at_most else "holds"
    said = f"largest over {len(rows)} values; interval: range of the largest of each {unit}"
    return Claim(
        id, figure, claim, f"{statistic}, {said}", largest, float(per_unit.min()), largest,
        at_most, n, verdict if n > 1 else "undecided", reference, note,
    )  # fmt: skip
