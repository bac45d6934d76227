"""Figures 1-4, 12 and 13 from tables with and without the effect."""

import numpy as np
import pandas as pd
import pytest
from convnets import (
    PAPER,
    RATES,
    SIZES,
    drawn_without_files,
    falling,
    grid,
    judged,
    make,
    table,
    verdicts,
)

from implicitbias import figures
from implicitbias.analysis import published
from implicitbias.analysis.tables import measure

THREES = [(1e-3, 6e-3), (5e-3, 6e-3), (1e-2, 4e-4)]
PAIRS = [(b, lr, wd) for b in SIZES for lr, x in THREES for wd in (0, x)]
DECAYS = [1e-4, 2e-4, 4e-4, 8e-4, 6e-3]
CASES = {
    "fig02": (grid((4, 8, 16), RATES, [5e-4]), {}),
    "fig03": (grid((8, 16, 32), [1.5], DECAYS), {}),
    "fig04": (PAIRS, {"negative_slope": 0.0}),
    "fig12": ([r for r in grid((4, 8), [1.5], DECAYS) if r != (4, 1.5, 6e-3)], {}),
    "fig13": (PAIRS, {"model": "vgg16"}),
    "fig01": (
        [
            *grid((8, 16), RATES, [1e-4, 3e-4, 5e-4]),
            *grid(SIZES, [0.5], [2e-3, 4e-3, 6e-3]),
            *[(b, lr, 6e-3) for b in SIZES for lr in (0.001, 0.2, 0.7, 1)],
        ],
        {},
    ),
}


def rows_of(figure, **given):
    runs, fields = CASES[figure]
    return table(list(dict.fromkeys(runs)), **{**fields, **given})


@pytest.mark.parametrize("figure", CASES)
def test_the_effect_holds_where_it_is_and_fails_where_it_is_not(figure):
    claims = [c for c in judged(figure, rows_of(figure)) if "published" not in c.claim]
    assert verdicts(claims, "") == {"holds"}
    assert {c.n for c in claims} == {3}
    claims = judged(figure, rows_of(figure, rank=lambda *_: 200.0, accuracy=0.9))
    assert verdicts(claims, "average rank falls") == {"fails"}
    assert verdicts(claims, "without weight decay") == {"holds"}


@pytest.mark.parametrize("figure", CASES)
def test_a_fall_that_needs_no_decay_fails_the_control(figure):
    """Ranks that ignore the decay: they fall with lr and 1 / b alone."""
    claims = judged(figure, rows_of(figure, rank=lambda b, lr, wd: falling(b, lr, 5e-3)))
    assert verdicts(claims, "without weight decay") == {"fails"}


@pytest.mark.parametrize("figure", ["fig04", "fig13"])
def test_one_network_that_does_not_fit_is_seen(figure):
    rows = rows_of(figure)
    one = (rows["metric"] == "train_accuracy") & (rows["batch_size"] == 4)
    one &= (rows["weight_decay"] == 6e-3) & (rows["lr"] == 1e-3)
    rows.loc[one, "value"] = 0.5
    claims = judged(figure, rows)
    assert verdicts(claims, "fits the training set") == {"fails"}
    (grows,) = [c for c in claims if "test accuracy grows" in c.claim]
    assert grows.verdict == "holds"
    assert f"{rows[one]['run'].nunique()} of" in grows.note
    assert "did not fit left out" in grows.note
    most = (rows["metric"] == "train_accuracy") & (rows["batch_size"] > 4)
    rows.loc[most, "value"] = 0.5
    assert verdicts(judged(figure, rows), "test accuracy grows") == {"not tested"}


PUBLISHED = {"fig02": "average", "fig04": "average", "fig12": None}


def as_published(figure):
    """The figure's table with the published average ranks at every run that the paper has."""
    points = published.points(PAPER, str(int(figure[3:]))).query("series == 'average'")

    def rank(b, lr, wd):
        if figure == "fig04":
            panel, x = "abc"[[p[0] for p in THREES].index(lr)], b
        else:
            panel, x = f"B={b}", lr if figure == "fig02" else wd
        found = points[points["panel"].str.startswith(panel) & (points["x"] == x)]
        exact = found[found["panel"].str.split(" ").str[0] == panel]
        return exact["y"].item() if len(exact) and wd else 220.0

    rows = rows_of(figure, rank=rank, epoch=490)
    return rows[rows["epoch"] > 0]


@pytest.mark.parametrize("figure", PUBLISHED)
def test_published_points_only_at_the_papers_protocol(tmp_path, figure):
    rows = as_published(figure)
    late = rows[rows["epoch"] > 0].assign(epoch=500, value=lambda table: table["value"] + 50)
    drawn, claims = make(tmp_path, figure, pd.concat([rows, late]))
    points = published.points(PAPER, str(int(figure[3:])))
    series = ["train_acc", "test_acc", *([PUBLISHED[figure]] if PUBLISHED[figure] else [])]
    wanted = points[points["series"].isin(series)]
    got = drawn[drawn["series"] == "published"]
    assert sorted(got["mean"]) == pytest.approx(sorted(wanted["y"]))
    ranks = [c for c in claims if c.claim.startswith("average rank at tolerance")]
    found = [(c.verdict, c.value) for c in ranks]  # as many points as there are cannot decide
    assert found == ([("undecided", 1.0)] if PUBLISHED[figure] else [])
    claims = judged(figure, pd.concat([rows.assign(value=9.0), late]))
    assert verdicts(claims, "accuracy is the published") == {"fails"}
    ranks = [c for c in claims if c.claim.startswith("average rank at tolerance")]
    assert [c.verdict for c in ranks] == (["fails"] if PUBLISHED[figure] else [])
    for other in ({"width": 8}, {"dataset": "mnist5k"}, {"epochs": 10}):
        claims = judged(figure, rows.assign(**other))
        assert not any("published" in c.claim for c in claims)
    drawn, _ = make(tmp_path, figure, rows.assign(width=8), scale="small")
    assert "published" not in set(drawn["series"])


