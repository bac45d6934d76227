"""Average rank against the tolerance at which it is counted, and which tolerance was published.

Every curve of figures 7 to 9 is one vertical cut through this picture: the average rank of the
hidden matrices at the end, counted at tolerances from 1e-4 to 0.2 of the Frobenius norm (above; the
authors' code) or the spectral norm (below; the paper's text). Black: the untrained networks. The
captions' tolerance is 1e-3. Where a curve meets the black curve, the published plateau is the rank
of a random matrix.

At the paper's protocol a last row shows the mean distance between our average ranks and the
published points of figures 7 to 9 at each tolerance, over the points that we have run (after 490
epochs, as published). The smallest distance identifies the tolerance. The paper has no such figure.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import published, regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic, complete, line_ratio
from ...analysis.tables import final
from .. import comparable, style
from .._learnt import at_chance
from .._ranks import NORMS
from . import _mlp, _published
from ._tolerance import curves, ranks

PAPER: dict[str, Any] = dict(_mlp.PAPER)
FIGURE = "galanti2025rank/exp_tolerance"
PARTS = {"rank_fro": "fro", "rank_spec": "spec"}  # of ids
MARKS = (1e-3, 0.03)  # the captions' tolerance, and the published points'
# Panel column and x of the published figures, and the column of ours that each is.
PUBLISHED = {"7": ("batch_size", "weight_decay"), "8": ("batch_size", "weight_decay"),
             "9": ("lr", "batch_size")}  # fmt: skip


def gaps(table: pd.DataFrame, by_seed: bool = False) -> pd.DataFrame:
    """Return the mean |ours - published| by figure, norm and tolerance, and over how many points.

    Ours is the mean over the seeds of a point. by_seed: for each seed, over the points that all of
    these seeds have.
    """
    if not comparable(table.drop_duplicates("run"), PAPER):
        return pd.DataFrame(
            columns=["figure", "norm", "tolerance", "seed", "value", "points", "missing"]
        )
    ours = ranks(table[table["epoch"] == _published.LAST_EPOCH])
    means = []
    for figure, (column, x) in PUBLISHED.items():
        theirs = published.points("galanti2025rank", figure).query("series == 'average'")
        points = _published.numbered(theirs, column, x).rename(columns={"value": "published"})
        points = points.drop(columns=["panel", "series"])
        mine = ours[ours["weight_decay"] == 4e-4] if figure == "9" else ours[ours["lr"] == 0.1]
        both = mine.astype({column: float, x: float}).merge(points, on=[column, x])
        missing = ""
        if by_seed:
            both, missing = complete(both, ["norm", "tolerance", column, x])
        else:
            place = ["norm", "tolerance", column, x]
            both = both.groupby(place)[["value", "published"]].mean().reset_index().assign(seed=-1)
        gap = both.assign(value=(both["value"] - both["published"]).abs())
        groups = gap.groupby(["norm", "tolerance", "seed"])["value"]
        means.append(
            groups.agg(value="mean", points="count")
            .reset_index()
            .assign(figure=figure, missing=missing)
        )
    return pd.concat(means, ignore_index=True)


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each figure and norm, the tolerance of the smallest mean gap, and the gap at
    1e-3.
    """
    rows = gaps(table).groupby(["figure", "norm", "tolerance"])[["value", "points"]].mean()
    least = []
    for (figure, norm), part in rows.reset_index().groupby(["figure", "norm"]):
        at = part.sort_values("value").iloc[0]
        caption = part[part["tolerance"] == 1e-3]["value"].mean()
        least.append((figure, norm, at["tolerance"], at["value"], caption, int(at["points"])))
    columns = ["figure", "norm", "tolerance", "gap", "gap_at_caption", "points"]
    return pd.DataFrame(least, columns=columns)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the direction at every tolerance; at the paper's protocol the tolerance that was
    printed.
    """
    learnt, left = regimes.learnt(table)
    rows = final(ranks(learnt))
    rows = rows[(rows["lr"] == 0.1) & (rows["weight_decay"] > 0)]
    judged = []
    for norm, name in NORMS.items():
        cuts = rows[(rows["norm"] == norm) & rows["tolerance"].between(1e-3, 0.1)]
        ratios = {t: line_ratio(cut, "weight_decay", by=["batch_size"])
                  for t, cut in cuts.groupby("tolerance")}  # fmt: skip
        weakest = pd.DataFrame({t: ratio.by_seed for t, ratio in ratios.items()}).max(axis=1)
        missing = next(iter(ratios.values())).missing if ratios else ""
        judged.append(
            judge(
                Statistic.of("average rank at largest / at smallest weight decay, line over all"
                             " points, the largest of the tolerances from 0.001 to 0.1", weakest,
                             missing, log=True),
                figure=FIGURE, kind="ours", id=f"rank-falls-with-decay-{PARTS[norm]}", at_most=0.9,
                claim=f"the rank falls with weight decay at every such tolerance, {name}",
                regime=[regimes.forgets(learnt, 1e-3)], note=left,
            )
        )  # fmt: skip
    near = gaps(table, by_seed=True)
    near = near[(near["norm"] == "rank_fro")]
    for figure, part in near.groupby("figure"):
        printed = f"figure {figure} as published"
        judged += [
            judge(_mean_gap(part, 0.03), at_most=3.0, figure=FIGURE, kind="ours",
                  reference=printed, id=f"fig{figure}-at-3e-2",
                  claim=f"the points of figure {figure} are ranks at tolerance 0.03"),
            judge(_mean_gap(part, 1e-3), at_least=10.0, figure=FIGURE, kind="ours",
                  reference=printed, id=f"fig{figure}-not-at-1e-3",
                  claim=f"the points of figure {figure} are not ranks at tolerance 0.001"),
        ]  # fmt: skip
    return judged


def _mean_gap(rows: pd.DataFrame, tolerance: float) -> Statistic:
    by_seed = rows[rows["tolerance"] == tolerance].set_index("seed")["value"]
    sentence = f"mean |our average rank - published| at tolerance {tolerance:g}"
    return Statistic.of(sentence, by_seed, str(rows["missing"].iloc[0]) if len(rows) else "")


def draw(table: pd.DataFrame) -> Figure:
    """Draw norms in rows, and the gap where there is one; batch sizes and rates in columns."""
    rows, near = ranks(table), gaps(table)
    usual = rows[rows["lr"] == 0.1]
    sizes = sorted(usual["batch_size"].unique())
    lost = at_chance(table)
    sizes = sorted({sizes[0], sizes[(len(sizes) - 1) // 2], sizes[-1]})
    others = rows["lr"].nunique() > 1
    fig, axes = plt.subplots(
        2 + (len(near) > 0), len(sizes) + others, figsize=(style.PAGE, 4.2 + 1.9 * (len(near) > 0)),
        sharex=True, sharey="row", squeeze=False, layout="constrained",
    )  # fmt: skip
    for i, (norm, name) in enumerate(NORMS.items()):
        part = rows[rows["norm"] == norm]
        for j, size in enumerate(sizes):
            at = part[(part["batch_size"] == size) & (part["lr"] == 0.1)]
            curves(axes[i][j], at, "weight_decay", f"{name}, B {size}", MARKS, lost)
            axes[0][j].set_title(f"batch size {size}")
        if others:
            at = part[part["weight_decay"] == _of_rates(rows)]
            at = at[at["batch_size"] == sizes[len(sizes) // 2]]
            curves(axes[i][-1], at, "lr", f"{name}, learning rates", MARKS, lost)
            axes[0][-1].set_title(f"by rate, batch size {sizes[len(sizes) // 2]}")
            axes[0][-1].legend(*_named(axes[0][-1], "rate"))
        axes[i][0].set_ylabel(f"rank, {name}")
    for ax in axes[-1]:
        ax.set(xscale="log", xlabel="tolerance")
    if len(near):
        _gaps(axes[2], near, best(table))
    style.legend(fig, axes[0][0], ncols=4)
    return fig


def _named(ax: Axes, word: str) -> tuple[list[Any], list[str]]:
    """The legend's entries that begin with a word."""
    entries = [(h, n) for h, n in zip(*ax.get_legend_handles_labels(), strict=True)
               if n.startswith(word)]  # fmt: skip
    return [h for h, _ in entries], [n for _, n in entries]


