"""exp_precision: another precision against another seed, by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures.galanti2025rank import exp_precision

FULL = 50.0
TOLERANCES = ("rank_fro_1.4e-1", "rank_fro_3e-2", "rank_fro_1e-3")


def table(change, seeds=(0, 1, 2)):
    """Ranks of 10 x (point) + seed in float32; with bfloat16 `change(seed)` more."""
    rows = []
    points = [(model, size, decay) for model in exp_precision.MODELS
              for size in (16, 64) for decay in (0.0, 0.1)]  # fmt: skip
    for i, (model, size, decay) in enumerate(points):
        for seed, precision, epoch in itertools.product(seeds, exp_precision.PRECISIONS, (0, 5)):
            run = {"run": f"{i}-{seed}-{precision}", "pack": "p", "model": model, "seed": seed,
                   "batch_size": size, "weight_decay": decay, "precision": precision,
                   "dataset": "digits", "width": 8, "epochs": 5, "momentum": 0.0,
                   "diverged_step": np.nan, "epoch": epoch, "step": epoch}  # fmt: skip
            value = 10.0 * i + seed + (change(seed) if precision == "bfloat16" else 0.0)
            for metric in TOLERANCES:
                at = {"layer": "average", "metric": metric, "value": value if epoch else FULL}
                rows.append({**run, **at})
            rows.append({**run, "layer": "network", "metric": "test_accuracy", "value": 0.9})
    return pd.DataFrame(rows)


def one(rows):
    last = rows[(rows["epoch"] == 5) & (rows["metric"] == "rank_fro_3e-2")]
    return last[last["model"] == "mlp_bn"]


def test_the_statistics_by_hand():
    rows = one(table(lambda seed: 0.5 if seed else -0.5))
    # Another seed moves the rank by (1 + 2) / 2, (1 + 1) / 2 and (2 + 1) / 2.
    assert exp_precision.against_seeds(rows) == pytest.approx({0: -1.0, 1: -0.5, 2: -1.0})
    assert exp_precision.shift(rows) == pytest.approx({0: 0.5, 1: 0.5, 2: 0.5})


def verdicts(tmp_path, rows):
    write(tmp_path / "t.parquet", rows)
    figures.make(exp_precision.FIGURE, "small", tmp_path / "t.parquet", tmp_path / "c.json",
                 tmp_path / "f")  # fmt: skip
    return [(c.claim.split()[1], c.verdict) for c in read_claims(tmp_path / "c.json")]


def test_verdicts(tmp_path):
    less = verdicts(tmp_path, table(lambda seed: 0.5 * (-1) ** seed))
    assert set(less) == {("moves", "holds"), ("shifts", "holds")}
    more = verdicts(tmp_path, table(lambda _: 2.5))
    assert set(more) == {("moves", "fails"), ("shifts", "fails")}


def test_without_bfloat16_nothing_is_decided(tmp_path):
    rows = table(lambda _: 0.0)
    found = verdicts(tmp_path, rows[rows["precision"] == "float32"])
    assert {verdict for _, verdict in found} == {"undecided"}
    assert (tmp_path / "f.png").stat().st_size > 0
