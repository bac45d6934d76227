"""Figures 3 to 10 of the square-loss paper from tables that are made here: effects and none."""

import importlib
import itertools

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures.xu2023dynamics import _examples, _weight_norm, fig05, fig08

PAPER = "xu2023dynamics"
EPOCHS = (0, 1, 20, 30, 60, 95, 100)  # the last two are late
BASE = {
    "dataset": "mnist5k", "classes": "[4, 9]", "model": "conv4_fc", "width": 2, "n_train": 256,
    "batch_size": 32, "epochs": 100, "lr": 0.03, "momentum": 0.9, "weight_decay": 0.002,
    "init_norm": 0.9, "label_noise": 0.0, "diverged_step": np.nan, "pack": "p",
}  # fmt: skip
LEARNT = {"train_accuracy": 1.0, "test_accuracy": [0.5, 0.5, 0.5, 0.8, 0.9, 0.9, 0.9]}


def table(runs):
    """Rows of (fields, {metric: a value at each of EPOCHS, or one for all}); seeds differ by 1%.

    A metric is the network's, but `fro_norm`, which is the head's; what is bounded has no factor.
    """
    rows = []
    for i, (fields, values) in enumerate(runs):
        run = {**BASE, "seed": 0, "run": f"r{i}", **fields}
        for metric, each in values.items():
            factor = 1.0 if "accuracy" in metric else 1 + 0.01 * run["seed"]
            layer = "head" if metric == "fro_norm" else "network"
            for epoch, value in zip(EPOCHS, np.broadcast_to(each, len(EPOCHS)), strict=True):
                row = {"epoch": epoch, "step": 8 * epoch, "metric": metric, "layer": layer}
                rows.append({**run, **row, "value": value * factor})
    return pd.DataFrame(rows)


def quantiles(rows, width):
    """The distribution of margins of every run at every epoch, around 1, as a further metric."""
    every = rows[rows["metric"] == "train_accuracy"].assign(
        metric="margin_distribution", value=np.nan
    )
    scale = every["weight_decay"].map(lambda decay: width if decay else width / 10)
    values = [1 + w * np.linspace(-1, 1, 201) for w in scale]
    return pd.concat([rows.assign(values=None), every.assign(values=values)], ignore_index=True)


def verdicts(tmp_path, figure, rows, drawn=True):
    """Verdicts of a figure by the ids of its claims; the pictures are drawn too, if so wanted."""
    if not drawn:
        module = importlib.import_module(f"implicitbias.figures.{PAPER}.{figure}")
        return {c.id: c.verdict for c in module.claims(rows)}
    write(tmp_path / "t.parquet", rows)
    stem = tmp_path / "out" / figure
    figures.make(f"{PAPER}/{figure}", "small", tmp_path / "t.parquet", tmp_path / "c.json", stem)
    assert stem.with_suffix(".png").stat().st_size > 1000
    return {c.id: c.verdict for c in read_claims(tmp_path / "c.json")}


def starts(good, seeds=3):
    """Two starts, with and without decay: rho dips, overshoots with decay only, ends apart."""
    runs = []
    for start, decay, seed in itertools.product((0.9, 1.3), (0.0, 0.002), range(seeds)):
        high = (decay > 0) == good  # who overshoots
        end = (2.4 if decay else 5.5 * (1 + 0.1 * (start > 1))) if good else (6.0 if decay else 2.0)
        end *= 1 + 0.3 * (start > 1 and decay > 0 and not good)
        dip = 0.7 if good else 1.0
        rho = [start, start, start * dip, end, end * (1.3 if high else 1.0), end, end]
        test = 0.95 if (decay == 0) == good else 0.9
        values = {"fro_norm": rho, "rho": np.multiply(149, rho), "train_loss": [0.25, *[0.01] * 6],
                  **LEARNT, "test_accuracy": [0.5, 0.5, 0.5, 0.8, 0.9, test, test]}  # fmt: skip
        runs.append(({"init_norm": start, "weight_decay": decay, "seed": seed}, values))
    return table(runs)


def test_rho_over_training(tmp_path):
    assert set(verdicts(tmp_path, "fig03", starts(True)).values()) == {"holds"}
    assert set(verdicts(tmp_path, "fig03", starts(False), drawn=False).values()) == {"fails"}


