"""Final ranks and accuracies of ResNet-18 and VGG-16 against one hyper-parameter.

What figures 2-4 and 12-15 share: their panels, and their claims with the control without decay.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import published
from ...analysis.tables import final
from .. import comparable, style
from .._learnt import at_chance, band, drawn
from .._ranks import judged, rank
from . import _published

RESNET: dict[str, Any] = {
    "dataset": "cifar10", "model": "resnet18", "width": 64, "stem_stride": 1, "epochs": 500,
    "momentum": 0.0,
}  # fmt: skip
VGG: dict[str, Any] = {**RESNET, "model": "vgg16"}
NO_DECAY = "no decay"


@dataclass(frozen=True)
class Layout:
    """A layout says what one figure draws: a column of panels is a value of `by`.

    as_published: the tolerance that gives the published ranks; "" where that is not known.
    scaled: the tolerance that stands for it at scale small.
    panel: from the column's value (a tuple if `by` has several fields) to the name of its panel in
    the published points.
    """

    figure: str  # "2"
    paper: Mapping[str, Any]
    by: tuple[str, ...]
    x: str
    layers: tuple[int, ...]
    panel: Callable[[Any], str]
    as_published: str = ""
    scaled: str = "rank_fro_7e-2"
    title: Callable[[Any], str] = str
    log: bool = True
    values: tuple[Hashable, ...] = field(default=())  # of `by`, where a figure must show each

    @property
    def key(self) -> str:
        """`galanti2025rank/fig02`."""
        return f"galanti2025rank/fig{int(self.figure):02d}"

    def judged(self, table: pd.DataFrame) -> str:
        """Return the rank metric at which the figure's sentences are judged."""
        fixed = {k: v for k, v in self.paper.items() if k not in self.by}
        at_protocol = len(table) > 0 and comparable(table.drop_duplicates("run"), fixed)
        return judged(table, self.as_published or self.scaled, self.scaled, at_protocol)

    def columns(self, table: pd.DataFrame) -> list[Hashable]:
        """Return the values of `by`, ascending, or those that must be shown."""
        if self.values:
            return list(self.values)
        decayed = table[table["weight_decay"] > 0]
        groups = (table if decayed.empty else decayed).groupby(list(self.by))
        return [value if len(self.by) > 1 else value[0] for value, _ in groups]

    def of(self, table: pd.DataFrame, value: Hashable) -> pd.DataFrame:
        """Return the runs of one column, with and without decay."""
        if table.empty:
            return table
        for name, v in zip(self.by, _tuple(value), strict=True):
            here = table[name] == v
            table = table[here | (table["weight_decay"] == 0) if name == "weight_decay" else here]
        return table

    def published(self, table: pd.DataFrame) -> pd.DataFrame | None:
        """Return the paper's points where our runs follow its protocol; None where they do not."""
        fixed = {k: v for k, v in self.paper.items() if k not in self.by}
        return _published.reported(table, fixed, self.figure)


def _tuple(value: Hashable) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def draw(table: pd.DataFrame, layout: Layout) -> Figure:
    """Draw a row of panels per tolerance and one of accuracies; a column per value of `by`.

    A tolerance at which nothing happens has a sentence in the caption in place of its row.
    """
    columns, lost = layout.columns(table), at_chance(table)
    fig = plt.figure(layout="constrained")
    labels = {m: f"rank, {at}" for m, at in drawn(fig, table, lost).items()} or {"": "rank"}
    labels["accuracy"] = "accuracy"
    rows = list(labels)
    fig.set_size_inches(style.PAGE, 0.6 + 1.6 * len(rows))
    apart = bool(layout.values)  # columns of other data, or of none, have axes of their own
    axes = fig.subplots(
        len(rows), len(columns), sharex="col" if apart else True, sharey=False if apart else "row",
        squeeze=False,
    )  # fmt: skip
    theirs = layout.published(table)
    for j, value in enumerate(columns):
        part, panel, title = layout.of(table, value), layout.panel(value), layout.title(value)
        points = None if theirs is None else theirs[theirs["panel"] == panel]
        axes[0][j].set_title(title)
        for ax, metric in zip(axes[:, j], rows, strict=True):
            if part.empty:
                _unavailable(ax, layout, value, metric == "accuracy")
            elif metric == "accuracy":
                _accuracies(ax, part, layout, points, title, lost)
            else:
                _ranks(ax, part, metric, layout, points, title, lost)
        axes[-1][j].set_xlabel(style.WORDS[layout.x])
        if len(part):
            _axis(axes[-1][j], part, layout)
    for i, label in enumerate(labels.values()):
        axes[i][0].set_ylabel(label)
        for ax in axes[i]:
            ax.set_ylim(0, 1.05 if label == "accuracy" else 1.04 * ax.get_ylim()[1])
    style.legend(fig, ncols=5)
    return fig


