"""What a reader would not forgive in a figure: text on text, text off the canvas, bare log axes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from implicitbias.figures import style

SLACK = 1.0  # pixels at 100 dpi: boxes have a little air of their own


def found(figure):
    """One line per defect of a figure as it is drawn."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden = _hidden_ticks(figure)
    shown = [t for t in texts if id(t) not in hidden]
    boxes = [(t.get_text(), _corners(t, figure)) for t in shown]
    lines = [f"{a!r} is on {b!r}" for (a, p), (b, q) in combinations(boxes, 2) if _meet(p, q)]
    lines += [f"{text!r} leaves the canvas" for text, box in boxes if _outside(box, figure)]
    width = figure.get_size_inches()[0]
    lines += [f"{width} inches fit no column"] * (width not in (style.COLUMN, style.PAGE))
    return lines + _covered(figure) + _bare(figure)


def _ticks(axis):
    low, high = sorted(axis.get_view_interval())
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        yield tick, low * (1 - 1e-9) <= tick.get_loc() <= high * (1 + 1e-9) + 1e-300


def _hidden_ticks(figure):
    """Labels of ticks beyond the view, and of axes that are off: they exist and are not drawn."""
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            on = ax.axison and axis.get_visible()
            for tick, inside in _ticks(axis):
                labels = (tick.label1, tick.label2)
                hidden |= {id(t) for t in labels if not (on and inside and tick.get_visible())}
            if not on:
                hidden |= {id(axis.label), id(axis.offsetText)}
    return hidden


def _corners(text, figure):
    """The four corners of a text's box, rotated as the text is, in pixels."""
    renderer = figure.canvas.get_renderer()
    centre = np.mean(text.get_window_extent(renderer).get_points(), axis=0)
    angle = np.deg2rad(text.get_rotation())
    text.set_rotation(0)
    box = text.get_window_extent(renderer)
    text.set_rotation(np.rad2deg(angle))
    half = np.maximum(np.array([box.width, box.height]) / 2 - SLACK, 0.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return centre + (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half) @ turn.T


def _meet(p, q):
    """Whether two convex quadrilaterals overlap: no side of either separates them."""
    for box in (p, q):
        for side in np.roll(box, -1, axis=0) - box:
            normal = np.array([-side[1], side[0]])
            a, b = p @ normal, q @ normal
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True


def _outside(box, figure):
    width, height = figure.bbox.size
    return box.min() < 0 or box[:, 0].max() > width or box[:, 1].max() > height


def _covered(figure):
    """Legends that lie on the lines or points beside them."""
    legends = [(ax, ax.get_legend()) for ax in figure.axes if ax.get_legend() is not None]
    return [
        f"the legend of {ax.get_title() or ax.get_ylabel()!r} is on data"
        for ax, legend in legends
        if any(_crosses(line, legend.get_window_extent().padded(-3)) for line in ax.get_lines())
    ]


def _crosses(line, area):
    if not line.get_transform().contains_branch(line.axes.transData):
        return False  # a reference line through the whole panel
    path = line.get_transform().transform_path(line.get_path())
    if line.get_linestyle() == "None":
        inside = path.vertices[np.isfinite(path.vertices).all(axis=1)]
        return bool(area.count_contains(inside))
    return path.intersects_bbox(area, filled=False)


def _bare(figure):
    """Axes with the same number twice; logarithmic ones with fewer than two."""
    lines = []
    for axis in (axis for ax in figure.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)):
        labels = [t.label1 for t, inside in _ticks(axis) if inside and t.label1.get_visible()]
        numbers = [label.get_text() for label in labels if label.get_text()]
        low, high = axis.get_data_interval()
        few = axis.get_scale() == "log" and len(numbers) < 2 and low < high  # not a single value
        if labels and (few or len({*numbers}) < len(numbers)):
            lines.append(f"the {axis.get_scale()} axis {axis.label.get_text()!r} has {numbers}")
    return lines
