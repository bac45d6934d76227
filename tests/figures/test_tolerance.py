"""exp_tolerance finds the tolerance at which the published points were counted."""

import itertools

import numpy as np
import pandas as pd

from implicitbias import figures
from implicitbias.analysis import published
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures.galanti2025rank import exp_tolerance

TOLERANCES = {"1e-3": 1e-3, "2e-2": 0.02, "3e-2": 0.03, "5e-2": 0.05}


def published_ranks():
    """(lr, batch size, weight decay) -> the published average rank of figures 7 and 9."""
    found = {}
    for figure in ("7", "9"):
        rows = published.points("galanti2025rank", figure).query("series == 'average'")
        for panel, x, y in zip(rows["panel"], rows["x"], rows["y"], strict=True):
            at = float(panel.partition("=")[2])
            found[(0.1, int(at), x) if figure == "7" else (at, int(x), 4e-4)] = y
    return found


def table(own, **fields):
    """Ranks that are the published ones at tolerance `own` in the Frobenius norm, off elsewhere."""
    rows = []
    for (seed, ((lr, size, decay), y)), epoch in itertools.product(
        itertools.product((0, 1, 2), published_ranks().items()), (0, 490, 500)
    ):
        run = {
            "run": f"{lr}-{size}-{decay}-{seed}", "seed": seed, "lr": lr, "batch_size": size,
            "weight_decay": decay, "dataset": "cifar10", "depth": 10, "width": 100, "epochs": 500,
            "momentum": 0.0, "pack": "p", "diverged_step": np.nan, "epoch": epoch,
            "step": epoch * 50_000 // size, "layer": "average",
            "lr_milestones": "[60, 100, 200]", "lr_factor": 0.2, **fields,
        }  # fmt: skip
        for (norm, shift), (name, at) in itertools.product(
            (("rank_fro", 0), ("rank_spec", 15)), TOLERANCES.items()
        ):
            off = shift + 20 * abs(np.log10(at / own))
            value = y + off + (30 if epoch == 500 else 0) - 1e-3 * seed
            rows.append({**run, "metric": f"{norm}_{name}", "value": value})
    return pd.DataFrame(rows)


def make(tmp_path, rows):
    write(tmp_path / "t.parquet", rows)
    figures.make("galanti2025rank/exp_tolerance", "paper", tmp_path / "t.parquet",
                 tmp_path / "c.json", tmp_path / "f")  # fmt: skip
    return {c.claim: c.verdict for c in read_claims(tmp_path / "c.json")}


def test_the_tolerance_of_the_smallest_gap_is_the_published_one(tmp_path):
    for own in (0.03, 0.05):
        least = exp_tolerance.best(table(own)).query("norm == 'rank_fro'")
        assert {"7", "9"} <= set(least["figure"])  # 8 shares its settings with 9
        assert set(least["tolerance"]) == {own}
        assert least["gap"].max() < 0.01
    found = make(tmp_path, table(0.03))
    assert found["the points of figure 7 are ranks at tolerance 0.03"] == "holds"
    assert found["the points of figure 9 are not ranks at tolerance 0.001"] == "holds"
    found = make(tmp_path, table(1e-3))
    assert found["the points of figure 7 are ranks at tolerance 0.03"] == "fails"
    assert found["the points of figure 9 are not ranks at tolerance 0.001"] == "fails"


def test_other_networks_are_not_compared_with_the_published(tmp_path):
    rows = table(0.03, width=50)
    assert exp_tolerance.gaps(rows).empty
    assert len(make(tmp_path, rows)) == 2
