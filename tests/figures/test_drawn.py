"""Every figure at scale smoke, drawn a second time: the same bytes, and nothing on top of another.

The second time is in another process, with another order of sets and a matplotlibrc of the user's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import defects
import matplotlib.pyplot as plt
import pytest

from implicitbias.base import registry
from implicitbias.figures import style

KINDS = ("svg", "png", "pdf", "csv")
RC = "font.size: 20\naxes.grid: False\nlines.linewidth: 9\nsvg.hashsalt: mine\nfont.family: serif\n"


@pytest.fixture(scope="module")
def again(made, tmp_path_factory):
    """The figures drawn again: their folder, and the defects of each."""
    out = tmp_path_factory.mktemp("again")
    (out / "matplotlibrc").write_text(RC)
    script = Path(__file__).with_name("redraw.py")
    done = subprocess.run(
        [sys.executable, script, made / "results/smoke", out], capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "MATPLOTLIBRC": str(out / "matplotlibrc")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


@pytest.mark.parametrize("key", registry.figure_keys())
def test_the_same_table_gives_the_same_bytes(made, again, key):
    for kind in KINDS:
        first, second = (p / f"{key}.{kind}" for p in (made / "results/smoke/figures", again[0]))
        assert first.read_bytes() == second.read_bytes(), f"{key}.{kind}"


def test_fonts_are_in_the_file(again):
    """TrueType in the PDF, outlines in the SVG: nothing is replaced where it is printed."""
    stem = again[0] / "galanti2025rank/fig07"
    pdf = stem.with_suffix(".pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    assert b"<text" not in stem.with_suffix(".svg").read_bytes()


@pytest.mark.parametrize("key", registry.figure_keys())
def test_nothing_lies_on_top_of_another_or_leaves_the_canvas(again, key):
    assert again[1][key] == []


def drawn(change):
    """The defects of a plain figure to which something has been done."""
    with style.look():
        fig, ax = plt.subplots(figsize=(style.COLUMN, 2), layout="constrained")
        ax.plot([1, 1000], [1, 1000], label="a line")
        ax.set(xscale="log", yscale="log", xlabel="x", ylabel="y")
        change(ax)
        return "\n".join(defects.found(fig))


def words_on_title(ax):
    ax.set_title("words")
    ax.text(0.5, 1.05, "more words", transform=ax.transAxes, rotation=30, ha="center")


def test_a_plain_figure_has_no_defects():
    assert drawn(lambda ax: ax.legend()) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ax: ax.set_xticks([1, 1.1], ["a long one", "another one"]), "'a long one' is on"),
        (lambda ax: ax.figure.text(0.9, 0.5, "off the edge"), "leaves the canvas"),
        (lambda ax: ax.legend(loc="center"), "on data"),
        (lambda ax: (ax.set_yticks([10]), ax.minorticks_off()), "the log axis 'y' has"),
        (lambda ax: ax.set_yticks([10, 100], ["10", "10"]), "the log axis 'y' has ['10', '10']"),
        (lambda ax: ax.figure.set_size_inches(4, 2), "4.0 inches fit no column"),
        (words_on_title, "'more words' is on 'words'"),
    ],
)
def test_the_check_sees(change, said):
    assert said in drawn(change)


def test_rotated_labels_side_by_side_are_apart():
    def turn(ax):
        ax.set_xticks([1, 2, 4, 8], ["0.0001", "0.0002", "0.0004", "0.0008"], rotation=45)
        ax.minorticks_off()

    assert drawn(turn) == ""
