"""What this paper's experiments share: how penalties look, and how their rows are chosen."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ...analysis.tables import final
from .. import style

LOOKS: dict[str, tuple[str, str]] = {
    "l1": (style.BLUE, "o"), "l0": (style.VERMILION, "s"), "tl1": (style.GREEN, "^"),
    "none": (style.BLACK, "D"), "tl1, a = 0.1": (style.ORANGE, "v"),
    "tl1, a = 10": (style.SKY, "P"),
}  # fmt: skip
NAMES = {
    "l1": "l1", "l0": "l0", "tl1": "transformed l1", "none": "no penalty",
    "tl1, a = 0.1": "transformed l1, a = 0.1", "tl1, a = 10": "transformed l1, a = 10",
}  # fmt: skip
LINES = {"tl1": "--"}  # l1 and transformed l1 often lie on each other; others are solid
SHORT = {"l1": "l1", "l0": "l0", "tl1": "tl1"}
PENALISED = ("l1", "l0", "tl1")


def with_method(table: pd.DataFrame) -> pd.DataFrame:
    """A column `method`: the penalty, and the shape of transformed l1 where it is not a = 1."""
    shaped = (table["penalty"] == "tl1") & (table["tl1_shape"] != 1)
    label = "tl1, a = " + table["tl1_shape"].map("{:g}".format)
    return table.assign(method=table["penalty"].where(~shaped, label))


def methods(table: pd.DataFrame) -> list[str]:
    """The penalised methods that the table has, from the least shrinking to the most."""
    order = ["l0", "tl1, a = 0.1", "tl1", "tl1, a = 10", "l1"]
    return [m for m in order if m in set(table["method"])]


def ends(table: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """One row per run: its fields, and its final values as columns named after the metrics."""
    last = final(table)
    fields = table.drop_duplicates("run").drop(columns=["metric", "layer", "value"])
    rows = last[last["metric"].isin(metrics) & (last["layer"] == "network")]
    wide = rows.pivot(index="run", columns="metric", values="value")
    return fields.merge(wide, left_on="run", right_index=True)


def metric(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One quantity of the whole network at every record."""
    return table[(table["metric"] == name) & (table["layer"] == "network")]


def last(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """One quantity at the end of each run."""
    return metric(final(table), name)


def of_penalties(table: pd.DataFrame) -> list[str]:
    """The penalties that the table has, in the order of the legends."""
    return [p for p in NAMES if p in set(table["penalty"])]


def trajectories(ax: Axes, table: pd.DataFrame, name: str, floor: float = 0.0) -> None:
    """A quantity against iteration for each penalty; runs that have stopped keep their value."""
    chosen = metric(table, name)
    for penalty in of_penalties(table):
        rows = chosen[chosen["penalty"] == penalty]
        wide = rows.pivot_table(index="epoch", columns="seed", values="value").ffill()
        held = wide.reset_index().melt(id_vars="epoch", value_name="value")
        held["value"] = held["value"].clip(lower=floor)
        style.band(ax, held, "epoch", NAMES[penalty], (LOOKS[penalty][0], ""), name,
                   linestyle=LINES.get(penalty, "-"))  # fmt: skip
