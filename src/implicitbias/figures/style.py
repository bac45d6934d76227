"""The one look: sizes, fonts, colours that mean something, and the numbers behind each line.

Sizes fit a two-column paper (3.3 and 6.9 inches). Colours are Okabe & Ito's, told apart in the
common forms of colour blindness, and every series has a marker of its own, for print.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from ..base.files import replacing

COLUMN, PAGE = 3.3, 6.9  # inches
RC: Any = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "font.family": "DejaVu Sans",
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
    "lines.markersize": 3.5, "legend.frameon": False, "axes.grid": True, "grid.alpha": 0.25,
    "grid.linewidth": 0.5, "figure.dpi": 100, "savefig.dpi": 200, "pdf.fonttype": 42,
    "svg.fonttype": "path", "svg.hashsalt": "implicitbias", "axes.axisbelow": True,
}  # fmt: skip
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#B8A800", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
# A meaning keeps its colour and marker in every figure.
SERIES: dict[str, tuple[str, str]] = {
    "average": (BLACK, "o"), "average_all": (PURPLE, "h"),
    "train_accuracy": (BLUE, "s"), "test_accuracy": (VERMILION, "^"),
    "control": ("#777777", ""),
}  # fmt: skip
# What an axis is called.
WORDS = {"batch_size": "batch size", "weight_decay": "weight decay", "lr": "learning rate"}
_LAYERS = ((SKY, "v"), (ORANGE, "D"), (GREEN, "P"), (PURPLE, "X"), (YELLOW, "<"), (BLUE, ">"))
HOLLOW = "not every seed has a value"
GEOMETRIC = "Means over seeds on logarithmic axes are geometric"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
COLUMNS = {
    "panel": "The panel that the number is drawn in.",
    "series": "The line, or the other mark, as the legend has it.",
    "x_name": "What stands on the horizontal axis; `published` for points of a paper.",
    "x": "The place on that axis [of x_name].",
    "mean": "What is drawn: of a band or bar the mean over the seeds that have a value, geometric"
    " where the caption says so [of the panel].",
    "low": "Lower end of the band or bar, the smallest seed; empty where there is none [of the"
    " panel].",
    "high": "Its upper end, the largest seed [of the panel].",
    "n": "Seeds with a value [seeds].",
}
_PLOTTED: WeakKeyDictionary[Figure, list[dict[str, Any]]] = WeakKeyDictionary()
_REMARKS: WeakKeyDictionary[Figure, list[str]] = WeakKeyDictionary()


@contextmanager
def look() -> Iterator[None]:
    """Set the rcParams of every figure, here and nowhere else."""
    with plt.rc_context():
        mpl.rcdefaults()  # whatever the user's own matplotlibrc says
        plt.rcParams.update(RC)
        yield


def layer_look(i: int) -> tuple[str, str]:
    """Return colour and marker of the i-th layer that a figure shows."""
    return _LAYERS[i % len(_LAYERS)]


def shades(n: int) -> list[Any]:
    """Return n colours from light to dark, for the values of an ordered quantity."""
    return list(plt.get_cmap("viridis_r")(np.linspace(0.1, 1, n)))


def band(
    ax: Axes, rows: pd.DataFrame, x: str, label: str, look: tuple[str, str], panel: str,
    places: Mapping[float, float] | None = None, geometric: bool = False, **line: Any,
) -> None:  # fmt: skip
    """Draw the mean over seeds of `value` against x, with the range from smallest to largest seed.

    Where a seed has no value the marker is hollow and the mean is that of the others; where none
    has, there is a gap. What is drawn is also kept as rows for the figure's CSV. places: where on
    the axis a value of x stands that has no place of its own, as 0 on a logarithmic one; the CSV
    keeps the value. geometric: the mean of logarithms, for logarithmic axes; the caption says so.
    """
    at_place = {**(places or {})}
    shown = rows.assign(**{x: [at_place.get(v, v) for v in rows[x]]}) if at_place else rows
    value_at: dict[Any, float] = {place: v for v, place in at_place.items()}
    groups = shown.groupby(x)["value"]
    mean, low, high, n = (getattr(groups, f)() for f in ("mean", "min", "max", "count"))
    if geometric:
        mean = geometric_means(ax, groups)
    colour, marker = look
    ax.plot(mean.index, mean, color=colour, marker=marker, label=label, **line)
    ax.fill_between(mean.index, low, high, color=colour, alpha=0.18, linewidth=0)
    part = mean[(n < groups.size()) & (n > 0)]
    if len(part):
        ax.plot(part.index, part, color=colour, marker=marker or "o", linestyle="none",
                markerfacecolor="white", zorder=4, label=HOLLOW)  # fmt: skip
    for at, cells in pd.DataFrame({"mean": mean, "low": low, "high": high, "n": n}).iterrows():
        numbers = {str(k): v for k, v in cells.items()}
        note(ax, panel=panel, series=label, x_name=x, x=value_at.get(at, at), **numbers)


def geometric_means(ax: Axes, groups: Any) -> Any:
    """Return exp of the mean logarithm of each group of positive values; the caption says so."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    if GEOMETRIC not in _REMARKS.get(figure, []):
        remark(figure, GEOMETRIC)
    return groups.agg(lambda values: np.exp(np.log(values).mean()))


