"""The figures on SGD noise, drawn from tables with a known answer."""

import itertools

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.base.errors import UserError

PAPER = "galanti2022noise"


def make(tmp_path, name, rows):
    write(tmp_path / "t.parquet", rows)
    figures.make(f"{PAPER}/{name}", "small", tmp_path / "t.parquet", tmp_path / "c.json",
                 tmp_path / name)  # fmt: skip
    assert (tmp_path / f"{name}.png").stat().st_size > 1000
    return read_claims(tmp_path / "c.json")


PURE = 0.1 * 0.03
RUN = {
    "lr": 0.1, "n_train": 128, "dataset": "digits", "model": "mlp_relu", "epochs": 100, "width": 32,
    "momentum": 0.0, "pack": "p", "diverged_step": np.nan, "layer": "average", "decay": "all",
}  # fmt: skip


def steps(of, seeds=(0, 1, 2)):
    """Runs over 1,600 steps; `of(full, decays, step)` is (one step, its gradient part)."""
    rows = []
    for seed, loss, decay, size in itertools.product(
        seeds, ("cross_entropy", "square"), (0.0, 0.03), (8, 128)
    ):
        run = {**RUN, "run": f"{seed}{loss}{decay}{size}", "seed": seed, "loss": loss,
               "weight_decay": decay, "batch_size": size}  # fmt: skip
        for step in range(16, 1601, 16):
            whole, pull = of(size == 128, decay > 0, step)
            values = {"relative_step": whole, "gradient_step": pull}
            values = {k: v * (1 + 0.01 * seed) for k, v in values.items()}
            for metric, value in {**values, "decay_step": 0.1 * decay}.items():
                rows.append({**run, "epoch": step * size // 128, "step": step, "metric": metric,
                             "value": value})  # fmt: skip
        rows.append({**rows[-1], "metric": "train_accuracy", "layer": "network", "value": 0.98})
    return pd.DataFrame(rows)


def noise(full, decays, step):
    """SGD's floor at three times pure decay with decay; nothing left otherwise."""
    return (3 * PURE, 3 * PURE) if decays and not full else (np.exp(-step / 100), PURE)


def test_noise_with_a_floor_and_descent_that_rests_hold(tmp_path):
    found = make(tmp_path, "exp_noise", steps(noise))
    assert len(found) == 10
    assert {c.verdict for c in found} == {"holds"}


@pytest.mark.parametrize(("level", "floor"), [(PURE, "holds"), (None, "fails")])
def test_steps_of_decay_alone_and_steps_that_fall_are_no_noise(tmp_path, level, floor):
    """Decay's step has a floor but no noise; one that falls has neither."""
    rows = steps(lambda full, decays, step: (level or np.exp(-step / 200), 1e-9))
    found = make(tmp_path, "exp_noise", rows)
    verdicts = {c.id.rpartition("-")[0].replace("-cross", ""): c.verdict for c in found}
    assert verdicts["floor"] == floor
    assert verdicts["floor-above-decay"] == "fails"
    assert verdicts["descent-beside-sgd"] == "fails"
    if level:
        assert verdicts["descent-rests"] == verdicts["falls-without-decay"] == "fails"


def test_networks_that_do_not_fit_leave_the_floor_untested(tmp_path):
    rows = steps(noise)
    rows.loc[(rows["metric"] == "train_accuracy") & (rows["batch_size"] == 8), "value"] = 0.8
    found = {c.id: c.verdict for c in make(tmp_path, "exp_noise", rows)}
    assert set(found.values()) == {"not tested"}


def test_collapsed_networks_are_not_judged(tmp_path):
    rows = steps(noise)
    dead = rows.query("weight_decay > 0 and loss == 'square'").assign(weight_decay=0.3)
    dead["run"] += "dead"
    dead.loc[dead["metric"] == "train_accuracy", "value"] = 0.1
    dead.loc[dead["metric"] == "relative_step", "value"] = PURE
    found = make(tmp_path, "exp_noise", pd.concat([rows, dead]))
    assert {c.verdict for c in found} == {"holds"}


