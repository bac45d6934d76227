"""exp_tolerance_networks draws each figure's own series, and judges its direction."""

import itertools
from collections import Counter

import numpy as np
import pandas as pd

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures.galanti2025rank import exp_tolerance_networks as networks


def rows_of(model, sizes, rates, decays, slope=np.nan, seeds=(0, 1, 2)):
    """Ranks that are full at 1e-3; at 0.05 they fall with rate x decay / batch size."""
    rows = []
    for size, lr, decay, seed, epoch in itertools.product(sizes, rates, decays, seeds, (0, 8)):
        run = {
            "run": f"{model}-{slope}-{size}-{lr}-{decay}-{seed}", "seed": seed, "model": model,
            "negative_slope": slope, "lr": lr, "batch_size": size, "weight_decay": decay,
            "dataset": "cifar10", "pack": "p", "diverged_step": np.nan, "epoch": epoch,
            "step": 100_000 * epoch, "layer": "average", "lr_milestones": "[]", "lr_factor": 1.0,
        }  # fmt: skip
        lost = 9 * np.log1p(1000 * lr * decay / size) * (epoch > 0)
        for norm, (name, share) in itertools.product(
            ("rank_fro", "rank_spec"), (("1e-3", 0), ("5e-2", 1))
        ):
            value = 30 - share * (lost if epoch else 14)  # untrained 0.53 of full at 0.05
            rows.append({**run, "metric": f"{norm}_{name}", "value": value})
    return rows


def table():
    return pd.DataFrame(
        rows_of("resnet18", [4], [0.1, 0.2, 0.4], [0, 0.02], slope=0.01)
        + rows_of("resnet18", [4, 8], [0.3], [0, 0.1, 0.2, 0.3], slope=0.0)
        + rows_of("resnet18", [4, 8, 16, 32], [0.1], [0, 0.06], slope=0.0)
        + rows_of("vit", [8, 32], [0.02, 0.2], [0.05])
        + rows_of("vit", [32], [0.2], [0, 0.01, 0.1])
    )


def test_a_panel_is_the_longest_series_along_its_axis():
    rows = networks.ranks(table())
    of = {p.figure: p.of(rows) for p in networks.PANELS}

    def settings(figure):
        return {c: sorted(of[figure][c].unique().tolist()) for c in networks.SETTINGS}

    assert settings("2") == {"batch_size": [4], "lr": [0.1, 0.2, 0.4], "weight_decay": [0.02]}
    assert settings("3") == {"batch_size": [4], "lr": [0.3], "weight_decay": [0, 0.1, 0.2, 0.3]}
    assert settings("4") == {"batch_size": [4, 8, 16, 32], "lr": [0.1], "weight_decay": [0.06]}
    assert settings("10") == {"batch_size": [8], "lr": [0.02, 0.2], "weight_decay": [0.05]}
    assert settings("11")["batch_size"] == [32] and of["16"].empty


def test_the_direction_is_judged_where_untrained_networks_have_about_half(tmp_path):
    write(tmp_path / "t.parquet", table())
    figures.make(networks.FIGURE, "paper", tmp_path / "t.parquet", tmp_path / "c.json",
                 tmp_path / "f")  # fmt: skip
    found = {c.claim: c.verdict for c in read_claims(tmp_path / "c.json")}
    assert Counter(found.values()) == {"holds": 5, "not tested": 2}  # two figures have no runs
    reversed_ = table()
    reversed_["value"] = 60 - reversed_["value"]
    write(tmp_path / "r.parquet", reversed_)
    figures.make(networks.FIGURE, "paper", tmp_path / "r.parquet", tmp_path / "r.json",
                 tmp_path / "f")  # fmt: skip
    assert "holds" not in {c.verdict for c in read_claims(tmp_path / "r.json")}