def _ranks(
    ax: Axes, part: pd.DataFrame, metric: str, layout: Layout, points: pd.DataFrame | None,
    title: str, lost: frozenset[str],
) -> None:  # fmt: skip
    panel, decayed = f"{title}, {metric}", part[part["weight_decay"] > 0]
    for i, layer in enumerate(layout.layers):
        rows = rank(decayed, metric, f"layer{layer}")
        band(ax, rows, layout.x, f"layer {layer}", style.layer_look(i), panel, lost)
    mean, look = rank(decayed, metric), style.SERIES["average"]
    band(ax, mean, layout.x, "average", look, panel, lost, crosses=True)
    _control(ax, part, rank(part, metric), layout, f"average, {NO_DECAY}", panel, lost)
    if metric == layout.as_published:
        _published.draw(ax, points, ["average"], panel)


def _accuracies(
    ax: Axes, part: pd.DataFrame, layout: Layout, points: pd.DataFrame | None, title: str,
    lost: frozenset[str],
) -> None:  # fmt: skip
    panel, last = f"{title}, accuracy", final(part)
    for metric in _published.SERIES:
        rows = last[(last["metric"] == metric) & (last["weight_decay"] > 0)]
        label, look = metric.replace("_", " "), style.SERIES[metric]
        band(ax, rows, layout.x, label, look, panel, lost, crosses=metric == "train_accuracy")
    test = last[last["metric"] == "test_accuracy"]
    _control(ax, part, test, layout, f"test accuracy, {NO_DECAY}", panel, lost)
    _published.draw(ax, points, _published.SERIES.values(), panel)


def _control(
    ax: Axes, part: pd.DataFrame, rows: pd.DataFrame, layout: Layout, label: str, panel: str,
    lost: frozenset[str],
) -> None:  # fmt: skip
    """The runs without decay, dashed grey: a level where x is the decay itself."""
    rows = rows[rows["weight_decay"] == 0]
    decays = part.loc[part["weight_decay"] > 0, "weight_decay"]
    if rows.empty or (layout.x == "weight_decay" and decays.empty):
        return
    colour, _ = style.SERIES["control"]
    if layout.x == "weight_decay":  # a level, of which the CSV has the one number, at decay 0
        values = rows["value"]
        ends, mean = [decays.min(), decays.max()], values.mean()
        ax.plot(ends, [mean, mean], color=colour, label=label, linestyle="--")
        ax.fill_between(ends, values.min(), values.max(), color=colour, alpha=0.18, linewidth=0)
        style.note(ax, panel=panel, series=label, x_name=layout.x, x=0.0, mean=mean,
                   low=values.min(), high=values.max(), n=values.count())  # fmt: skip
        return
    band(ax, rows, layout.x, label, (colour, ""), panel, lost, linestyle="--")


def _unavailable(ax: Axes, layout: Layout, value: Hashable, accuracy: bool) -> None:
    """How to bring the data that is missing, and the published points in the place of ours."""
    points = published.points(_published.PAPER, layout.figure)
    points = points[points["panel"] == layout.panel(value)]
    series = _published.SERIES.values() if accuracy else ["average"]
    words = f"not here; bring the data with\npython -m implicitbias\ndata fetch {value}"
    if points.empty:
        ax.set(xticks=[], yticks=[])
    else:
        _published.draw(ax, points, series, f"{layout.title(value)}, not run")
        style.ticks(ax, sorted(points["x"].unique()))
    ax.text(0.04, 0.06, words, transform=ax.transAxes, fontsize=6, color="#777777")
    ax.grid(False)


def _axis(ax: Axes, table: pd.DataFrame, layout: Layout) -> None:
    """The ticks are the values that were run."""
    values = sorted(table.loc[table["weight_decay"] > 0, layout.x].unique())
    if layout.log and values:
        ax.set_xscale("log")
    tilted: dict[str, Any] = {"rotation": 45, "ha": "right"} if layout.x == "weight_decay" else {}
    style.ticks(ax, values, **tilted)