def test_a_seed_with_a_network_that_did_not_learn_is_left_out_and_said():
    rows = starts(True, seeds=4)
    lost = (rows["seed"] == 3) & (rows["init_norm"] == 1.3) & (rows["weight_decay"] > 0)
    rows.loc[lost & (rows["metric"] == "train_accuracy"), "value"] = 0.5
    rows.loc[lost & (rows["metric"] == "fro_norm"), "value"] = 90.0
    claims = importlib.import_module(f"implicitbias.figures.{PAPER}.fig03").claims(rows)
    assert {c.verdict for c in claims} == {"holds"}
    assert {c.n for c in claims} == {3}
    assert all("1 of 4 seeds left out" in c.note for c in claims)


def test_networks_that_did_not_learn_test_nothing(tmp_path):
    rows = starts(True)
    lost = (rows["metric"] == "train_accuracy") & (rows["init_norm"] == 0.9)
    rows.loc[lost, "value"] = 0.5  # in every seed
    assert set(verdicts(tmp_path, "fig03", rows, drawn=False).values()) == {"not tested"}


@pytest.mark.parametrize(("sign", "verdict"), [(1, "holds"), (-1, "fails")])
def test_random_labels(tmp_path, sign, verdict):
    runs = []
    for noise, seed in itertools.product((0.0, 0.2, 0.4, 0.6, 0.8), range(3)):
        values = {"fro_norm": 4 + 3 * sign * noise, **LEARNT,
                  "test_accuracy": 0.7 - 0.25 * sign * noise}  # fmt: skip
        runs.append(({"label_noise": noise, "seed": seed}, values))
    found = verdicts(tmp_path, "fig04", table(runs), drawn=sign > 0)
    assert set(found.values()) == {verdict}


@pytest.mark.parametrize(("sign", "verdict"), [(-1, "holds"), (1, "fails")])
def test_accuracy_against_margin(tmp_path, sign, verdict):
    runs = []
    for start, decay, seed in itertools.product((0.9, 1.0, 1.3), (0.0, 0.002), range(3)):
        good = sign < 0  # then rho is smaller with decay, and the same from every start
        rho = (2.5 if (decay > 0) == good else 5.5) + (0.5 if good else 2) * start
        accuracy = 0.8 + sign * 0.1 / rho - 0.05 * sign * (decay == 0)
        values = {"fro_norm": rho, **LEARNT, "test_accuracy": accuracy}
        runs.append(({"init_norm": start, "weight_decay": decay, "seed": seed}, values))
    found = verdicts(tmp_path, "fig05", table(runs), drawn=sign < 0)
    assert set(found.values()) == {verdict}


def test_the_variance_ratio_is_that_of_one_way_analysis():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=6) + shift for shift in (0, 0.5, 2)]
    rows = pd.DataFrame({"init_norm": np.repeat([0.9, 1.0, 1.3], 6),
                         "inverse": np.concatenate(groups)})  # fmt: skip
    assert fig05.between(rows) == pytest.approx(stats.f_oneway(*groups).statistic)


def sizes(good, layers):
    """rho flat in N and errors that meet, or rho that grows and errors that part."""
    runs = []
    for n, seed in itertools.product((100, 200, 300, 400, 500), range(3)):
        share = n / 100
        if layers == 6:
            train, rho = 0.01, 30.0 if good else 0.5 * share**0.4
            test = train + 0.1 * share ** (-0.8 if good else 0.2)
        else:
            train, rho = 0.1 + (0.01 if good else -0.01) * share, 12.0 if good else 100.0 * n
            test = 0.3 * share ** (-0.3 if good else 0.3)
        values = {"rho": rho, "train_accuracy": 1 - train, "test_accuracy": 1 - test}
        runs.append(({"n_train": n, "seed": seed}, values))
    return table(runs)


@pytest.mark.parametrize("layers", [6, 3])
def test_numbers_of_examples(tmp_path, layers):
    figure = "fig06" if layers == 6 else "fig07"
    assert set(verdicts(tmp_path, figure, sizes(True, layers)).values()) == {"holds"}
    found = verdicts(tmp_path, figure, sizes(False, layers), drawn=False)
    assert set(found.values()) == {"fails"}


def test_a_seed_with_a_network_at_chance_is_left_out(tmp_path):
    rows = sizes(True, 6)
    lost = (rows["seed"] == 2) & (rows["n_train"] == 500)
    rows.loc[lost & (rows["metric"] == "train_accuracy"), "value"] = 0.5
    rows.loc[lost & (rows["metric"] == "rho"), "value"] = 900.0
    claims = importlib.import_module(f"implicitbias.figures.{PAPER}.fig06").claims(rows)
    assert {c.n for c in claims} == {2}
    assert {c.verdict for c in claims} == {"undecided"}
    assert all("1 of 15 networks" in c.note for c in claims)
    verdicts(tmp_path, "fig06", rows)  # the cross is drawn
    assert "at chance" in (tmp_path / "out/fig06.csv").read_text()


