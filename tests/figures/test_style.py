"""The look all figures share."""

import math

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from implicitbias.figures import style


def test_a_logarithmic_axis_without_a_positive_number_can_be_drawn(tmp_path):
    fig, axes = plt.subplots(1, 3)
    shared = plt.figure().subplots(1, 2, sharey=True)
    for ax in (axes[0], shared[0]):
        ax.plot([1, 10], [math.nan, math.nan])
    axes[1].plot([1, 10], [1, 10])
    shared[1].plot([1, 10], [1, 10])
    for ax in (*axes, *shared):
        ax.set(xscale="log", yscale="log")
        ax.set_xticks([1, 10], ["1", "10"])
    style.save(fig, tmp_path / "a")
    style.save(shared[0].figure, tmp_path / "b")
    assert [ax.get_yscale() for ax in (*axes, *shared)] == [
        "linear", "log", "linear", "log", "log",
    ]  # fmt: skip
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_short_logarithmic_axis_has_numbers_and_a_chosen_one_keeps_its_own(tmp_path):
    with style.look():
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax in axes:
            ax.plot([4, 60], [4, 60])
            ax.set(xscale="log", yscale="log")
        axes[1].set_xticks([4, 60], ["four", "sixty"])
        axes[1].set_ylim(1.1, 1.7)
        axes[2].set_xscale("symlog", linthresh=0.1)
        axes[2].set(xlim=(-10, 10), ylim=(1e-2, 1e5))
        axes[2].set_yticks([0.01, np.nextafter(1, 0), 4, 1e5])
        style.save(fig, tmp_path / "a")
    low, high = axes[0].get_xlim()
    labels = dict(zip(axes[0].get_xticks(), axes[0].get_xticklabels(), strict=True))
    assert [t.get_text() for at, t in labels.items() if low <= at <= high] == [
        "5", "10", "20", "50",
    ]  # fmt: skip
    assert [t.get_text() for t in axes[1].get_xticklabels()] == ["four", "sixty"]
    assert {"1.2", "1.4", "1.6"} <= {t.get_text() for t in axes[1].get_yticklabels()}
    assert [t.get_text() for t in axes[2].get_yticklabels()] == ["10⁻²", "10⁰", "4", "10⁵"]
    assert {"−10¹", "−10⁰", "0", "10⁰"} <= {t.get_text() for t in axes[2].get_xticklabels()}


def test_pictures_carry_their_description(tmp_path):
    fig, _ = plt.subplots(layout="constrained")
    style.save(fig, tmp_path / "a", "n = 2 & lr < 1")
    assert (
        "<dc:description>n = 2 &amp; lr &lt; 1</dc:description>" in (tmp_path / "a.svg").read_text()
    )
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["Description"] == "n = 2 & lr < 1"
    assert b"/Subject (n = 2 & lr < 1)" in (tmp_path / "a.pdf").read_bytes()


def test_the_caption_names_what_shows_the_spread():
    fig, ax = plt.subplots()
    fig.colorbar(ax.contourf([[1, 2], [3, 4]]), ax=ax)
    ax.scatter([1, 2], [1, 2])
    assert style.spread(fig) == ""
    ax.vlines([1], 0, 1)
    assert style.spread(fig) == "Bar"
    ax.fill_between([1, 2], 0, 1)
    assert style.spread(fig) == "Band"
    plt.close(fig)
