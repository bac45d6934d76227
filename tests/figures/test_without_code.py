"""Figures without code: any metric against any field."""

import numpy as np
import pandas as pd
import pytest

from implicitbias.figures import generic, style

DECAYS, SIZES = (0.001, 0.01, 0.1), (8, 32)


def table(sizes=SIZES):
    rows = [
        {"run": f"{decay}-{size}-{seed}", "pack": "p", "seed": seed, "diverged_step": np.nan,
         "weight_decay": decay, "batch_size": size, "epoch": epoch, "step": 5 * epoch,
         "layer": layer, "metric": metric, "value": seed + epoch * decay * size + (layer == "a")}
        for decay in DECAYS for size in sizes for seed in (0, 1) for epoch in (0, 4)
        for metric, layer in (("stable_rank", "average"), ("stable_rank", "a"),
                              ("train_loss", "network"))
    ]  # fmt: skip
    made = pd.DataFrame(rows)
    made.attrs["metrics"] = ["train_loss", "stable_rank"]
    return made


def drawn(made, **axes):
    made.attrs["draw"] = axes
    with style.look():
        return generic.draw(made)


def test_the_mean_over_seeds_at_the_end_against_the_first_field_that_varies():
    figure = drawn(table())
    assert [ax.get_ylabel() for ax in figure.axes] == ["train loss", "stable rank"]
    plotted = style.plotted(figure)
    assert set(plotted["series"]) == {"batch size 8", "batch size 32"}
    for row in plotted.itertuples():
        size = int(row.series.split()[-1])
        assert row.x_name == "weight_decay"
        assert row.mean == pytest.approx(0.5 + 4 * row.x * size)
        assert (row.low, row.high, row.n) == pytest.approx((row.mean - 0.5, row.mean + 0.5, 2))
    assert figure.axes[0].get_xscale() == "log"


def test_over_training_with_a_column_of_panels_for_each_value_of_a_field():
    figure = drawn(table(), x="epoch", panels="batch_size")
    assert [ax.get_title() for ax in figure.axes[:2]] == ["batch size 8", "batch size 32"]
    plotted = style.plotted(figure)
    assert set(plotted["x"]) == {0, 4}
    assert plotted["panel"].nunique() == 4 and plotted["series"].nunique() == len(DECAYS)


def test_more_lines_than_can_be_told_apart_are_points_and_it_is_said():
    made = table(sizes=range(1, generic.MOST_LINES + 2))
    figure = drawn(made, x="weight_decay")
    assert len(style.plotted(figure)) == 2 * made["run"].nunique()
    assert "batch_size vary besides" in style.remarks(figure)


def test_values_that_have_no_panel_are_said():
    figure = drawn(table(sizes=range(1, generic.MOST_COLUMNS + 3)), panels="batch_size")
    assert "The first 5 of 7 values of batch_size." in style.remarks(figure)
    assert not style.remarks(drawn(table(), panels="batch_size"))


def test_a_legend_of_long_labels_stays_within_the_picture():
    made = table()
    made["momentum"] = made["batch_size"] / 100
    figure = drawn(made, x="epoch")
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