def test_published_tables_are_whole():
    """rho / sqrt N follows from the other columns, to the digits that are printed."""
    for figure, rows in (("6", 7), ("7", 3)):
        theirs = _examples.published(figure)
        assert len(theirs) == rows
        wanted = theirs["rho"] / np.sqrt(theirs["N"])
        assert theirs["bound"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=2e-3)


@pytest.mark.parametrize("good", [True, False])
def test_margins_over_training(tmp_path, good):
    runs = []
    for seed in range(3):
        top = [0.9, 0.9, 0.7, 1.5, 3.1 if good else 2.0, 2.4, 2.4]
        spread = [0, 0.1, 1.0, 1.0, 0.5, 0.1, 0.1] if good else [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5]
        values = {"fro_norm": top, "rho": 149.0, "margin_std": spread, **LEARNT}
        runs.append(({"seed": seed}, values))
    found = verdicts(tmp_path, "fig08", quantiles(table(runs), 0.1), drawn=good)
    published = found.pop("published-rho")
    assert published == "not tested"  # another data set
    assert set(found.values()) == {"holds" if good else "fails"}


def test_the_published_curve_is_at_no_distance_from_itself():
    theirs = fig08.theirs()
    rows = pd.DataFrame({"metric": "fro_norm", "layer": "head", "seed": 0, "run": "r",
                         "epoch": theirs["x"], "value": theirs["y"]})  # fmt: skip
    assert fig08.logs(rows)[0] == pytest.approx(0, abs=1e-12)
    assert fig08.logs(rows.assign(value=1.1 * rows["value"]))[0] == pytest.approx(np.log(1.1))


@pytest.mark.parametrize("good", [True, False])
def test_collapse(tmp_path, good):
    falling = [5.0, 5.0, 0.5, 0.4, 0.3, 0.1, 0.1]
    rising = [0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5]
    runs = []
    for decay, seed in itertools.product((0.0, 0.0005), range(3)):
        nc1 = np.array(falling if good else rising) * (1 if (decay > 0) == good else 3)
        values = {name: falling if good else rising for name in
                  ("nc3", "nc2_equinorm_weights", "nc2_equiangle_weights")}  # fmt: skip
        values |= {"nc1": nc1, "nc2_equinorm_features": 0.0, "nc2_equiangle_features": 0.0,
                   "train_accuracy": 1.0}  # fmt: skip
        runs.append(({"weight_decay": decay, "seed": seed}, values))
    found = verdicts(tmp_path, "fig09", table(runs), drawn=good)
    assert found.pop("nc2-of-means-vacuous") == "holds"
    assert set(found.values()) == {"holds" if good else "fails"}


@pytest.mark.parametrize("good", [True, False])
def test_margins_at_the_end(tmp_path, good):
    runs = []
    for start, decay, seed in itertools.product((0.9, 1.3), (0.0, 0.002), range(3)):
        wide = (decay > 0) == good
        values = {"rho": 100.0 if wide else 250.0, "margin_mean": 1.0 if good else 1.5,
                  "margin_std": 0.1 if wide else 0.01, "train_accuracy": 1.0}  # fmt: skip
        runs.append(({"init_norm": start, "weight_decay": decay, "seed": seed}, values))
    rows = quantiles(table(runs), 0.1)
    if good:
        rows.loc[rows["metric"] == "margin_mean", "value"] = 1.0
    found = verdicts(tmp_path, "fig10", rows, drawn=good)
    assert set(found.values()) == {"holds" if good else "fails"}


def test_densities_have_unit_area_and_the_mean_of_their_quantiles():
    values = np.quantile(np.random.default_rng(1).normal(3, 0.5, 10_000), np.linspace(0, 1, 201))
    x, y = fig08.density(values)
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
    assert np.trapezoid(x * y, x) == pytest.approx(3, abs=0.01)


def test_late_values_are_means_over_the_last_tenth_and_missing_where_one_is():
    rows = table([({}, {"rho": [9, 9, 9, 9, 9, 1, 3]}), ({}, {"rho": [1, 1, 1, 1, 1, np.nan, 1]})])
    late = _weight_norm.late(_weight_norm.curve(rows, "rho"))["value"].tolist()
    assert late[0] == 2 and np.isnan(late[1])
