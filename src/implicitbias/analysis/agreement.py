"""Whether ours agree with published points: each a trial beside our own spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from .claims import LEAST, Claim, Point
from .intervals import BINOMIAL, binomial, prediction

SHARE = 0.9  # of the points, that a claim asks for


def beside(
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    on: Sequence[str],
    *,
    absolute: float,
    relative: float = 0.05,
    reading: float = 0.0,
) -> tuple[Point, ...]:
    """Return our values beside every published point that we have run.

    rows: a row per run, with the columns `on` and `value`. reference: a row per published point,
    with `on`, `panel`, `series`, `x` and `value`, and `apart` where only one of the two networks
    learnt, so that their ranks are not compared. A published value agrees if it lies in the 95%
    prediction interval for one more run of ours, widened by `reading`, the error with which it was
    read; with fewer than 3 seeds it agrees if it lies within max(absolute, relative x |published|).
    A point of ours without a value, because one of its runs diverged, does not agree.
    """
    keys = ["panel", "series", *on]
    if reference.duplicated(keys).any() or not np.isfinite(reference["value"]).all():
        raise ValueError(f"the reference needs one finite value for each of {', '.join(keys)}")
    found = []
    for _, theirs in reference.iterrows():
        mine = rows[np.logical_and.reduce([rows[c] == theirs[c] for c in on])]
        values, wanted = mine["value"].astype(float).tolist(), float(theirs["value"])
        if not values:
            continue
        basis: Literal["prediction", "fixed", "apart"]
        basis = "prediction" if len(values) >= LEAST else "fixed"
        if basis == "prediction":
            low, high = prediction(values)
            low, high = low - reading, high + reading
        else:
            half = max(absolute, relative * abs(wanted))
            low, high = float(np.mean(values)) - half, float(np.mean(values)) + half
        basis = "apart" if theirs.get("apart", False) else basis
        found.append(Point(str(theirs["panel"]), str(theirs["series"]), float(theirs["x"]),
                           float(np.mean(values)), wanted, low, high, len(values),
                           basis))  # fmt: skip
    return tuple(found)


def agreement(
    points: Sequence[Point],
    published: int,
    *,
    figure: str,
    id: str,
    claim: str,
    reference: str,
    note: str = "",
) -> Claim:
    """Judge the claim that nine of ten of our points agree with the published ones.

    points: the points that `beside` returns, among `published` points in all. Points with 3 seeds
    or more are judged; the others are shown and decide nothing. Points of which only one of the two
    networks learnt are left out and counted.
    """
    judged = [p for p in points if p.basis == "prediction"]
    shown = [p for p in points if p.basis == "fixed"]
    n = min((p.n for p in judged or shown), default=0)
    low, high, p = math.nan, math.nan, math.nan
    notes = [note]
    if judged:
        low, high, p = binomial(sum(q.agrees for q in judged), len(judged), SHARE)
    if shown:
        notes.append(
            f"{sum(q.agrees for q in shown)} of {len(shown)} points with fewer than {LEAST} seeds"
            " are within the fixed tolerance, which decides nothing"
        )
    if apart := sum(q.basis == "apart" for q in points):
        notes.append(f"{apart} points left out: only one of the two networks learnt")
    if len(points) < published:
        notes.append(f"{len(points)} of {published} published points were run")
    chosen = judged or shown
    tested = f"share of {len(judged)} published points in the prediction interval of our seeds"
    fixed = f"share of {len(shown)} published points within the fixed tolerance of ours"
    verdict: Literal["holds", "fails", "undecided"] = "undecided"
    if judged and (low >= SHARE or high < SHARE):
        verdict = "holds" if low >= SHARE else "fails"
    return Claim(
        id=id,
        kind="published",
        figure=figure,
        claim=claim,
        statistic=f"{tested if judged else fixed}; claimed: at least {SHARE:g}",
        value=sum(q.agrees for q in chosen) / len(chosen) if chosen else math.nan,
        ci_low=low,
        ci_high=high,
        interval=BINOMIAL,
        threshold=SHARE,
        p=p,
        n=n,
        regime=(),
        verdict=verdict,
        reference=reference,
        note="; ".join(filter(None, notes)),
        points=tuple(points),
    )
