"""The ranks in a figure's table: at which tolerances, how each is called, and its final values."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..analysis.tables import final

NORMS = {"rank_fro": "Frobenius norm", "rank_spec": "spectral norm"}
# Of ids: what a claim is about.
IDS = {"batch_size": "batch", "lr": "lr", "weight_decay": "decay"}


def tolerances(table: pd.DataFrame, norms: Sequence[str] = tuple(NORMS)) -> dict[str, str]:
    """Return what each rank metric of a table is called: `tolerance 0.03`.

    They come in the order in which the config lists them (`figures.make` keeps it in the table's
    `attrs`), so the first one listed is drawn first; in a table without that, by norm and ascending
    tolerance. A tolerance in units of the spectral norm says so where both norms may stand.
    """
    there = {str(metric): split(str(metric)) for metric in table["metric"].unique()
             if str(metric).startswith(tuple(f"{norm}_" for norm in norms))}  # fmt: skip
    listed = [metric for metric in table.attrs.get("metrics", ()) if metric in there]
    unlisted = sorted(there.keys() - {*listed}, key=there.__getitem__)
    spectral = ", spectral norm" if len(norms) > 1 else ""
    return {
        metric: f"tolerance {there[metric][1]:g}{spectral if 'spec' in there[metric][0] else ''}"
        for metric in (*listed, *unlisted)
    }


def split(metric: str) -> tuple[str, float]:
    """Return norm and tolerance: `rank_fro_3e-2` is ("rank_fro", 0.03)."""
    norm, _, tolerance = metric.rpartition("_")
    return norm, float(tolerance)


def named(metric: str) -> str:
    """Return what a rank's tolerance is called in a sentence: `tolerance 0.03`."""
    norm, tolerance = split(metric)
    return f"tolerance {tolerance:g}{', spectral norm' if 'spec' in norm else ''}"


def judged(table: pd.DataFrame, published: str, scaled: str = "", at_protocol: bool = False) -> str:
    """Return the rank metric at which claims are judged, each sentence once.

    At the paper's protocol that is the one at which the figure was published; elsewhere the one
    that the figure scales it to; where the table has neither, the first that it lists.
    """
    there = list(tolerances(table))
    wanted = (published, scaled) if at_protocol else (scaled, published)
    return next((m for m in wanted if m in there), there[0] if there else published)


def full_rank(table: pd.DataFrame) -> float:
    """Return the largest average rank of any network of the table, at any tolerance and epoch.

    An untrained network has full rank at the smallest tolerance. 0 without runs.
    """
    rows = table[(table["layer"] == "average") & table["metric"].isin([*tolerances(table)])]
    largest = rows["value"].max()
    return float(largest) if pd.notna(largest) else 0.0


def rank(table: pd.DataFrame, metric: str, layer: str = "average") -> pd.DataFrame:
    """Return the final values of one metric of one layer, a row per run."""
    rows = final(table)
    return rows[(rows["metric"] == metric) & (rows["layer"] == layer)]
