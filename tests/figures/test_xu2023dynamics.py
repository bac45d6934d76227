"""The figures of the square-loss paper from tables that are made here, with and without effects."""

import importlib
import itertools
import math

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures.xu2023dynamics import _collapse

PAPER = "xu2023dynamics"
BASE = {
    "dataset": "mnist5k", "model": "conv4", "n_train": 256, "batch_size": 32, "epochs": 100,
    "lr": 0.03, "momentum": 0.9, "weight_decay": 0.01, "classes": "[1, 2]", "targets": "one_hot",
    "init_norm": 1.5, "label_noise": 0.0, "width": 4, "normalisation": "none",
    "diverged_step": np.nan, "pack": "p", "lr_milestones": "[]", "lr_factor": 1.0,
}  # fmt: skip


def table(runs):
    """Rows of (fields, {(metric, layer): (at epoch 20, at epoch 100)}); seeds differ by 1%."""
    rows = []
    for i, (fields, values) in enumerate(runs):
        run = {**BASE, "seed": 0, **fields}
        for (metric, layer), ends in values.items():
            for epoch, value in zip((20, 100), ends, strict=True):
                factor = 1 + 0.01 * run["seed"]
                at = {"run": f"r{i}", "epoch": epoch, "step": 20 * epoch, "value": value * factor}
                rows.append({**run, **at, "metric": metric, "layer": layer})
    return pd.DataFrame(rows)


def verdicts(tmp_path, figure, rows, drawn=True):
    """Claims of a figure by their sentences; the pictures are drawn too, if so wanted."""
    if not drawn:
        module = importlib.import_module(f"implicitbias.figures.{PAPER}.{figure}")
        return {c.claim: c for c in module.claims(rows)}
    write(tmp_path / "t.parquet", rows)
    stem = tmp_path / "out" / figure
    key = f"{PAPER}/{figure}"
    figures.make(key, "small", tmp_path / "t.parquet", tmp_path / "c.json", stem)
    assert stem.with_suffix(".png").stat().st_size > 1000
    return {c.claim: c for c in read_claims(tmp_path / "c.json")}


def network(values):
    return {(metric, "network"): ends for metric, ends in values.items()}


@pytest.mark.parametrize(("sign", "verdict"), [(1, "holds"), (-1, "fails")])
def test_collapse_against_hyper_parameters(tmp_path, sign, verdict):
    runs = []
    middle = {"batch_size": 25, "lr": 0.067, "weight_decay": 0.003}
    points = [{}, {"batch_size": 100}, {"lr": 0.01}, {"weight_decay": 0.0}]
    for point, seed in itertools.product(points, range(3)):
        at = {**middle, **point}
        worse = math.log(at["batch_size"] / at["lr"] * 0.067 / 25) - 300 * at["weight_decay"]
        names = {name for panel in _collapse.PANELS.values() for name in panel}
        values = network({name: (9.0, 0.05 * math.exp(sign * worse)) for name in names})
        values |= network({"train_accuracy": (1.0, 1.0), "train_loss": (0.1, 0.1)})
        runs.append(({**at, "seed": seed, "classes": None, "model": "mlp_relu"}, values))
    found = verdicts(tmp_path, "exp_collapse_hyper", table(runs), drawn=sign > 0)
    assert {c.verdict for c in found.values()} == {verdict}
    rows = table(runs)
    unfit = (rows["metric"] == "train_accuracy") & (rows["weight_decay"] == 0)
    rows.loc[unfit, "value"] = 0.99
    found = verdicts(tmp_path, "exp_collapse_hyper", rows, drawn=False)
    for claim in found.values():
        assert claim.verdict == ("not tested" if "decay" in claim.id else verdict)


@pytest.mark.parametrize("noisy", [True, False])
def test_noise(tmp_path, noisy):
    runs = []
    for full, decay, seed in itertools.product((True, False), (0.0, 0.01), range(3)):
        moves = (1.0, 0.5) if not full and decay and noisy else (1.0, 1e-3 if noisy else 0.5)
        sine = 0.9 if noisy else 0.0
        values = {("step_movement", "layer0"): moves, ("step_movement", "head"): (5.0, 5.0)}
        values["train_accuracy", "network"] = (1.0, 1.0)
        for name in ("stationarity_residual", "stationarity_sine"):
            values[name, "layer0"] = (sine, sine)
        size = 256 if full else 32
        runs.append(({"seed": seed, "batch_size": size, "weight_decay": decay}, values))
    found = verdicts(tmp_path, "exp_sgd_noise", table(runs), drawn=noisy)
    assert {c.verdict for c in found.values()} == {"holds" if noisy else "fails"}