def test_where_nothing_has_learnt_nothing_is_judged(tmp_path):
    rows = steps(noise)
    rows.loc[rows["metric"] == "train_accuracy", "value"] = 0.1
    assert make(tmp_path, "exp_noise", rows) == []
    rows.loc[(rows["metric"] == "train_accuracy") & (rows["weight_decay"] == 0), "value"] = 0.98
    found = make(tmp_path, "exp_noise", rows)
    assert ["without decay" in c.claim for c in found] == [True, True]


def constrained(of, rank=12.0, accuracy=1.0):
    """Runs of two widths at four batch sizes; `of(width, size)` is a step over pure decay's."""
    rows = []
    for seed, width, size in itertools.product((0, 1, 2), (8, 32), (4, 8, 32, 128)):
        run = {**RUN, "run": f"{seed}-{width}-{size}", "seed": seed, "loss": "cross_entropy",
               "weight_decay": 0.03, "batch_size": size, "width": width}  # fmt: skip
        for step in range(16, 161, 16):
            value = PURE * of(width, size) * (1 + 0.01 * seed)
            values = {"relative_step": value, "decay_step": PURE, "rank_fro_1e-2": min(rank, width)}
            for metric, value in values.items():
                rows.append({**run, "epoch": step, "step": step, "metric": metric, "value": value})
        rows.append({**rows[-1], "metric": "train_accuracy", "layer": "network", "value": accuracy})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("of", "verdicts"),
    [
        (lambda width, size: 5.0 if size < width else 0.1, ["holds", "fails", "holds"]),
        (lambda width, size: 0.1 if size == 128 else 5.0, ["fails", "holds", "holds"]),
        (lambda width, size: 0.1, ["fails", "fails", "fails"]),
    ],
)
def test_noise_by_the_constraint_or_without_it(tmp_path, of, verdicts):
    found = make(tmp_path, "exp_rank_constraint", constrained(of))
    assert [c.verdict for c in found] == verdicts
    assert [c.kind for c in found] == ["paper", "ours", "control"]


@pytest.mark.parametrize(
    "rows",
    [
        constrained(lambda width, size: 5.0),  # the full batch moves as well
        constrained(lambda width, size: 0.1 if size == 128 else 5.0, rank=3.0),
        constrained(lambda width, size: 0.1 if size == 128 else 5.0, accuracy=0.5),
    ],
)
def test_without_rest_rank_or_fit_the_constraint_is_not_tested(tmp_path, rows):
    found = make(tmp_path, "exp_rank_constraint", rows)
    assert {c.verdict for c in found} == {"not tested"}
    assert all(sum(not part.met for part in c.regime) == 1 for c in found)


def gradients(rank):
    rows = []
    for seed, model, epoch, b in itertools.product(
        (0, 1, 2), ("mlp_relu", "mlp_bn", "resnet18"), (0, 2), (4, 8, 16)
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
        return gradients(lambda model, b: min(b - lost * (model != "mlp_relu"), 12.0))

    found = make(tmp_path, "exp_gradient_rank", rows(1))
    assert {c.verdict for c in found} == {"holds"}
    assert [c.kind for c in found] == ["proved"] * 3 + ["control", "proved", "control"]
    with pytest.raises(UserError, match="m_l B - 1' does not hold in run"):
        make(tmp_path, "exp_gradient_rank", rows(0))


def test_a_residual_network_is_judged_apart(tmp_path):
    rows = gradients(lambda model, b: b - (model == "mlp_bn"))
    with pytest.raises(UserError, match="residual connections and batch norm.* does not hold"):
        make(tmp_path, "exp_gradient_rank", rows)
    rows = gradients(lambda model, b: {"resnet18": 0.5 * b, "mlp_bn": b - 1}.get(model, b))
    found = {c.id: c.verdict for c in make(tmp_path, "exp_gradient_rank", rows)}
    assert found["batch-rank-residual"] == "holds"
    assert found["bound-attained-residual"] == "fails"
    plain = rows[rows["model"] != "resnet18"]
    assert len(make(tmp_path, "exp_gradient_rank", plain)) == 4


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
