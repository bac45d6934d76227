"""Recovery over measurements and sparsity: plain, weight-normalised, and the l1 line.

In the setting of Chou, Rauhut & Ward: share of seeds whose vector is recovered by gradient descent
on a diagonal linear network of depth 2, without and with weight normalisation, from one
initialisation and with one budget; rows: noise on each measurement (all stand-ins). A vector is
recovered if its relative error is below 0.01, or below five times the noise. White line: where
basis pursuit recovers half of the instances. Dotted line: to its right more than half of the
instances have only one non-negative solution (Wendel; Donoho & Tanner 2010: measurements =
(unknowns + non-zeros) / 2), which every method that fits the measurements finds in the end. Right:
the effect of step and time without noise, on some cells to the right of both lines. Top: share
recovered at the time of the maps, eta x iterations, against the step; dashed: by the gradient flow
at that time. Bottom: share recovered by the flow against time; the vertical line is the time of the
maps. Plain descent fails there for lack of time: most of what it could recover takes orders of
magnitude longer. The step 0.005 was chosen after larger steps had left truths with many non-zeros
unfitted. Basis pursuit also fits the noise, most strongly where there are about half as many
measurements as unknowns, so its line may close.
"""

import math
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_phase"
NEEDS = ("reconstruction_error", "bp_error")
RECOVERED, TIMES_NOISE = 0.01, 5
LINES: dict[str, dict[str, Any]] = {  # what the legend names beside the methods
    "in maps: basis pursuit recovers half": {"color": "#999999"},
    "in maps: half have a single solution": {"color": "#999999", "linestyle": ":"},
    "flow at the time of the maps": {"color": style.BLACK, "linestyle": "--", "linewidth": 0.8},
    "time of the maps": {"color": style.BLACK, "linestyle": ":", "linewidth": 0.8},
}
CELL = ["seed", "c", "measurements", "sparsity"]


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per descent: `value` 1 if recovered, `pursuit` 1 if basis pursuit recovers."""
    ends = _runs.ends(table[table["form"] != "flow"], "reconstruction_error", "bp_error")
    limit = (TIMES_NOISE * ends["noise"]).clip(lower=RECOVERED)
    return ends.assign(
        value=(ends["reconstruction_error"] < limit).astype(float),
        pursuit=(ends["bp_error"] < limit).astype(float),
    )


def maps(ends: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the smallest step, at which the whole grid was run."""
    chosen: pd.DataFrame = ends[ends["eta"] == ends["eta"].min()]
    return chosen


def flows(table: pd.DataFrame) -> pd.DataFrame:
    """Return `value` 1 where the flow has recovered by `time`; one that has arrived stays so."""
    part = _runs.with_ratio(table[table["form"] == "flow"])
    keys = [*CELL, "epoch"]
    wide = part[part["metric"].isin(("time", "reconstruction_error"))]
    wide = wide.pivot(index=keys, columns="metric", values="value").reset_index()
    times = sorted(wide["time"].unique())
    grid = wide.pivot_table(index="time", columns=CELL, values="reconstruction_error")
    held = grid.reindex(times).ffill() < RECOVERED
    wide = held.astype(float).T.reset_index()
    return wide.melt(id_vars=CELL, var_name="time").astype({"time": float})


