"""A tolerance that the config adds is drawn in every rank figure, without new code."""

import convnets
import pandas as pd
import pytest
import test_galanti2025rank
import test_galanti2025rank_controls
import test_galanti2025rank_layers
import test_galanti2025rank_sweeps
import test_precision
import test_tolerance
import test_tolerance_networks
import test_xu2023dynamics
from convnets import judged, plotted

from implicitbias.figures import _ranks

ADDED = "rank_fro_2.2e-2"
CURVES = {"exp_tolerance", "exp_tolerance_networks"}  # the tolerance is their x axis


def tables(figure):
    """The table of a rank figure at the paper's protocol."""
    if figure in test_galanti2025rank.CASES:
        return test_galanti2025rank.table(
            *test_galanti2025rank.CASES[figure], rank=test_galanti2025rank.falling
        )
    if figure in test_galanti2025rank_sweeps.CASES:
        return test_galanti2025rank_sweeps.rows_of(figure)
    if figure in test_galanti2025rank_layers.RUNS:
        return test_galanti2025rank_layers.curves(figure)
    return {
        "fig06": lambda: test_galanti2025rank.wide(1400),
        "fig14": lambda: test_galanti2025rank_sweeps.data_rows(["svhn"]),
        "fig15": lambda: test_galanti2025rank_sweeps.data_rows(["mnist5k"]),
        "fig16": lambda: test_galanti2025rank_layers.mixed(
            lambda _, wd: 205 - 1e5 * wd, lambda *_: 127
        ),
        "exp_decay": lambda: convnets.table(
            test_galanti2025rank_controls.GRID, rank=test_galanti2025rank_controls.of_decay
        ),
        "exp_equal_steps": lambda: test_galanti2025rank_controls.steps_table(
            lambda b, lr, wd: 200 * (b / 64) ** 0.5 if wd else 220.0
        ),
        "exp_shapes": lambda: test_galanti2025rank_controls.shapes_table(lambda w, d: 0.5),
        "exp_precision": lambda: test_precision.table(lambda seed: 0.5),
        "exp_tolerance": lambda: test_tolerance.table(0.03),
        "exp_tolerance_networks": test_tolerance_networks.table,
        "exp_low_rank": lambda: test_xu2023dynamics.low_rank(True),
    }[figure]()


FIGURES = sorted(
    [*test_galanti2025rank.CASES, *test_galanti2025rank_sweeps.CASES,
     *test_galanti2025rank_layers.RUNS, "fig06", "fig14", "fig15", "fig16", "exp_decay",
     "exp_equal_steps", "exp_shapes", "exp_precision",
     "exp_tolerance", "exp_tolerance_networks", "exp_low_rank"]
)  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_a_tolerance_more_is_a_panel_and_a_curve_more_and_no_claim(figure):
    paper = "xu2023dynamics" if figure == "exp_low_rank" else "galanti2025rank"
    rows = tables(figure)
    first = next(iter(_ranks.tolerances(rows)))
    more = pd.concat([rows, rows[rows["metric"] == first].assign(metric=ADDED)])
    before, after = ([c.id for c in judged(figure, r, paper)] for r in (rows, more))
    assert after == before  # a sentence is judged once, at its own tolerance
    drawn, drawn_more = (plotted(figure, r, paper) for r in (rows, more))
    extra = len(drawn_more) - len(drawn)
    assert extra > 0
    if figure in CURVES:
        assert extra == (drawn_more["x"] == 0.022).sum()


def test_the_first_rank_that_the_config_lists_comes_first():
    rows = pd.DataFrame({"metric": ["rank_spec_5e-1", "rank_fro_1e-3", "rank_fro_3e-2", "nc1"]})
    assert _ranks.tolerances(rows) == {
        "rank_fro_1e-3": "tolerance 0.001", "rank_fro_3e-2": "tolerance 0.03",
        "rank_spec_5e-1": "tolerance 0.5, spectral norm",
    }  # fmt: skip
    rows.attrs["metrics"] = ["nc1", "rank_fro_3e-2", "rank_spec_5e-1", "rank_fro_1e-3"]
    assert [*_ranks.tolerances(rows[rows["metric"] != "nc1"])] == rows.attrs["metrics"][1:]
    assert [*_ranks.tolerances(rows, ["rank_fro"])] == ["rank_fro_3e-2", "rank_fro_1e-3"]
