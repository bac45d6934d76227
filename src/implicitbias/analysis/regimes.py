"""Regimes: the conditions that runs must meet for a sentence to be tested by them at all.

A figure's module declares its regimes as functions of the table, beside the thresholds. Each part
is measured from the runs, and never from the claim's own statistic. This module has the common
parts.
"""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..plan.schedules import Schedule, multiplier
from .claims import Condition
from .tables import NETWORK, final

LEARNT = 0.2  # training accuracy from which on a network has learnt: twice chance, ten classes
FIT = 0.99  # training accuracy from which on a network fits its training set
# In the note of claims about networks that fit:
LATE = (
    "networks that do not fit are left out since the runs of scale small were seen; until then they"
    " made the claim not tested"
)


def condition(
    name: str, value: float, words: str, *, at_least: float | None = None,
    at_most: float | None = None,
) -> Condition:  # fmt: skip
    """Return the part "value is at least (or at most) this"; a missing value does not meet it."""
    if (at_least is None) == (at_most is None):
        raise ValueError(f"{name}: give at_least or at_most")
    if math.isnan(value):
        return Condition(name, False, f"{words}: no value")
    met = value >= at_least if at_least is not None else value <= at_most  # type: ignore[operator]
    needed = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
    return Condition(name, bool(met), f"{words} {value:.3g}, needed {needed}")


def runs(rows: pd.DataFrame, words: str = "the runs are there") -> Condition:
    """Return the part "there are runs"."""
    n = rows["run"].nunique() if len(rows) else 0
    return Condition(words, n > 0, f"{n} runs")


def accuracies(table: pd.DataFrame) -> pd.Series:
    """Return the final training accuracy, by run."""
    rows = final(table)
    rows = rows[(rows["metric"] == "train_accuracy") & (rows["layer"] == NETWORK)]
    found: pd.Series = rows.set_index("run")["value"].astype(float)
    return found


def fit(table: pd.DataFrame, least: float = FIT) -> Condition:
    """Return the part "every compared network fits its training set"."""
    found = accuracies(table)
    value = float(found.min(skipna=False)) if len(found) else math.nan
    return condition("every compared network fits", value, "least training accuracy",
                     at_least=least)  # fmt: skip


def learn(table: pd.DataFrame, least: float = LEARNT) -> Condition:
    """Return the part "every compared network learns": its accuracy is well above chance."""
    found = accuracies(table)
    value = float(found.min(skipna=False)) if len(found) else math.nan
    return condition("every compared network learns", value, "least training accuracy",
                     at_least=least)  # fmt: skip


def learnt(table: pd.DataFrame, least: float = LEARNT) -> tuple[pd.DataFrame, str]:
    """Return the rows of the runs that learnt, and how many were left out, in words ("" if none).

    A run that diverged has no accuracy and did not learn. Without a recorded training accuracy
    nothing is left out.
    """
    found = accuracies(table)
    if found.empty:
        return table, ""
    bad = {str(run) for run in found.index[~(found >= least)]}
    if not bad:
        return table, ""
    did = "fit" if least >= FIT else "learn"
    words = f"{len(bad)} of {len(found)} networks that did not {did} left out"
    return table[~table["run"].isin(bad)], words


def several(rows: pd.DataFrame, column: str, words: str) -> Condition:
    """Return the part "the networks that are left have at least two values of a field"."""
    n = rows[column].nunique() if len(rows) else 0
    return condition(f"there are {words} to compare", n, f"{column} of such networks:", at_least=2)


def below_full(rows: pd.DataFrame, full: float, share: float = 0.99) -> Condition:
    """Return the part "not every compared network has full rank", from rows of average ranks.

    full: the largest rank that such a network can have.
    """
    least = float(rows["value"].min()) / full if len(rows) and full > 0 else math.nan
    return condition("some compared network is below full rank", least, "least rank over full rank",
                     at_most=share)  # fmt: skip


def exponent(table: pd.DataFrame) -> pd.Series:
    """Return -sum over steps of log(1 - lr x weight_decay), by run: e to minus it is the share of
    the initial weights that decay alone leaves.
    """
    rows = table.sort_values("epoch").drop_duplicates("run", keep="last")
    if "lr_schedule" not in rows:
        rows = rows.assign(lr_schedule="steps")
    fields = ["run", "epoch", "step", "lr", "weight_decay", "lr_milestones", "lr_factor"]
    found = {}
    for run, epoch, step, lr, decay, *schedule in rows[[*fields, "lr_schedule"]].itertuples(
        index=False
    ):
        rates = lr * _multipliers(int(epoch), *schedule)
        found[run] = -(step / epoch if epoch else 0) * float(np.log1p(-rates * decay).sum())
    return pd.Series(found, dtype=float)


@cache
def _multipliers(
    epochs: int, milestones: str, factor: float, schedule: Schedule
) -> NDArray[np.float64]:
    """The factor of the learning rate in each epoch; milestones as JSON."""
    passed = json.loads(milestones)
    return np.array([multiplier(e, epochs, passed, factor, schedule) for e in range(epochs)])


def forgets(table: pd.DataFrame, tolerance: float) -> Condition:
    """Return the part "decay can lower the initialisation to the tolerance".

    The largest total decay exponent of the compared runs is at least log(1 / tolerance). Decay
    alone then leaves at most a share `tolerance` of the initial weights, and a singular value below
    this share is not counted.
    """
    found = exponent(table)
    value = float(found.max()) if len(found) else math.nan
    return condition("decay can lower the initialisation to the tolerance", value,
                     "largest total decay exponent", at_least=-math.log(tolerance))  # fmt: skip


def terminal(table: pd.DataFrame, within: float = 0.05) -> list[Condition]:
    """Return the parts of the terminal phase of training: no error, and a loss that has settled.

    The last training loss is within 5% of the one at 80% of the epochs, in every run.
    """
    loss = table[(table["metric"] == "train_loss") & (table["layer"] == NETWORK)]
    changes = []
    for _, run in loss.groupby("run"):
        curve = run.sort_values("epoch").set_index("epoch")["value"]
        early = curve[curve.index >= 0.8 * curve.index.max()].iloc[0]
        change = abs(curve.iloc[-1] - early)
        if change != 0:  # a loss that rests at 0 has settled; one that is missing has not
            change = change / early if early else math.inf
        changes.append(change)
    settled = float(np.max(changes)) if changes else math.nan
    return [
        fit(table, 1.0),
        condition("the loss has settled", settled, "largest change of the loss in the last fifth",
                  at_most=within),
    ]  # fmt: skip
