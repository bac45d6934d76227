"""What the figures on rho and margins share: one row per run, and colours of starts and decays."""

from __future__ import annotations

import pandas as pd

from ...analysis.tables import final


def wide(table: pd.DataFrame, last: bool = True) -> pd.DataFrame:
    """Return a row per run (and epoch): its fields and the network's quantities as columns."""
    rows = final(table) if last else table
    rows = rows[rows["layer"] == "network"]
    fields = table.drop_duplicates("run").drop(
        columns=["metric", "layer", "value", "epoch", "step"]
    )
    values = rows.pivot(
        index=["run", "epoch", "step"], columns="metric", values="value"
    ).reset_index()
    return fields.merge(values, on="run")
