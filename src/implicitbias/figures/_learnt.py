"""Networks that did not learn, drawn apart, and tolerances at which nothing happens, left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis import regimes
from . import style
from ._ranks import rank, tolerances

AT_CHANCE = "at chance"
LEAST = 0.05  # of the largest average rank: what a tolerance must tell apart to be drawn
GREY = "#999999"


def at_chance(table: pd.DataFrame, least: float = regimes.LEARNT) -> frozenset[str]:
    """Return the runs whose final training accuracy is no better than chance, or missing.

    Without a recorded training accuracy these are none.
    """
    found = regimes.accuracies(table)
    return frozenset(str(run) for run in found.index[~(found >= least)])


def band(
    ax: Axes, rows: pd.DataFrame, x: str, label: str, look: tuple[str, str], panel: str,
    lost: frozenset[str] = frozenset(), crosses: bool = False,
    places: Mapping[float, float] | None = None, **line: Any,
) -> None:  # fmt: skip
    """Draw as style.band the runs that learnt; with `crosses` the others as grey crosses.

    lost: the runs at chance. places: as of style.band.
    """
    apart = rows["run"].isin(lost)
    kept = rows.assign(value=rows["value"].where(~apart))
    style.band(ax, kept, x, label, look, panel, places, **line)
    if crosses and apart.any():
        means = rows[apart].groupby(x)["value"].mean()
        at = [(places or {}).get(value, value) for value in means.index]
        ax.plot(at, means, color=GREY, marker="x", markersize=5, linestyle="none", label=AT_CHANCE)
        style.notes(ax, means.index, means, panel=panel, series=f"{label}, {AT_CHANCE}", x_name=x)


def drawn(
    figure: Figure, table: pd.DataFrame, lost: frozenset[str],
    metrics: Iterable[str] | None = None, always: Iterable[str] = (),
) -> dict[str, str]:  # fmt: skip
    """Return the tolerances at which something happens, each with what it is called.

    That is where the final average ranks of the runs that learnt differ by LEAST of the largest.
    The figure's caption says of any other tolerance what is seen there. If nothing happens at any,
    the first stays; so does what is in `always`, such as a tolerance with published points.
    """
    labels = {m: at for m, at in tolerances(table).items() if metrics is None or m in metrics}
    kept, flat = {}, {}
    for metric, at in labels.items():
        rows = rank(table, metric)
        values = rows.loc[~rows["run"].isin(lost), "value"].astype(float).dropna()
        if metric in always or values.empty or values.max() - values.min() > LEAST * values.max():
            kept[metric] = at
        else:
            flat[metric] = f"At {at} every network that learnt has rank {_range(values)}: no row"
    if not kept:
        first = next(iter(labels), "")
        flat.pop(first, None)
        kept = {metric: at for metric, at in labels.items() if metric == first}
    for text in flat.values():
        style.remark(figure, text)
    return kept


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return low if low == high else f"{low} to {high}"
