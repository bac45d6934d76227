"""The claims that figures of ranks share: the rank falls along an axis, and not without decay.

A sentence is judged at one tolerance (`_ranks.judged`); what the ratio is at the others stands in
the note. Regime of all of them: there are runs, some network with decay is below full rank (else
nothing can be seen at this tolerance), and the largest total decay exponent lets the initialisation
fall to the tolerance. Networks that did not learn are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from ..analysis import regimes
from ..analysis.claims import Claim, Condition
from ..analysis.intervals import student
from ..analysis.judge import judge, trend
from ..analysis.statistics import line_ratio
from ._ranks import IDS, full_rank, named, rank, split, tolerances
from .style import WORDS

EFFECT = 0.1  # the least share by which the lower end lies below the higher one
GROWS = {"batch_size": "the batch gets smaller", "lr": "the learning rate grows",
         "weight_decay": "weight decay grows"}  # fmt: skip


def with_decay(table: pd.DataFrame, yes: bool = True) -> pd.DataFrame:
    """Return the rows of the runs with weight decay, or of those without."""
    if table.empty:
        return table
    return table[table["weight_decay"] > 0] if yes else table[table["weight_decay"] == 0]


def regime(table: pd.DataFrame, metric: str) -> list[Condition]:
    """Return what the runs with decay must be for a rank at this tolerance to say something.

    table: the compared networks. The statistic is a ratio of ranks along an axis; that some rank is
    below full, wherever it is, does not depend on its direction.
    """
    decayed = with_decay(table)
    there = regimes.runs(decayed, "there are runs with decay")
    if not there.met:
        return [there]
    tolerance = split(metric)[1]
    return [
        there,
        regimes.below_full(rank(decayed, metric), full_rank(table)),
        regimes.forgets(decayed, tolerance),
    ]


def falls(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str], metric: str,
    of: tuple[str, str] = ("", ""), note: str = "", least: float = regimes.LEARNT,
) -> Claim:  # fmt: skip
    """Judge whether the average rank of runs with decay falls with smaller batches or larger x.

    of: which runs these are, at the end of the sentence and in the id.
    """
    table, left = regimes.learnt(table, least=least)
    decayed = with_decay(table)
    smaller = x == "batch_size"
    direction: Literal["rises", "falls"] = "rises" if smaller else "falls"
    return trend(
        rank(decayed, metric), figure=figure, kind="paper", x=x, by=by, direction=direction,
        id=f"rank-falls-with-{'smaller-' * smaller}{IDS[x]}{of[1]}", effect=EFFECT,
        claim=f"average rank falls as {GROWS[x]}{of[0]}, {named(metric)}",
        regime=regime(table, metric),
        note=_joined(note, left, _elsewhere(decayed, x, by, metric, not smaller)),
    )  # fmt: skip


def flat_without_decay(
    table: pd.DataFrame, figure: str, x: str, by: Sequence[str], metric: str,
    of: tuple[str, str] = ("", ""), least: float = regimes.LEARNT,
) -> Claim:  # fmt: skip
    """Judge the control: without weight decay the same change of x lowers the rank by under a
    tenth.
    """
    table, left = regimes.learnt(table, least=least)
    plain, smaller = with_decay(table, False), x == "batch_size"
    words = "a smaller batch" if smaller else f"a larger {WORDS[x]}"
    there = regimes.runs(plain, "there are runs without decay")
    return judge(
        line_ratio(rank(plain, metric), x, by=by, falls=not smaller), figure=figure, kind="control",
        id=f"flat-without-decay-{IDS[x]}{of[1]}", at_least=1 - EFFECT,
        claim=f"without weight decay {words} lowers the average rank by under a tenth{of[0]},"
        f" {named(metric)}",
        regime=[there, *regime(table, metric)],
        note=_joined(left, _elsewhere(plain, x, by, metric, not smaller)),
    )  # fmt: skip


def _elsewhere(rows: pd.DataFrame, x: str, by: Sequence[str], metric: str, falling: bool) -> str:
    """The ratio at the other tolerances, which is not judged."""
    said = []
    for other, at in tolerances(rows).items():
        if other != metric:
            values = line_ratio(rank(rows, other), x, by=by, falls=falling).values
            if values:
                said.append(f"{student(values, log=True)[0]:.3g} at {at}")
    return f"ratio elsewhere: {', '.join(said)}" if said else ""


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
