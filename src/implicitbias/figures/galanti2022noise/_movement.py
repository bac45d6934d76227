"""What is read from the movement of single steps: averages over layers, ends of runs, per seed."""

from __future__ import annotations

import pandas as pd

from ...analysis.statistics import Statistic
from ...analysis.tables import final

# Metrics: of one whole step, of its gradient part, of weight decay's part.
STEP, PULL, DECAY = "relative_step", "gradient_step", "decay_step"


def averages(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means over the layers but the head, with `pure`, the step of decay alone, beside it.

    `full`: the batch is the whole training set.
    """
    rows = table[table["layer"] == "average"]
    pure = rows.loc[rows["metric"] == DECAY, ["run", "step", "value"]]
    rows = rows[rows["metric"] == metric].merge(
        pure.rename(columns={"value": "pure"}), on=["run", "step"]
    )
    return rows.assign(full=rows["batch_size"] == rows["n_train"])


def ends(rows: pd.DataFrame, start: float = 0.8, stop: float = 1.0) -> pd.DataFrame:
    """Return a row per run: the mean of `value` over its records in that part of training.

    By default the last fifth. Single steps differ from batch to batch, so one record says little.
    """
    share = rows["step"] / rows.groupby("run")["step"].transform("max")
    part = rows[(share >= start) & (share <= stop)]
    means = part.groupby("run")["value"].agg(lambda v: v.mean(skipna=False))
    return part.drop_duplicates("run").assign(value=lambda r: r["run"].map(means))


def falls(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the step in the last fifth of training / in the middle fifth, a row per run."""
    early = ends(rows, 0.4, 0.6).set_index("run")["value"]
    return ends(rows).assign(value=lambda r: r["value"] / r["run"].map(early))


def per_seed(rows: pd.DataFrame, sentence: str, least: bool) -> Statistic:
    """Return the least (or largest) of `value` over the runs of a seed; NaN if any is missing."""
    groups = rows.groupby("seed")["value"]
    extremes = groups.agg(
        lambda v: (v.min() if least else v.max()) if v.notna().all() else float("nan")
    )
    return Statistic.of(sentence, extremes, log=True)


def over_decay(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the steps of the last fifth over those of decay alone, a row per run."""
    return ends(rows.assign(value=rows["value"] / rows["pure"]))


def trained(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of (loss, rate, decay) at which every network ends above half accuracy.

    A network that has collapsed to a constant only decays: its step is the dashed line.
    """
    rows = final(table)
    rows = rows[rows["metric"] == "train_accuracy"]
    cell = ["loss", "lr", "weight_decay"]
    least = rows.groupby(cell)["value"].min()
    return table.merge(least[least >= 0.5].rename("least").reset_index(), on=cell)