def low_rank(biased):
    """Ranks that fall with decay, rate and 1 / batch, or with none of them."""
    runs = []
    grid = [(b, 0.025, d) for b, d in itertools.product((4, 8, 16), (0.0, 0.016, 0.128))]
    grid += [(b, 0.01, 0.128) for b in (4, 8, 16)]
    for (b, lr, decay), seed in itertools.product(grid, range(3)):
        pull = decay * lr / 0.025 / b  # no decay, no bias
        rank = (
            60 * math.exp(-100 * pull)
            if biased
            else 20
            if decay == 0 and b == 4
            else 58 + 2 * (decay == 0)
        )
        values = {(m, "average"): (rank, rank) for m in ("rank_fro_3e-2", "rank_spec_1e-3")}
        gap = 0.1 * (rank if biased else 60 - rank) / 60
        for part, accuracy in {"train": 1.0, "test": 1 - gap}.items():
            values[f"{part}_accuracy", "network"] = (accuracy, accuracy)
        fields = {"seed": seed, "batch_size": b, "lr": lr, "weight_decay": decay}
        runs.append(({**fields, "model": "mlp_relu"}, values))
    return table(runs)


@pytest.mark.parametrize("biased", [True, False])
def test_low_rank(tmp_path, biased):
    found = verdicts(tmp_path, "exp_low_rank", low_rank(biased), drawn=biased)
    assert {c.verdict for c in found.values()} == {"holds" if biased else "fails"}


def test_the_gap_follows_the_rank_of_networks_that_fit_alone():
    rows = low_rank(True)
    rows.loc[rows["metric"] == "train_accuracy", "value"] = 0.98
    found = verdicts(None, "exp_low_rank", rows, drawn=False)
    last = next(c for c in found.values() if c.id == "gap-follows-rank")
    assert last.verdict == "not tested"


@pytest.mark.parametrize(("ahead", "verdict"), [(True, "holds"), (False, "fails")])
def test_compositional_targets(tmp_path, ahead, verdict):
    runs = []
    grid = itertools.product(("local_patches", "scattered_patches"), ("conv4", "mlp_relu"),
                             (250, 1000), range(3))  # fmt: skip
    for target, model, n, seed in grid:
        local, conv = target == "local_patches", model == "conv4"
        error = 0.2 if conv and local == ahead else 0.4 if local or ahead else 0.6
        values = network({"train_accuracy": (1.0, 1.0), "test_accuracy": (0.5, 1 - error)})
        runs.append(({"dataset": target, "model": model, "n_train": n, "seed": seed}, values))
    found = verdicts(tmp_path, "exp_compositional", table(runs), drawn=ahead)
    assert {c.verdict for c in found.values()} == {verdict}


@pytest.mark.parametrize(("off", "verdict"), [(0.0, "holds"), (0.3, "fails")])
def test_equilibrium(tmp_path, off, verdict):
    """rho = mu / (M + lambda), loss + lambda rho^2 = mean t^2 - rho mu, but for a share `off`."""
    runs = []
    kinds = [("one_hot", 1.5), ("one_hot", 5.0), ("sign", 1.5), ("full", 1.5)]
    for (kind, start), seed in itertools.product(kinds, range(3)):
        outputs = 1 if kind == "sign" else 2
        decay, mu, m = 0.02, 0.6, 0.3
        lam = decay * outputs / 2
        gap = off if kind != "full" else off * (0.1 if not off else 2)
        rho = mu / (m + lam) / (1 - (gap or (1e-4 if kind == "full" else 1e-2)))
        rho *= 1 + off * (start > 2)
        loss = (1 - rho * mu - lam * rho**2 + off) / outputs
        values = {
            "rho": rho, "alignment": mu, "output_square": m, "target_square": 1.0,
            "decay_lambda": lam, "train_loss": loss,
        }  # fmt: skip
        fields = {"targets": "sign" if kind == "sign" else "one_hot", "weight_decay": decay,
                  "batch_size": 256 if kind == "full" else 32, "init_norm": start}  # fmt: skip
        ends = network({name: (value, value) for name, value in values.items()})
        runs.append(({**fields, "seed": seed}, ends))
    rows = table(runs)
    exact = ["alignment", "output_square", "target_square", "decay_lambda", "train_loss", "rho"]
    scale = rows["metric"].isin(exact)
    rows.loc[scale, "value"] /= 1 + 0.01 * rows.loc[scale, "seed"]
    found = verdicts(tmp_path, "exp_equilibrium", rows, drawn=not off)
    assert {c.verdict for c in found.values()} == {verdict}


@pytest.mark.parametrize("dips", [True, False])
def test_batch_normalisation(tmp_path, dips):
    rows = []
    for unit, seed, step in itertools.product((True, False), range(3), range(0, 1001, 100)):
        level = {True: 1 + (step == 200) + 0.5 * (step == 1000), False: 2 - step / 1000}
        value = level[dips] if dips else 1 + step / 1000 - 0.6 * (step == 1000)
        run = {**BASE, "run": f"r{unit}{seed}", "seed": seed, "unit_images": unit}
        rows.append({**run, "epoch": step, "step": step, "metric": "rho", "layer": "network",
                     "value": value * (1 if unit else 0.1)})  # fmt: skip
    found = verdicts(tmp_path, "exp_batchnorm", pd.DataFrame(rows), drawn=dips)
    first = found["rho rises fast and then dips"]
    assert first.verdict == ("holds" if dips else "fails")
    last = next(c for text, c in found.items() if text.startswith("rho ends above"))
    assert last.verdict == ("holds" if dips else "fails")
