"""Claims that one counterexample refutes: the worst case over all runs, not a mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from ..base.errors import UserError
from .claims import LEAST, Claim, Condition, Kind, Verdict


def worst(
    rows: pd.DataFrame,
    *,
    figure: str,
    id: str,
    kind: Kind,
    claim: str,
    statistic: str,
    at_most: float,
    unit: str = "seed",
    regime: Iterable[Condition] = (),
    reference: str = "",
    note: str = "",
) -> Claim:
    """Give the verdict on "`value` is at most this threshold in every run": one run refutes it.

    not tested: a part of the regime is not met. holds: in all rows; fails: one row is beyond it;
    undecided: fewer than three units, or a missing value. value: the largest; the interval: from
    the smallest to the largest of the units' own largest values. `unit` is the column that n
    counts.
    """
    regime = tuple(regime)
    clean = rows["value"].astype(float)
    lost = int(clean.isna().sum())
    whole = len(rows) > 0 and lost == 0
    largest = rows.assign(value=clean).groupby(unit)["value"].max() if whole else pd.Series([])
    value, least = (float(largest.max()), float(largest.min())) if whole else (math.nan, math.nan)
    verdict: Verdict = "fails" if value > at_most else "holds"
    if len(largest) < LEAST:
        verdict = "undecided"
    if not all(part.met for part in regime):
        verdict = "not tested"
    return Claim(
        id=id,
        kind=kind,
        figure=figure,
        claim=claim,
        statistic=f"{statistic}; largest over {len(rows)} values; claimed: at most {at_most:g}",
        value=value,
        ci_low=least,
        ci_high=value,
        interval=f"range of the largest of each {unit.replace('_', ' ')}",
        threshold=at_most,
        p=math.nan,
        n=len(largest),
        regime=regime,
        verdict=verdict,
        reference=reference,
        note="; ".join(filter(None, [note, "" if whole else f"{lost} of {len(rows)} missing"])),
    )


def proved(
    rows: pd.DataFrame,
    *,
    figure: str,
    id: str,
    claim: str,
    statistic: str,
    at_most: float,
    regime: Iterable[Condition] = (),
    reference: str = "",
    note: str = "",
) -> Claim:
    """Check a theorem, an identity or a certificate in every run, where its regime is met.

    n counts rows: nothing is inferred from them, each is a case that could refute it.

    Raises:
        UserError: a run violates it, which ends the job.
    """
    cases = rows.assign(case=range(len(rows)))
    found = worst(
        cases, figure=figure, id=id, kind="proved", claim=claim, statistic=statistic,
        at_most=at_most, unit="case", regime=regime, reference=reference, note=note,
    )  # fmt: skip
    if found.value > at_most and found.verdict != "not tested":
        run = rows["run"].iloc[int(rows["value"].astype(float).argmax())]
        raise UserError(
            f"{figure}: {claim!r} does not hold in run {run}: {found.value:.9g} is not at most"
            f" {at_most:g}"
        )
    return found