def _of_rates(rows: pd.DataFrame) -> float:
    """The weight decay at which several learning rates were run."""
    counts = rows.groupby("weight_decay")["lr"].nunique()
    return float(str(counts.idxmax()))


def _gaps(axes: Any, near: pd.DataFrame, least: pd.DataFrame) -> None:
    """A panel per published figure, and in the last one in words where the gap is smallest."""
    figures = list(near.groupby("figure"))
    for ax, (figure, rows) in zip(axes, figures, strict=False):
        for norm, colour in zip(NORMS, (style.BLUE, style.VERMILION), strict=True):
            part = rows[rows["norm"] == norm]
            style.band(ax, part, "tolerance", NORMS[norm], (colour, "o"), f"gap, figure {figure}")
        ax.set_title(f"figure {figure}: {rows['points'].max()} points")
    axes[0].set_ylabel("gap to the published")
    axes[0].legend()
    for ax in axes[len(figures) :]:
        ax.set_axis_off()
    lines = [
        f"figure {row.figure}, {NORMS[str(row.norm)]}:\n  {row.gap:.1f} at {row.tolerance:g},"
        f" {row.gap_at_caption:.1f} at 0.001"
        for row in least.itertuples()
    ]
    if len(axes) > len(figures):
        axes[len(figures)].text(0, 1, "smallest gap\n" + "\n".join(lines), va="top", fontsize=7,
                                transform=axes[len(figures)].transAxes)  # fmt: skip
