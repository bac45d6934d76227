"""Average rank of the other networks against the tolerance at which it is counted.

As `exp_tolerance`, for the sweeps of figures 2, 3, 4, 10, 11, 13 and 16: ResNet-18, VGG-16, the ViT
and the mixed residual network. For each figure it shows the runs along the figure's axis at one
setting of the other fields (the longest series; among equally long ones, the smallest batches and
the largest rates and decays). Ranks are counted in units of the Frobenius norm (above) and of the
spectral norm (below). Dashed black: the untrained networks. Dotted: the captions' tolerance, 1e-3,
and 0.05, at which the numbers of figures 4, 13 and 16 were counted (errata, items 3 and 4). Where a
curve meets the dashed one, its rank is the rank of random matrices of its shapes.

The claims judge the direction that the paper reports, at the tolerance at which the rank of the
untrained network is nearest to 0.55 of its full rank, as for ResNet-18 at the tolerance of figure
4. This choice does not depend on trained networks and means the same cut at every width. The paper
has no such figure.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import trend
from ...analysis.tables import final
from .. import style
from .._learnt import at_chance
from .._ranks import IDS, NORMS
from ._tolerance import PRINTED, WORDS, curves, ranks

PAPER: dict[str, Any] = {"dataset": "cifar10"}
FIGURE = "galanti2025rank/exp_tolerance_networks"
MARKS = (1e-3, 0.05)
SHARE = 0.55  # of its full rank, that an untrained ResNet-18 has as figure 4 was published
SETTINGS = ("batch_size", "lr", "weight_decay")
MODELS = {"resnet18": "ResNet-18", "vgg16": "VGG-16", "vit": "ViT", "mixed_residual": "mixed"}


class Panel(NamedTuple):
    """A published figure: its network, and what it varies."""

    figure: str
    model: str
    x: str

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the longest series of runs along x (with decay), all else the same."""
        others = [c for c in (*SETTINGS, "negative_slope") if c != self.x]
        here = rows[rows["model"] == self.model]
        if self.x != "weight_decay":
            here = here[here["weight_decay"] > 0]
        if here.empty:
            return here
        series = {
            (part[self.x].nunique(), *self._preferred(part)): part
            for _, part in here.groupby(others, dropna=False)
        }
        return series[max(series)]

    def _preferred(self, part: pd.DataFrame) -> tuple[float, float, float]:
        size, lr, decay = (part[c].min() for c in SETTINGS)
        return -size, lr, decay

    def fixed(self, part: pd.DataFrame) -> str:
        """Return what the runs of the series share."""
        return ", ".join(f"{WORDS[c]} {part[c].iloc[0]:g}" for c in SETTINGS if c != self.x)

    @property
    def name(self) -> str:
        """Return what titles and claims call the panel."""
        return f"figure {self.figure}: {MODELS[self.model]}"


PANELS = (
    Panel("2", "resnet18", "lr"), Panel("3", "resnet18", "weight_decay"),
    Panel("4", "resnet18", "batch_size"), Panel("10", "vit", "lr"),
    Panel("11", "vit", "weight_decay"), Panel("13", "vgg16", "batch_size"),
    Panel("16", "mixed_residual", "weight_decay"),
)  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the direction along each figure's axis, at the tolerance that untrained networks give.

    The figures themselves judge it at the tolerance of their numbers; this one asks for none.
    """
    found = []
    for panel in PANELS:
        every = ranks(table[table["model"] == panel.model])
        tolerance = middle(every[every["norm"] == "rank_fro"])
        learnt, left = regimes.learnt(panel.of(table[table["model"] == panel.model]))
        cut = final(ranks(learnt))
        cut = cut[(cut["norm"] == "rank_fro") & (cut["tolerance"] == tolerance)]
        word = "rises" if panel.x == "batch_size" else "falls"
        direction: Literal["rises", "falls"] = "rises" if word == "rises" else "falls"
        found.append(
            trend(
                cut, figure=FIGURE, kind="ours", x=panel.x, direction=direction, note=left,
                id=f"fig{panel.figure}-rank-with-{IDS[panel.x]}",
                claim=f"{panel.name}: average rank {word} with {WORDS[panel.x]} at the tolerance"
                f" at which an untrained network has about {SHARE:g} of its full rank",
                regime=[regimes.runs(cut),
                        regimes.forgets(learnt, tolerance)] if len(cut) else [regimes.runs(cut)],
            )
        )  # fmt: skip
    return found


def middle(rows: pd.DataFrame) -> float:
    """Return the tolerance at which untrained networks are nearest to SHARE of their full rank."""
    start = rows[rows["epoch"] == 0].groupby("tolerance")["value"].mean()
    return float((start / start.max() - SHARE).abs().idxmin()) if len(start) else float("nan")


def draw(table: pd.DataFrame) -> Figure:
    """Draw two rows, one per norm, for each four figures."""
    rows, lost = ranks(table), at_chance(table)
    fig, axes = plt.subplots(
        4, 4, figsize=(style.PAGE, 7.4), sharex=True, squeeze=False, layout="constrained"
    )
    for ax in axes[2:, len(PANELS) - 4 :].flat:
        ax.set_axis_off()
    for i, panel in enumerate(PANELS):
        part = panel.of(rows)
        pair = axes[2 * (i // 4) : 2 * (i // 4) + 2, i % 4]
        for ax, (norm, name) in zip(pair, NORMS.items(), strict=True):
            of_norm = part[part["norm"] == norm]
            if of_norm.empty:
                ax.text(0.5, 0.5, "no runs", ha="center", transform=ax.transAxes)
            else:
                curves(ax, of_norm, panel.x, f"{panel.name}, {name}", MARKS, lost)
                ax.set_ylim(0, 1.05 * of_norm["value"].max())
            ax.set_xscale("log")
            if i % 4 == 0:
                ax.set_ylabel(f"rank, {name}")
        if part.empty:
            pair[0].set_title(panel.name)
        else:
            entries = dict(zip(*reversed(pair[0].get_legend_handles_labels()), strict=True))
            marks = {name for name in entries if name.startswith(PRINTED)}
            pair[0].legend(
                *zip(*((h, name) for name, h in entries.items() if name not in marks), strict=True),
                title=f"{panel.name}\n{panel.fixed(part)}", title_fontsize=7, fontsize=6,
                ncols=2, handlelength=1.2, columnspacing=1, loc="lower center",
                bbox_to_anchor=(0.5, 1),
            )  # fmt: skip
        if i + 4 >= len(PANELS):
            pair[1].set_xlabel("tolerance")
            pair[1].tick_params(labelbottom=True)
    return fig
