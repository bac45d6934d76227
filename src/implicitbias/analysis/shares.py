"""Claims on a share of independent cases, such as "with high probability": binomial intervals."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from .claims import LEAST, Claim, Condition, Kind, Verdict
from .intervals import binomial

INTERVAL = "95%, binomial over {unit}s"


def share(
    succeeded: pd.Series,
    *,
    figure: str,
    id: str,
    kind: Kind,
    claim: str,
    statistic: str,
    at_least: float,
    unit: str = "seed",
    regime: Iterable[Condition] = (),
    reference: str = "",
    note: str = "",
) -> Claim:
    """Give the verdict on "the share of cases that succeed is at least this".

    succeeded: True or False for each independent case, (n,). The interval is the exact one of
    Clopper and Pearson. holds: the whole interval is at least the threshold; fails: the whole
    interval is below it; undecided: the interval contains the threshold, or there are fewer than
    three cases; not tested: a part of the regime is not met. unit: the name of a case, in words.
    """
    regime = tuple(regime)
    n, hits = len(succeeded), int(succeeded.astype(bool).sum())
    low, high, p = binomial(hits, n, at_least) if n else (float("nan"),) * 3
    verdict: Verdict = "undecided"
    if n >= LEAST and (low >= at_least or high < at_least):
        verdict = "holds" if low >= at_least else "fails"
    if not all(part.met for part in regime):
        verdict = "not tested"
    return Claim(
        id=id,
        kind=kind,
        figure=figure,
        claim=claim,
        statistic=f"{statistic}: {hits} of {n}; claimed: a share of at least {at_least:g}",
        value=hits / n if n else float("nan"),
        ci_low=low,
        ci_high=high,
        interval=INTERVAL.format(unit=unit),
        threshold=at_least,
        p=p,
        n=n,
        regime=regime,
        verdict=verdict,
        reference=reference,
        note=note,
    )
