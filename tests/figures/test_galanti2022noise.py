"""The figures on SGD noise, drawn from tables with a known answer."""

import itertools

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.base.errors import UserError
from implicitbias.figures.galanti2022noise import _movement

PAPER = "galanti2022noise"


def make(tmp_path, name, rows):
    write(tmp_path / "t.parquet", rows)
    figures.make(f"{PAPER}/{name}", "small", tmp_path / "t.parquet", tmp_path / "c.json",
                 tmp_path / name)  # fmt: skip
    assert (tmp_path / f"{name}.png").stat().st_size > 1000
    return read_claims(tmp_path / "c.json")


def movement(of):
    """Runs over 16 to 1600 steps; `of(full, decays, step)` is (movement, the gradients')."""
    rows = []
    for seed, loss, decay, size in itertools.product(
        (0, 1, 2), ("cross_entropy", "square"), (0.0, 0.03), (8, 128)
    ):
        per_epoch = 128 // size
        run = {
            "run": f"{seed}{loss}{decay}{size}", "seed": seed, "loss": loss, "lr": 0.1,
            "weight_decay": decay, "batch_size": size, "n_train": 128, "dataset": "digits",
            "model": "conv4", "epochs": 100, "momentum": 0.0, "pack": "p",
            "movement_epochs": 16 // per_epoch,
            "diverged_step": np.nan, "layer": "average",
        }  # fmt: skip
        for step in range(16, 1601, 16):
            values = of(size == 128, decay > 0, step)
            for metric, value in zip(("relative_movement", "gradient_movement"), values,
                                     strict=True):  # fmt: skip
                rows.append({**run, "epoch": step // per_epoch, "step": step, "metric": metric,
                             "value": value * (1 + 0.01 * seed)})  # fmt: skip
        rows.append({**rows[-1], "metric": "train_accuracy", "layer": "network", "value": 0.9})
    return pd.DataFrame(rows)


PURE = 1 - (1 - 0.003) ** 16


def noise(full, decays, step):
    """SGD's floor at three times pure decay with decay; nothing left otherwise."""
    return (3 * PURE, 3 * PURE) if decays and not full else (np.exp(-step / 100), PURE)


def test_noise_with_a_floor_and_descent_without_one_hold(tmp_path):
    found = make(tmp_path, "exp_noise", movement(noise))
    assert len(found) == 12
    assert {c.verdict for c in found} == {"holds"}


def test_a_plateau_of_pure_decay_is_not_taken_for_noise(tmp_path):
    found = make(tmp_path, "exp_noise", movement(lambda full, decays, step: (PURE, 1e-9)))
    verdicts = {c.claim.partition(": ")[2]: c.verdict for c in found}
    assert verdicts["with decay and B < N the movement has a floor"] == "holds"
    others = [v for k, v in verdicts.items() if "has a floor" not in k]
    assert set(others) == {"fails"}


def test_collapsed_networks_are_not_judged(tmp_path):
    rows = movement(noise)
    dead = rows.query("weight_decay > 0 and loss == 'square'").assign(weight_decay=0.3, value=PURE)
    dead["run"] += "dead"
    dead.loc[dead["metric"] == "train_accuracy", "value"] = 0.1
    found = make(tmp_path, "exp_noise", pd.concat([rows, dead]))
    assert {c.verdict for c in found} == {"holds"}


def test_where_nothing_has_learnt_nothing_is_judged(tmp_path):
    rows = movement(noise)
    rows.loc[rows["metric"] == "train_accuracy", "value"] = 0.1
    assert make(tmp_path, "exp_noise", rows) == []
    rows.loc[(rows["metric"] == "train_accuracy") & (rows["weight_decay"] == 0), "value"] = 0.9
    found = make(tmp_path, "exp_noise", rows)
    assert ["without decay" in c.claim for c in found] == [True, True]


def test_pure_decay_is_what_a_weight_without_gradient_does():
    rows = _movement.averages(movement(noise), "relative_movement").query("weight_decay > 0")
    w = 1.0
    for _ in range(16):
        w -= 0.1 * 0.03 * w
    np.testing.assert_allclose(rows["decay"], 1 - w, rtol=1e-12)


def gradients(rank):
    rows = []
    for seed, model, epoch, b in itertools.product(
        (0, 1, 2), ("mlp_relu", "mlp_bn"), (0, 2), (4, 8, 16)
    ):
        run = {
            "run": f"{seed}{model}", "seed": seed, "model": model, "epoch": epoch, "step": epoch,
            "dataset": "digits", "momentum": 0.0, "pack": "p", "diverged_step": np.nan,
            "layer": "layer0", "limit": float(b), "trivial": 12.0, "part": 0,
        }  # fmt: skip
        rows.append({**run, "metric": "gradient_rank", "value": rank(model, b)})
        if model == "mlp_relu":
            rows.append({**run, "metric": "sample_gradient_rank", "value": 1.0, "limit": 1.0})
    return pd.DataFrame(rows)


def test_batch_norm_loses_one_direction_or_the_job_ends(tmp_path):
    def rows(lost):
        return gradients(lambda model, b: min(b - lost * (model == "mlp_bn"), 12.0))

    found = make(tmp_path, "exp_gradient_rank", rows(1))
    assert {c.verdict for c in found} == {"holds"}
    assert [c.kind for c in found] == ["proved", "proved", "proved", "control"]
    with pytest.raises(UserError, match="m_l B - 1' does not hold in run"):
        make(tmp_path, "exp_gradient_rank", rows(0))


def test_the_bound_near_convergence_speaks_or_not(tmp_path):
    rows = []
    for seed, size, step in itertools.product((0, 1, 2), (8, 48), (0, 60, 120)):
        bound = 1.5 if size == 8 else 1.5 / (1 + step / 20)
        rows.append({
            "run": f"{seed}{size}", "seed": seed, "batch_size": size, "n_train": 48, "step": step,
            "epoch": step * size // 48, "dataset": "digits", "momentum": 0.0, "pack": "p",
            "diverged_step": np.nan, "layer": "layer0", "metric": "near_convergence", "part": 0,
            "value": 0.1 + 0.01 * seed, "limit": bound, "trivial": 1.0,
        })  # fmt: skip
    found = make(tmp_path, "exp_near_convergence", pd.DataFrame(rows))
    assert [c.verdict for c in found] == ["holds", "holds", "fails"]
