"""Networks at chance stand apart, and a tolerance at which nothing happens has no row."""

import pytest
from convnets import grid, plotted, table

from implicitbias.figures import _learnt, style

RUNS = grid((4, 8, 16), (0.1, 1), [5e-4])


def with_chance(rows, seeds):
    """The runs of batch size 4 at rate 1 with decay, at chance in these seeds."""
    lost = (rows["batch_size"] == 4) & (rows["lr"] == 1) & (rows["weight_decay"] > 0)
    lost &= rows["seed"].isin(seeds)
    rows.loc[lost & rows["metric"].str.endswith("accuracy"), "value"] = 0.1
    rows.loc[lost & rows["metric"].str.startswith("rank"), "value"] = 3.0
    return rows


@pytest.mark.parametrize(("seeds", "left"), [((0, 1, 2), 0), ((2,), 2)])
def test_a_network_at_chance_is_a_cross_and_in_no_mean(seeds, left):
    drawn = plotted("fig02", with_chance(table(RUNS), seeds))
    here = drawn[(drawn["panel"] == "batch size 4, rank_fro_1e-3") & (drawn["x"] == 1)]
    cross = here[here["series"] == "average, at chance"]
    assert cross["mean"].to_list() == [3.0]
    mean = here[here["series"] == "average"]
    assert mean["n"].item() == left
    assert not mean["mean"].item() < 50  # of those that learnt, or missing


def test_maps_hatch_what_is_at_chance():
    rows = with_chance(table(grid((4, 8, 16), (0.1, 0.5, 1), [5e-4, 6e-3])), (0,))
    with style.look():
        from implicitbias.figures.galanti2025rank import fig01

        figure = fig01.draw(rows)
        hatched = [p for ax in figure.axes for p in ax.patches if p.get_hatch()]
        style.plt.close(figure)
    assert len(hatched) >= 1


def test_a_tolerance_without_events_is_a_sentence():
    rows = table(RUNS)
    rows.loc[rows["metric"] == "rank_fro_5e-2", "value"] = 227.0
    rows = with_chance(rows, (0, 1, 2))
    with style.look():
        figure = style.plt.figure()
        lost = _learnt.at_chance(rows)
        assert len(lost) == 3
        assert list(_learnt.drawn(figure, rows, lost)) == ["rank_fro_1e-3"]
        said = style.remarks(figure)
        style.plt.close(figure)
    assert said == "At tolerance 0.05 every network that learnt has rank 227: no row."


def test_if_nothing_happens_at_all_the_first_row_stays():
    rows = table(RUNS, rank=lambda *_: 227.0)
    with style.look():
        figure = style.plt.figure()
        assert len(_learnt.drawn(figure, rows, frozenset())) == 1
        assert style.remarks(figure).count("no row") == 1
        style.plt.close(figure)