def studied(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return descents of every step on the flows' cells; the flows at their time; and that time."""
    ends, flow = rows(table), flows(table)
    cells = flow[CELL].drop_duplicates()
    steps = ends[ends["noise"] == 0].merge(cells, on=CELL)
    time = float((steps["eta"] * steps["iterations"]).max())
    seen = flow[flow["time"] <= time * (1 + 1e-9)]
    return steps, seen[seen["time"] == seen["time"].max()], time


def claims(table: pd.DataFrame) -> list[Claim]:
    """Normalised descent recovers nearly what basis pursuit does, plain does not; the step."""
    cells = maps(rows(table))
    result = []
    for c, part in cells[cells["noise"] == 0].groupby("c"):
        share = part.groupby("seed")["value"].sum() / part.groupby("seed")["pursuit"].sum()
        statistic = Statistic.of(
            f"instances recovered by {_runs.name(float(str(c)))} / by basis pursuit", share
        )
        if c == 0:
            result.append(judge(
                statistic, figure=FIGURE, kind="paper", id="plain-against-pursuit", at_most=0.5,
                claim="plain descent recovers at most half of what basis pursuit does",
            ))  # fmt: skip
        else:
            result.append(judge(
                statistic, figure=FIGURE, kind="paper",
                id=f"normalised-against-pursuit-c-{c:g}", at_least=0.8,
                claim="normalised descent recovers at least four fifths of what basis pursuit does",
            ))  # fmt: skip
    steps, flow, time = studied(table)
    small = steps[steps["eta"] == steps["eta"].min()].groupby("seed")["value"].mean()
    gap = (small - flow.groupby("seed")["value"].mean()).abs()
    statistic = Statistic.of(f"|share recovered - the flow's| at time {time:g}", gap)
    result.append(judge(
        statistic, figure=FIGURE, kind="control", id="maps-step-small-enough", at_most=0.1,
        claim="at the maps' step descent recovers what the flow does in the same time",
    ))  # fmt: skip
    return result


def draw(table: pd.DataFrame) -> Figure:
    """Draw a map per method and noise; the step; time."""
    cells = maps(rows(table))
    ratios, noises = sorted(cells["c"].unique()), sorted(cells["noise"].unique())
    fig, axes = plt.subplots(
        2, len(ratios) + 1, figsize=(style.PAGE, 4.4), squeeze=False, layout="constrained"
    )
    for row, noise in zip(axes, noises, strict=True):
        for ax, c in zip(row, ratios, strict=False):
            part = cells[(cells["c"] == c) & (cells["noise"] == noise)]
            image = _map(ax, part, f"{_runs.name(c)}, noise {noise:g}")
        row[0].set_ylabel("non-zeros of the truth")
    for ax in axes[1][:-1]:
        ax.set_xlabel("measurements")
    fig.colorbar(image, ax=axes[:, :-1].ravel().tolist(), label="share recovered",
                 location="bottom", aspect=40, shrink=0.8)  # fmt: skip
    _legend(fig, [_runs.LOOKS[c] for c in ratios], [_runs.name(c) for c in ratios])
    _step_and_time(axes[0][-1], axes[1][-1], table)
    return fig


def _legend(figure: Figure, looks: list[tuple[Any, str]], names: list[str]) -> None:
    """Name the methods and every reference line; the maps' white lines are grey in it."""
    methods = [Line2D([], [], color=colour, marker=marker) for colour, marker in looks]
    lines = [*methods, *(Line2D([], [], **look) for look in LINES.values())]
    figure.legend(lines, [*names, *LINES], loc="outside upper center", ncols=3)


def _map(ax: Axes, part: pd.DataFrame, title: str) -> Any:
    grid = part.pivot_table(index="sparsity", columns="measurements", values="value")
    line = part.pivot_table(index="sparsity", columns="measurements", values="pursuit")
    image = ax.pcolormesh(_edges(grid.columns), _edges(grid.index), grid, vmin=0, vmax=1,
                          cmap="viridis")  # fmt: skip
    if float(line.to_numpy().min()) < 0.5 < float(line.to_numpy().max()):
        ax.contour(line.columns, line.index, line, levels=[0.5], colors="white")
    n = int(part["dimension"].iloc[0])
    ax.plot([(n + s) / 2 for s in grid.index], grid.index, color="white", linestyle=":")
    ax.set(title=title, xlim=_edges(grid.columns)[[0, -1]], ylim=_edges(grid.index)[[0, -1]])
    ax.set_yticks(grid.index)
    ax.grid(False)
    for sparsity, cells in grid.iterrows():
        style.notes(ax, cells.index, cells, panel=title, series=f"s={sparsity}",
                    x_name="measurements", n=part["seed"].nunique())  # fmt: skip
    return image


def _edges(values: "pd.Index[Any]") -> Any:
    """Cell borders half way between the values."""
    middle = (values[1:] + values[:-1]) / 2
    first, last = 2 * values[0] - middle[0], 2 * values[-1] - middle[-1]
    return pd.Index([max(first, 0), *middle, last]).to_numpy(dtype=float)


def _step_and_time(top: Axes, bottom: Axes, table: pd.DataFrame) -> None:
    steps, at_time, time = studied(table)
    whole = flows(table)
    for c in sorted(steps["c"].unique()):
        look, name = _runs.LOOKS[c], _runs.name(c)
        shares = steps[steps["c"] == c].groupby(["seed", "eta"])["value"].mean().reset_index()
        style.band(top, shares, "eta", name, look, "step")
        limit = float(at_time.loc[at_time["c"] == c, "value"].mean())
        top.axhline(limit, color=look[0], linestyle="--", linewidth=0.8)
        style.note(top, panel="step", series=f"flow, {name}", mean=limit)
        over = whole[whole["c"] == c].groupby(["seed", "time"])["value"].mean().reset_index()
        style.band(bottom, over, "time", name, (look[0], ""), "time")
    top.set(xscale="log", xlabel="step eta", ylim=(-0.05, 1.05))
    style.ticks(top, sorted(steps["eta"].unique()))
    bottom.axvline(time, color=style.BLACK, linestyle=":", linewidth=0.8)
    bottom.set(xscale="log", xlabel="time of the flow", ylim=(-0.05, 1.05))
    bottom.set_xlim(left=max(1.0, 10 ** math.floor(math.log10(time) - 2)))
    for ax in (top, bottom):
        ax.set_ylabel("share recovered")
