"""The look all figures share."""

import math

import matplotlib.pyplot as plt

from implicitbias import style


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