def test_the_control_is_drawn_apart_and_means_are_over_seeds(tmp_path):
    drawn, _ = make(tmp_path, "fig02", rows_of("fig02"))
    panel = drawn[drawn["panel"] == "batch size 8, rank_fro_1e-3"]
    control = panel[panel["series"] == "average, no decay"]
    assert list(control["x"]) == list(RATES)
    assert control["mean"].to_numpy() == pytest.approx(220 * 1.001)
    ours = panel[panel["series"] == "average"]
    wanted = [falling(8, lr, 5e-4) * 1.001 for lr in RATES]
    assert ours["mean"].to_numpy() == pytest.approx(wanted)
    drawn, _ = make(tmp_path, "fig03", rows_of("fig03"))
    control = drawn[drawn["series"] == "average, no decay"]
    assert set(control["x"]) == {0}, "a level, of which the number stands at decay 0"


def test_maps_have_the_papers_panels_and_a_diverged_run_is_in_no_mean(tmp_path):
    rows = rows_of("fig01")
    lost = rows["run"] == "sgd-8-1-0.0003-0"
    rows.loc[lost, "value"] = np.nan
    drawn, claims = make(tmp_path, "fig01", rows)
    caption = drawn[drawn["panel"].str.endswith("rank_fro_1e-3")]
    counts = caption.groupby(caption["panel"].str[0]).size().to_dict()
    assert counts == {"a": 12, "b": 12, "c": 24, "d": 30}
    fewer = caption[caption["n"] < 3]
    assert list(zip(fewer["panel"].str[0], fewer["series"], fewer["x"], strict=True)) == [
        ("a", "weight_decay=0.0003", 1.0)
    ]
    assert fewer["mean"].item() == pytest.approx(falling(8, 1, 3e-4) * 1.0015)
    assert any("1 of" in c.note for c in claims)


def data_rows(datasets, **given):
    return pd.concat(
        [
            table(
                grid((16,), RATES, [5e-4]), **{"dataset": d, "negative_slope": 0.0, **given}
            ).assign(run=lambda rows, d=d: d + rows["run"])
            for d in datasets
        ]
    )


def test_a_data_set_that_is_not_there_is_said_not_dropped(tmp_path):
    drawn, claims = make(tmp_path, "fig15", data_rows(["mnist5k"]), scale="small")
    held = [c for c in claims if "MNIST, 5,000 images" in c.claim]
    assert {c.verdict for c in held} == {"holds"}
    absent = [c for c in claims if c not in held]
    assert [c.claim.split(", ")[1] for c in absent] == ["FashionMNIST", "Places365"]
    assert {c.verdict for c in absent} == {"not tested"}
    assert {c.unmet[0].measured for c in absent} == {"0 runs"}
    assert all("MNIST, 5,000" in panel for panel in drawn["panel"])
    flat = data_rows(["mnist", "fashion_mnist", "places365"], rank=lambda *_: 90.0)
    claims = judged("fig15", flat)
    assert not any("0 runs" in part.measured for c in claims for part in c.unmet)
    assert verdicts(claims, "average rank falls") == {"fails"}


def test_a_figure_without_any_data_says_so(tmp_path):
    drawn, claims = make(tmp_path, "fig14", measure([], [], []), scale="small")
    assert set(drawn["series"]) == {"published"}, "in the place of ours"
    assert {(c.verdict, c.n) for c in claims} == {("not tested", 0)}
    assert [c.claim.split(", ")[1] for c in claims] == ["SVHN", "Food101", "Imagenette"]
    text = figures.caption(f"{PAPER}/fig14", "small", measure([], [], []), {"dataset": ["svhn"]})
    assert "not available" in text


def test_published_ranks_of_the_data_sets_that_are_there(tmp_path):
    points = published.points(PAPER, "14").query("panel == 'SVHN' and series == 'average'")
    at = dict(zip(points["x"], points["y"], strict=True))
    rows = data_rows(["svhn"], rank=lambda b, lr, wd: at[lr] if wd else 227.0, epoch=490)
    drawn, claims = make(tmp_path, "fig14", rows)
    (ranks,) = [c for c in claims if "average rank at tolerance" in c.claim]
    assert (ranks.value, ranks.n, len(ranks.points)) == (1.0, 3, 4)
    theirs = drawn[drawn["series"] == "published"]
    absent = theirs["panel"].str.contains("not run")  # panels of data that are not there
    assert (~absent).sum() == 3 * 4
    assert set(theirs["panel"][absent]) == {"Food101, not run", "Imagenette, not run"}
    wrong = data_rows(["svhn"], rank=lambda *_: 9.0, epoch=490)
    assert verdicts(judged("fig14", wrong), "average rank at tolerance") == {"fails"}


PARTS = {
    "one batch size": lambda rows: rows["batch_size"] == rows["batch_size"].max(),
    "no decay": lambda rows: rows["weight_decay"] == 0,
    "decay": lambda rows: rows["weight_decay"] > 0,
    "one run": lambda rows: rows["run"] == rows["run"].iloc[0],
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("figure", CASES)
def test_some_of_the_runs_are_drawn_and_judged(figure, part):
    """As of packs that have been published one by one."""
    rows = pd.concat([rows_of(figure), rows_of(figure, epoch=490)])
    rows = rows[PARTS[part](rows)].reset_index(drop=True)
    claims = judged(figure, rows)
    assert claims
    if part == "one run":
        assert {c.verdict for c in claims} <= {"undecided", "not tested"}
    drawn_without_files(figure, rows)