def points(ax: Axes, x: Sequence[float], y: Sequence[float], label: str, panel: str) -> None:
    """Draw published points: hollow grey diamonds, wherever they appear."""
    ax.plot(x, y, linestyle="none", marker="D", markersize=4, markerfacecolor="none",
            color="#555555", label=label, zorder=5)  # fmt: skip
    notes(ax, x, y, panel=panel, series=label, x_name="published")


def legend(figure: Figure, *axes: Axes, **kind: Any) -> None:
    """Draw one legend, above all panels unless `kind` says otherwise, for the labels of some axes.

    A label that several of them have stands once. kind: as of Matplotlib's `Figure.legend`.
    """
    entries: dict[str, Any] = {}
    for ax in axes or figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        entries.update(zip(labels, handles, strict=True))
    entries |= {HOLLOW: entries.pop(HOLLOW)} if HOLLOW in entries else {}  # after the lines
    kind = {"loc": "outside upper center", "ncols": len(entries), **kind}
    figure.legend(entries.values(), entries.keys(), **kind)


def ticks(ax: Axes, values: Iterable[float], **text: Any) -> None:
    """Label the x axis at the values that were run, and nowhere else."""
    values = list(values)
    ax.set_xticks(values, [f"{value:g}" for value in values], **text)
    ax.minorticks_off()


def dots(
    ax: Axes, x: pd.Series, y: pd.Series, label: str, look: tuple[str, str],
    floor: float = -np.inf, **cells: Any,
) -> None:  # fmt: skip
    """Draw a point per run, those below the floor at the floor, and keep them for the CSV."""
    colour, marker = look
    ax.plot(x, y.clip(lower=floor), color=colour, marker=marker, linestyle="none", alpha=0.6,
            label=label)  # fmt: skip
    notes(ax, x, y, **cells, n=1)


def notes(ax: Axes, x: Iterable[Any], mean: Iterable[Any], **cells: Any) -> None:
    """Keep plotted numbers of one series for the CSV."""
    for at, value in zip(x, mean, strict=True):
        note(ax, x=at, mean=value, **cells)


