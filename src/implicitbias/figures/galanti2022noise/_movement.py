"""What is read from recorded movements of the weights: averages, pure decay, falls, per seed."""

from __future__ import annotations

import pandas as pd

from ...analysis.statistics import Statistic
from ...analysis.tables import final


def span(table: pd.DataFrame) -> pd.Series:
    """Return S, the steps over which each row's movement is taken."""
    per_epoch = table["step"] / table["epoch"]
    return per_epoch * table["movement_epochs"]


def pure_decay(table: pd.DataFrame) -> pd.Series:
    """Return 1 - (1 - lr weight_decay)^S, the relative movement without any gradient."""
    movement: pd.Series = 1 - (1 - table["lr"] * table["weight_decay"]) ** span(table)
    return movement


def averages(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means over the layers but the head, with the line of pure decay beside it."""
    rows = table[(table["metric"] == metric) & (table["layer"] == "average")]
    return rows.assign(decay=pure_decay(rows), full=rows["batch_size"] == rows["n_train"])


def per_seed(rows: pd.DataFrame, sentence: str, least: bool) -> Statistic:
    """Return the least (or largest) of `value` over the runs of a seed; NaN if any is missing."""
    groups = rows.groupby("seed")["value"]
    extremes = groups.agg(
        lambda v: (v.min() if least else v.max()) if v.notna().all() else float("nan")
    )
    return Statistic.of(sentence, extremes, log=True)


def last(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run's last step."""
    return rows[rows["step"] == rows.groupby("run")["step"].transform("max")]


def falls(rows: pd.DataFrame) -> pd.DataFrame:
    """Return movement at the end / at the first record in the second half, for each run."""
    half = rows["step"].max() / 2
    ratios = []
    for _, run in rows.sort_values("step").groupby("run"):
        later = run[run["step"] >= half]
        ratio = later["value"].iloc[-1] / later["value"].iloc[0]
        ratios.append(run.iloc[-1:].assign(value=ratio))
    return pd.concat(ratios)


def trained(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of (loss, rate, decay) at which every network ends above half accuracy.

    A network that has collapsed to a constant only decays: its plateau is the dashed line.
    """
    rows = final(table)
    rows = rows[rows["metric"] == "train_accuracy"]
    cell = ["loss", "lr", "weight_decay"]
    least = rows.groupby(cell)["value"].min()
    return table.merge(least[least >= 0.5].rename("least").reset_index(), on=cell)
