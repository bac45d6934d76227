"""Colours of the pages: contrast by WCAG's formula, in the light, in the dark and in print."""

import re
from itertools import product
from pathlib import Path

import pytest

from implicitbias.pages.report import style

SCRIPT = Path(__file__).parents[3] / "src/implicitbias/pages/report/script/charts.js"
TEXT = 4.5  # WCAG 2.2, 1.4.3: text against what is behind it
GRAPHIC = 3.0  # 1.4.11: lines, points, frames of controls


def themes():
    """Name -> the custom properties that hold there, later ones over the light ones."""
    css = str(style())
    blocks = [
        dict(re.findall(r"--([\w-]+): (#\w+)", b))
        for b in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len(blocks) == 3
    return {
        name: {**blocks[0], **block}
        for name, block in zip(("light", "dark", "print"), blocks, strict=True)
    }


def luminance(colour):
    """Relative luminance of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_wcags():
    assert contrast("#000", "#fff") == 21
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)  # a known near miss


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_stands_out(theme):
    colours = themes()[theme]
    pairs = list(product(("ink", "quiet", "link"), ("page", "raised")))
    for verdict in ("fails", "holds", "undecided"):
        pairs += [(verdict, f"{verdict}-bg"), (verdict, "page")]
    found = {(a, b): contrast(colours[a], colours[b]) for a, b in pairs}
    assert min(found.values()) >= TEXT, {k: v for k, v in found.items() if v < TEXT}


@pytest.mark.parametrize(("theme", "name"), [("light", "HUES"), ("dark", "HUES_ON_DARK")])
def test_lines_of_drawings_stand_out(theme, name):
    listed = re.search(rf"const {name} = \[(.*?)\]", SCRIPT.read_text(), re.DOTALL)
    hues = re.findall(r"#\w+", listed[1])
    assert len(hues) == len(set(hues)) == 6
    assert min(contrast(hue, themes()[theme]["page"]) for hue in hues) >= GRAPHIC