def note(ax: Axes, **cells: Any) -> None:
    """Keep one plotted number for the CSV."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    _PLOTTED.setdefault(figure, []).append(cells)


def plotted(figure: Figure) -> pd.DataFrame:
    """Return every number drawn in a figure, in the columns COLUMNS."""
    return pd.DataFrame(_PLOTTED.get(figure, []), columns=[*COLUMNS])


def remark(figure: Figure, text: str) -> None:
    """Keep a sentence about what is drawn, to stand in the lines under the figure."""
    _REMARKS.setdefault(figure, []).append(text)


def remarks(figure: Figure) -> str:
    """Return the sentences kept for a figure, each with its full stop."""
    return " ".join(f"{text.rstrip('.')}." for text in _REMARKS.get(figure, []))


def spread(figure: Figure) -> str:
    """Return what shows the range over seeds in a figure: Band, Bar, or nothing."""
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]  # which has lines, too
    drawn = [c for ax in panels for c in ax.collections]
    if any(isinstance(c, PolyCollection) for c in drawn):
        return "Band"
    return "Bar" if any(isinstance(c, LineCollection) for c in drawn) else ""


def frame(figure: Figure, heading: str, text: str) -> None:
    """Write what the figure shows above it, and under it n, the band, the scale, the code."""
    width, height = figure.get_size_inches()
    above, lines = (
        textwrap.wrap(words, int(width * n)) for words, n in ((heading, 14), (text, 21))
    )
    top, room = 0.17 * len(above) + 0.05 * bool(above), 0.135 * len(lines) + 0.12  # inches
    whole = top + height + room
    figure.set_size_inches(width, whole)
    figure.get_layout_engine().set(rect=(0, room / whole, 1, height / whole))  # type: ignore[union-attr, call-arg]
    figure.text(0.01, 1 - 0.04 / whole, "\n".join(above), fontsize=9, va="top")
    figure.text(0.01, 0.08 / whole, "\n".join(lines), fontsize=6, color="#444444",
                va="bottom", linespacing=1.35)  # fmt: skip


def save(figure: Figure, stem: Path, description: str = "") -> None:
    """Write <stem>.svg, .png, .pdf and .csv: the same figure gives the same bytes.

    The pictures carry the description in their metadata, for readers that do not see them.
    """
    linear_where_empty(figure)
    _ticks_on_short_log_axes(figure)
    _powers_as_text(figure)
    _lay_out(figure)
    words = description or None
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Description": words},
        "pdf": {"CreationDate": None, "Subject": words},
        "png": {"Software": None, "Description": words},
    }  # fmt: skip
    for suffix, facts in metadata.items():
        with replacing(stem.with_name(f"{stem.name}.{suffix}")) as temporary:
            figure.savefig(temporary, format=suffix, metadata=facts)
    with replacing(stem.with_name(f"{stem.name}.csv")) as temporary:
        plotted(figure).to_csv(temporary, index=False, float_format="%.8g")
    plt.close(figure)


def _ticks_on_short_log_axes(figure: Figure) -> None:
    """1, 2 and 5 of each decade on an axis of less than two, round steps on one of less than 7 : 1.

    Powers of ten alone would be one number or none. Ticks that a figure has chosen stay.
    """
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        if type(axis.get_major_locator()) is ticker.LogLocator and high < 100 * low:
            locator: ticker.Locator = ticker.LogLocator(subs=(1, 2, 5))
            if high < 7 * low:
                locator = ticker.MaxNLocator(4, steps=[1, 2, 5, 10])
            if high < 1.001 * low:  # one value and nothing else
                locator = ticker.FixedLocator([low])
            axis.set_major_locator(locator)
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(ticker.NullFormatter())


def _powers_as_text(figure: Figure) -> None:
    """Write the powers of ten on axes as text: mathtext would be parsed anew for every format."""
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), ticker.LogFormatterMathtext):
            axis.set_major_formatter(ticker.FuncFormatter(_power_of_ten))
            axis.set_minor_formatter(ticker.NullFormatter())


def _power_of_ten(x: float, position: float | None = None) -> str:
    """10⁻³ for 0.001; what is no power of ten as it is."""
    exponent = np.log10(abs(x)) if x else np.nan
    if not np.isclose(exponent, np.rint(exponent)):
        return f"{x:g}"
    return ("−10" if x < 0 else "10") + str(int(np.rint(exponent))).translate(_SUPERSCRIPTS)


def _lay_out(figure: Figure) -> None:
    """Lay out once, for all formats, to a millionth: the solver's last bits differ by process."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        _, below, _, height = engine.get()["rect"]
        for box in figure.legends:  # those outside stand at the edge of the figure, not of the rect
            if box._outside_loc == "upper":  # type: ignore[attr-defined]
                box.set_bbox_to_anchor((0, 0, 1, below + height), figure.transFigure)
    figure.set_layout_engine(None)  # "none" would leave one that every format draws twice for
    for ax in figure.axes:
        ax.set_position(np.round(ax.get_position(original=True).bounds, 6), which="original")


def linear_where_empty(figure: Figure) -> None:
    """Make a logarithmic axis linear where nothing positive lies on it: it would have no ticks."""
    for ax in figure.axes:
        shared = {"x": ax.get_shared_x_axes(), "y": ax.get_shared_y_axes()}
        for name, axes in shared.items():
            least = [getattr(a, f"{name}axis").get_minpos() for a in axes.get_siblings(ax)]
            if getattr(ax, f"get_{name}scale")() == "log" and not np.isfinite(least).any():
                ax.set(**{f"{name}scale": "linear"})
