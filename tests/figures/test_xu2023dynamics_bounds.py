"""Figures of bounds and certificates from tables that are made here, with and without effects."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.base.errors import UserError
from implicitbias.figures.xu2023dynamics import (
    _bounds,
    exp_bounds,
    exp_certificates,
    exp_collapse_solution,
    exp_norm_bounds,
)

BASE = {
    "dataset": "mnist5k", "preprocessing": "standard", "classes": None, "n_train": 300,
    "batch_size": 16, "epochs": 100, "lr": 0.03, "momentum": 0.9, "weight_decay": 0.01,
    "targets": "one_hot", "width": 8, "depth": 3, "diverged_step": np.nan, "pack": "p",
}  # fmt: skip


def table(runs):
    """Rows of (fields, {(metric, layer): value or columns}) at epochs 99 and 100."""
    rows = []
    for i, (fields, values) in enumerate(runs):
        run = {**BASE, "seed": 0, **fields, "run": f"r{i}"}
        for ((metric, layer), cells), epoch in itertools.product(values.items(), (99, 100)):
            own = cells if isinstance(cells, dict) else {"value": cells}
            at = {"epoch": epoch, "step": 8 * epoch, "metric": metric, "layer": layer}
            rows.append({**run, **at, **own})
    return pd.DataFrame(rows)


def verdicts(tmp_path, module, rows):
    """Claims by their ids, written and read; the pictures are drawn too."""
    write(tmp_path / "t.parquet", rows)
    stem = tmp_path / "out" / "figure"
    figures.make(module.FIGURE, "small", tmp_path / "t.parquet", tmp_path / "c.json", stem)
    assert stem.with_suffix(".png").stat().st_size > 1000
    return {c.id: c for c in read_claims(tmp_path / "c.json")}


def layers(rho, toeplitz, degrees, seed):
    """Two numbers of norms: the first layer has them, all others have norm 1."""
    names = [*(f"layer{i}" for i in range(len(degrees) - 1)), "head"]
    values = {}
    for i, (name, degree) in enumerate(zip(names, degrees, strict=True)):
        values["fro_norm", name] = rho * (1 + 0.01 * seed) if i == 0 else 1.0
        values["toeplitz_norm", name] = toeplitz * (1 + 0.01 * seed) if i == 0 else 1.0
        values["kernel_positions", name] = float(degree)
    return values


def of_network(rho, toeplitz, degrees, seed, n=300, accuracy=1.0, raw=1.0):
    network = {
        "input_square_sum": n * 1.0, "pixel_square_sum": n / 50,
        "raw_pixel_square_sum": raw * n / 50, "rho": rho,
        "train_accuracy": accuracy, "test_accuracy": 0.9,
    }  # fmt: skip
    return layers(rho, toeplitz, degrees, seed) | {(k, "network"): v for k, v in network.items()}


def bounded(toeplitz, accuracy=1.0, rho=2.0):
    runs = []
    for model, seed in itertools.product(("conv3", "conv4_fc"), range(3)):
        degrees = [9, 9, 9] if model == "conv3" else [9, 9, 9, 9, 25, 1]
        values = of_network(rho, toeplitz, degrees, seed, accuracy=accuracy)
        for i in range(len(degrees) - 1):
            s = [0.9] + [0.01] * 3
            values["singular_values", f"layer{i}"] = {"value": np.nan, "values": s}
        values["singular_values", "head"] = {"value": np.nan, "values": [1.0]}
        runs.append(
            ({"model": model, "seed": seed, "targets": "sign", "classes": "[4, 9]"}, values)
        )
    return table(runs)


def test_bounds_of_networks(tmp_path):
    claims = verdicts(tmp_path, exp_bounds, bounded(toeplitz=1e6))
    assert {c.verdict for c in claims.values()} == {"holds"}
    claims = verdicts(tmp_path, exp_bounds, bounded(toeplitz=2.0))
    assert claims.pop("all-vacuous").verdict == "holds"
    assert {c.verdict for c in claims.values()} == {"fails"}
    claims = verdicts(tmp_path, exp_bounds, bounded(toeplitz=1e6, accuracy=0.99))
    assert {c.verdict for c in claims.values()} == {"not tested"}


def test_bounds_are_those_of_a_separate_calculation():
    rows = _bounds.evaluated(bounded(toeplitz=40.0), exp_bounds.BOUNDS)
    mine = rows[(rows["seed"] == 0) & (rows["model"] == "conv4_fc")].set_index("bound")["value"]
    root, depth = math.sqrt(300), 1 + math.sqrt(12 * math.log(2))

    def tail(r):
        return 3 * math.sqrt(math.log(200 * r**2) / 600)

    assert mine["dense"] == pytest.approx(2 * 41 * depth / root + tail(41))
    assert mine["(16)"] == pytest.approx(2 * 3 * depth / root + tail(3))
    pixel, paths = math.sqrt(300 / 50) / 300, 405
    first = 3 * (1 + math.sqrt(12 * math.log(50))) * paths * pixel
    assert mine["theorem 3.2, v1"] == pytest.approx(first + tail(4))
    logs = 6 * math.log(2) + 4 * math.log(9) + math.log(25)
    second = 2 * math.sqrt(2) * 3 * (1 + math.sqrt(2 * logs)) * paths * pixel
    assert mine["theorem 3.2, v2"] == pytest.approx(second + tail(4))


def test_factors_of_theorem_7():
    rows = exp_bounds.factors(bounded(toeplitz=40.0))
    mine = rows[(rows["run"] == "r0")].sort_values("place")
    assert list(mine["place"]) == [1, 2, 3]
    assert list(mine["value"]) == [0.5, 0.5, 1.0]  # one of four singular values; one of one


def convolutions(dense, ours, accuracy=0.95, raw=1 / 8, width_matters=1.0):
    """rho and the Toeplitz norm grow by `ours` and `dense` a layer; 4 to 9 layers, 3 widths."""
    runs = []
    points = [(n, 8) for n in (4, 5, 7, 9)] + [(n, h) for n in (4, 7) for h in (6, 12)]
    for (n, width), seed in itertools.product(points, range(3)):
        rho = 2 * ours ** (n - 4) * width_matters ** (width / 6)
        values = of_network(
            rho, 1e4 * dense ** (n - 4), [4] * (n - 1) + [400], seed, accuracy=accuracy, raw=raw
        )
        runs.append(({"model": "conv2x2", "depth": n - 1, "width": width, "seed": seed}, values))
    return table(runs)


def test_bounds_of_convolutions(tmp_path):
    claims = verdicts(tmp_path, exp_norm_bounds, convolutions(dense=20.0, ours=1.0))
    assert claims.pop("ratio-as-published").value > 0
    assert {c.verdict for c in claims.values()} == {"holds"}
    bad = convolutions(dense=2.0, ours=2.0, raw=2.0, width_matters=4.0)
    bad.loc[bad["metric"] == "toeplitz_norm", "value"] = 1.0
    claims = verdicts(tmp_path, exp_norm_bounds, bad)
    assert {c.verdict for c in claims.values()} == {"fails"}
    claims = verdicts(tmp_path, exp_norm_bounds, convolutions(20.0, 1.0, accuracy=0.1))
    assert {c.verdict for c in claims.values()} == {"not tested"}


def test_published_ratios_are_4_6_to_9_3():
    theirs = exp_norm_bounds.published_ratios()
    assert round(theirs[4], 1) == 4.6 and round(theirs[9], 1) == 9.3


def certified(rest=1e-3, moved=0.0, alignment=0.95, loss=1e-6, residual=2.0, broken=None):
    runs = []
    for full, decay, seed in itertools.product((False, True), (0.0, 0.01), range(3)):
        values = {
            (metric, "head"): {"value": 0.5, "limit": 1.0, "trivial": 2.0, "part": 0}
            for metric in exp_certificates.PROVED
        }
        values["lemma1_rest", "head"]["value"] = rest * 2 * (1 + 0.01 * seed)
        rank = {"value": 0.5, "limit": residual * (1 + 0.01 * seed), "trivial": 1.0, "part": 0}
        values["lemma8_rank", "layer0"] = rank
        if broken:
            values[broken, "head"]["value"] = 1.1
        network = {"rho": 2.0, "train_loss": loss, "head_alignment": alignment + 0.001 * seed,
                   "train_accuracy": 1.0}  # fmt: skip
        values |= {(k, "network"): v for k, v in network.items()}
        fields = {"model": "mlp_relu", "weight_decay": decay, "seed": seed,
                  "batch_size": 300 if full else 16, "classes": "[1, 2]"}  # fmt: skip
        runs.append((fields, values))
    rows = table(runs)
    last = (rows["metric"] == "rho") & (rows["epoch"] == 100)
    rows.loc[last, "value"] += moved * (1 + 0.01 * rows.loc[last, "seed"])
    return rows


def test_certificates(tmp_path):
    claims = verdicts(tmp_path, exp_certificates, certified())
    assert {c.verdict for c in claims.values()} == {"holds"}
    assert sum(c.kind == "proved" for c in claims.values()) == 9
    far = certified(rest=0.1, moved=0.1, alignment=0.5, residual=0.01)
    far.loc[far["layer"] == "layer0", "value"] = 0.0
    claims = verdicts(tmp_path, exp_certificates, far)
    ends = [c for c in claims.values() if c.kind != "proved"]
    assert {c.verdict for c in ends} == {"fails"}
    claims = verdicts(tmp_path, exp_certificates, certified(loss=0.1))
    assert claims["rho-rests-without-decay"].verdict == "not tested"


@pytest.mark.parametrize("metric", exp_certificates.PROVED)
def test_a_violated_certificate_ends_the_job(metric):
    with pytest.raises(UserError, match="does not hold in run"):
        exp_certificates.claims(certified(broken=metric))


def collapsing(off, nc1=0.01, nc4=0.0):
    """alpha .8, lambda .05, C = 10: rho^2 = .8 x .2 x .9 / .05, but for a share `off`."""
    runs = []
    for seed in range(3):
        network = {name: off for name in exp_collapse_solution.PARTS if name != "decay"}
        network |= {"collapse_scale": 0.8, "decay_lambda": 0.05, "target_square": 0.9, "nc1": nc1,
                    "nc4": nc4, "train_accuracy": 1.0, "train_loss": 0.01}  # fmt: skip
        values = {(k, "network"): v * (1 + 1e-3 * seed) for k, v in network.items()}
        values["train_accuracy", "network"] = 1.0
        values["fro_norm", "head"] = math.sqrt(0.8 * 0.2 * 0.9 / 0.05 * (1 + off))
        runs.append(({"model": "mlp_relu", "targets": "centred", "seed": seed}, values))
    return table(runs)


def test_the_collapsed_solution(tmp_path):
    claims = verdicts(tmp_path, exp_collapse_solution, collapsing(0.01))
    assert {c.verdict for c in claims.values()} == {"holds"}
    claims = verdicts(tmp_path, exp_collapse_solution, collapsing(0.5, nc4=0.2))
    assert {c.verdict for c in claims.values()} == {"fails"}
    claims = verdicts(tmp_path, exp_collapse_solution, collapsing(0.01, nc1=1.0))
    assert claims.pop("nearest-mean").verdict == "holds"
    assert {c.verdict for c in claims.values()} == {"not tested"}
