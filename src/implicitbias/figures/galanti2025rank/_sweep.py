"""Final ranks and accuracies of ResNet-18 and VGG-16 against one hyper-parameter.

What figures 2-4 and 12-15 share: their panels, and their claims with the control without decay.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import published
from ...analysis.tables import final
from .. import comparable, style
from ._mlp import SERIES_NAMES, WORDS, rank

RESNET: dict[str, Any] = {
    "dataset": "cifar10", "model": "resnet18", "width": 64, "stem_stride": 1, "epochs": 500,
    "momentum": 0.0,
}  # fmt: skip
VGG: dict[str, Any] = {**RESNET, "model": "vgg16"}
RANK = "rank_fro_"
NO_DECAY = "no decay"


@dataclass(frozen=True)
class Sweep:
    """What one figure draws. A column of panels is a value of `by`, read off the runs with decay.

    as_published: the tolerance that gives the published ranks; "" where that is not known.
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
    title: Callable[[Any], str] = str
    log: bool = True
    values: tuple[Hashable, ...] = field(default=())  # of `by`, where a figure must show each

    @property
    def key(self) -> str:
        """`galanti2025rank/fig02`."""
        return f"galanti2025rank/fig{int(self.figure):02d}"

    def columns(self, table: pd.DataFrame) -> list[Hashable]:
        """The values of `by`, ascending, or those that must be shown."""
        if self.values:
            return list(self.values)
        decayed = table[table["weight_decay"] > 0]
        groups = (table if decayed.empty else decayed).groupby(list(self.by))
        return [value if len(self.by) > 1 else value[0] for value, _ in groups]

    def of(self, table: pd.DataFrame, value: Hashable) -> pd.DataFrame:
        """The runs of one column, with and without decay."""
        if table.empty:
            return table
        for name, v in zip(self.by, _tuple(value), strict=True):
            here = table[name] == v
            table = table[here | (table["weight_decay"] == 0) if name == "weight_decay" else here]
        return table

    def published(self, table: pd.DataFrame) -> pd.DataFrame | None:
        """The paper's points where our runs follow its protocol; None where they do not."""
        if table.empty:
            return None
        runs = table.drop_duplicates("run")
        fixed = {k: v for k, v in self.paper.items() if k not in self.by}
        points = published.points("galanti2025rank", self.figure)
        return points if len(points) and comparable(runs, fixed) else None


def tolerances(table: pd.DataFrame) -> dict[str, str]:
    """The ranks that the config asks for, by ascending tolerance, and how they are called."""
    names = [m for m in table["metric"].unique() if m.startswith(RANK)]
    found = {m: float(m.removeprefix(RANK)) for m in names}
    return {m: f"tolerance {found[m]:g}" for m in sorted(found, key=found.__getitem__)}


def _tuple(value: Hashable) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def draw(table: pd.DataFrame, sweep: Sweep) -> Figure:
    """A row of panels per tolerance and one of accuracies; a column per value of `by`."""
    labels = {m: f"rank, {at}" for m, at in tolerances(table).items()} | {"accuracy": "accuracy"}
    columns, rows = sweep.columns(table), list(labels)
    fig, axes = plt.subplots(
        len(rows), len(columns), figsize=(style.PAGE, 0.6 + 1.6 * len(rows)), sharex=True,
        sharey="row", squeeze=False, layout="constrained",
    )  # fmt: skip
    published = sweep.published(table)
    for j, value in enumerate(columns):
        part = sweep.of(table, value)
        panel = sweep.panel(value)
        theirs = None if published is None else published[published["panel"] == panel]
        title = sweep.title(value)
        axes[0][j].set_title(title)
        for i, metric in enumerate(rows):
            if part.empty:
                _unavailable(axes[i][j])
            elif metric == "accuracy":
                _accuracies(axes[i][j], part, sweep, theirs, title)
            else:
                _ranks(axes[i][j], part, metric, sweep, theirs, title)
        axes[-1][j].set_xlabel(WORDS[sweep.x])
        if table.empty:
            axes[-1][j].set(xticks=[], yticks=[])
        else:
            _axis(axes[-1][j], table, sweep)
    for i, label in enumerate(labels.values()):
        axes[i][0].set_ylabel(label if len(table) else "rank")
        axes[i][0].set_ylim(0, 1.05 if label == "accuracy" and len(table) else None)
    _legend(fig)
    return fig


def _ranks(
    ax: Axes, part: pd.DataFrame, metric: str, sweep: Sweep, theirs: pd.DataFrame | None, title: str
) -> None:
    panel, decayed = f"{title}, {metric}", part[part["weight_decay"] > 0]
    for i, layer in enumerate(sweep.layers):
        rows = rank(decayed, metric, f"layer{layer}")
        style.band(ax, rows, sweep.x, f"layer {layer}", style.layer_look(i), panel)
    style.band(ax, rank(decayed, metric), sweep.x, "average", style.SERIES["average"], panel)
    _control(ax, part, rank(part, metric), sweep, f"average, {NO_DECAY}", panel)
    if theirs is not None and metric == sweep.as_published:
        _points(ax, theirs, ["average"], panel)


def _accuracies(
    ax: Axes, part: pd.DataFrame, sweep: Sweep, theirs: pd.DataFrame | None, title: str
) -> None:
    panel, last = f"{title}, accuracy", final(part)
    for metric in SERIES_NAMES:
        rows = last[(last["metric"] == metric) & (last["weight_decay"] > 0)]
        label = metric.replace("_", " ")
        style.band(ax, rows, sweep.x, label, style.SERIES[metric], panel)
    test = last[last["metric"] == "test_accuracy"]
    _control(ax, part, test, sweep, f"test accuracy, {NO_DECAY}", panel)
    if theirs is not None:
        _points(ax, theirs, list(SERIES_NAMES.values()), panel)


def _control(
    ax: Axes, part: pd.DataFrame, rows: pd.DataFrame, sweep: Sweep, label: str, panel: str
) -> None:
    """The runs without decay, dashed grey: a level where x is the decay itself."""
    rows = rows[rows["weight_decay"] == 0]
    decays = part.loc[part["weight_decay"] > 0, "weight_decay"]
    if rows.empty or (sweep.x == "weight_decay" and decays.empty):
        return
    if sweep.x == "weight_decay":
        rows = pd.concat([rows.assign(weight_decay=end) for end in (decays.min(), decays.max())])
    colour, _ = style.SERIES["control"]
    style.band(ax, rows, sweep.x, label, (colour, ""), panel, linestyle="--")


def _points(ax: Axes, theirs: pd.DataFrame, series: Sequence[str], panel: str) -> None:
    rows = theirs[theirs["series"].isin(series)]
    style.points(ax, list(rows["x"]), list(rows["y"]), "published", panel)


def _unavailable(ax: Axes) -> None:
    ax.text(0.5, 0.5, "data not available", transform=ax.transAxes, ha="center", color="#777777")
    ax.grid(False)


def _axis(ax: Axes, table: pd.DataFrame, sweep: Sweep) -> None:
    """The ticks are the values that were run."""
    values = sorted(table.loc[table["weight_decay"] > 0, sweep.x].unique())
    if sweep.log and values:
        ax.set_xscale("log")
    turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if sweep.x == "weight_decay" else {}
    ax.set_xticks(values, [f"{v:g}" for v in values], **turned)
    ax.minorticks_off()


def _legend(fig: Figure) -> None:
    handles: dict[str, Any] = {}
    for ax in fig.axes:
        handles.update(dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True)))
    fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=5)
