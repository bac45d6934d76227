"""The figures of the rank paper drawn from tables that are made here, with a known answer."""

import itertools

import numpy as np
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.analysis import published
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.base.errors import UserError
from implicitbias.figures import style

PAPER = "galanti2025rank"
DECAYS = [0, 1e-4, 2e-4, 4e-4, 8e-4, 6e-3]
LAYERS = ["layer1", "layer3", "layer5", "average"]
METRICS = ["rank_fro_3e-2", "rank_fro_1e-3"]


def table(sizes, rates, decays, seeds=(0, 1, 2), rank=None, **fields):
    """Runs whose rank is `rank(batch_size, lr, weight_decay)`, one unit apart between seeds."""
    rows = []
    protocol = {
        "dataset": "cifar10",
        "depth": 10,
        "width": 100,
        "epochs": 500,
        "momentum": 0.0,
        "lr_milestones": "[60, 100, 200]",
        "lr_factor": 0.2,
    }
    for b, lr, wd, seed in itertools.product(sizes, rates, decays, seeds):
        run = {
            **protocol, **fields, "run": f"sgd-{b}-{lr}-{wd}-{seed}", "seed": seed,
            "batch_size": b, "lr": lr, "weight_decay": wd, "diverged_step": np.nan, "pack": "p",
            "epoch": 500, "step": 500 * 50_000 // b,
        }  # fmt: skip
        for metric, layer in itertools.product(METRICS, LAYERS):
            rows.append({**run, "metric": metric, "layer": layer, "value": rank(b, lr, wd) + seed})
        for metric in METRICS:
            untrained = {"metric": metric, "layer": "average", "value": 100.0, "epoch": 0}
            rows.append({**run, **untrained, "step": 0})
        for metric in ("train_accuracy", "test_accuracy"):
            rows.append({**run, "metric": metric, "layer": "network", "value": 0.9})
    return pd.DataFrame(rows)


def falling(b, lr, wd):
    return 90 - 20 * np.log10(1 + 1e4 * wd * lr * 10) - 60 * (wd > 0) / np.sqrt(b)


def make(tmp_path, key, rows, scale="paper"):
    tmp_path.mkdir(exist_ok=True)
    write(tmp_path / "t.parquet", rows)
    stem = tmp_path / "out" / key.rpartition("/")[2]
    figures.make(key, scale, tmp_path / "t.parquet", tmp_path / "c.json", stem)
    return pd.read_csv(stem.with_suffix(".csv")), read_claims(tmp_path / "c.json"), stem


CASES = {
    "fig07": ([32, 64, 128], [0.1], DECAYS),
    "fig08": ([4, 8, 16], [0.1], DECAYS),
    "fig09": ([4, 8, 16, 32, 64, 128], [0.01, 0.1, 0.5], [4e-4]),
}


@pytest.mark.parametrize("figure", CASES)
def test_a_table_with_the_effect_holds_and_one_without_fails(tmp_path, figure):
    _, claims, _ = make(tmp_path, f"{PAPER}/{figure}", table(*CASES[figure], rank=falling))
    claims = [c for c in claims if "published" not in c.claim]
    assert {c.verdict for c in claims} == {"holds"}
    assert {c.n for c in claims} == {3}
    flat = table(*CASES[figure], rank=lambda *_: 80.0)
    _, claims, _ = make(tmp_path, f"{PAPER}/{figure}", flat)
    others = ("without weight decay", "published")
    about_decay = [c for c in claims if not any(o in c.claim for o in others)]
    assert {c.verdict for c in about_decay} == {"fails"}


def test_fidelity_compares_the_same_epoch_with_every_published_point(tmp_path):
    """Our ranks are the published ones after 490 epochs, and far off after 500."""
    theirs = published.points(PAPER, "7").query("series == 'average'")
    at = {
        (float(p.partition("=")[2]), x): y
        for p, x, y in zip(theirs["panel"], theirs["x"], theirs["y"], strict=True)
    }
    rows = table([32, 64, 128], [0.1], DECAYS, rank=lambda b, lr, wd: at.get((b, wd), 80.0))
    rows = rows[rows["epoch"] > 0]
    early = rows.assign(epoch=490)
    late = rows.assign(value=rows["value"] + 50)
    _, claims, _ = make(tmp_path, f"{PAPER}/fig07", pd.concat([early, late]))
    (rank,) = [c for c in claims if "average rank at tolerance 0.03 is" in c.claim]
    assert (rank.verdict, rank.value) == ("undecided", 1.0)  # 15 points cannot decide nine of ten
    assert {p.basis for p in rank.points} == {"prediction"}
    layers = next(c for c in claims if c.id == "published-layer-ranks")
    assert len(layers.points) == 45
    _, claims, _ = make(tmp_path, f"{PAPER}/fig07", pd.concat([early.assign(value=5.0), late]))
    (rank,) = [c for c in claims if "average rank at tolerance 0.03 is" in c.claim]
    assert (rank.verdict, rank.value) == ("fails", 0.0)


@pytest.mark.parametrize("figure", CASES)
def test_plotted_numbers_are_means_and_ranges_over_seeds(tmp_path, figure):
    drawn, _, stem = make(tmp_path, f"{PAPER}/{figure}", table(*CASES[figure], rank=falling))
    ours = drawn[(drawn["series"] == "average") & drawn["panel"].str.contains("0.03")]
    spans = (ours["high"] - ours["low"]).to_numpy()
    np.testing.assert_allclose(spans, 2, rtol=1e-6)  # seeds 0, 1, 2 are one unit apart
    np.testing.assert_allclose(ours["mean"], (ours["low"] + ours["high"]) / 2, rtol=1e-6)
    assert set(ours["n"]) == {3}
    for suffix in ("svg", "png", "pdf"):
        assert stem.with_suffix(f".{suffix}").stat().st_size > 1000


@pytest.mark.parametrize("figure", CASES)
def test_published_points_stand_beside_ours_only_at_the_papers_protocol(tmp_path, figure):
    rows = table(*CASES[figure], rank=falling)
    drawn, _, _ = make(tmp_path, f"{PAPER}/{figure}", rows)
    theirs = published.points(PAPER, figure.removeprefix("fig0"))
    wanted = theirs[theirs["series"].isin(["average", "train_acc", "test_acc"])]
    got = drawn[drawn["series"] == "published"]
    assert sorted(got["mean"]) == pytest.approx(sorted(wanted["y"]))
    drawn, _, _ = make(tmp_path, f"{PAPER}/{figure}", rows.assign(epochs=32), scale="small")
    assert "published" not in set(drawn["series"])


def test_the_same_table_gives_the_same_bytes(tmp_path):
    rows = table(*CASES["fig07"], rank=falling)
    stems = [make(tmp_path / name, f"{PAPER}/fig07", rows)[2] for name in ("a", "b")]
    for suffix in ("svg", "png", "pdf", "csv"):
        one, other = (s.with_suffix(f".{suffix}").read_bytes() for s in stems)
        assert one == other, suffix


def test_the_caption_says_n_what_differs_and_what_diverged():
    rows = table([32], [0.1], DECAYS, rank=falling, width=50)
    rows.loc[rows["run"] == rows["run"].iloc[0], "diverged_step"] = 7
    text = figures.caption(f"{PAPER}/fig07", "small", rows, {"width": 100, "epochs": 500})
    assert "18 runs, n = 3 seeds per setting" in text
    fewer = rows[(rows["weight_decay"] > 0) | (rows["seed"] == 0)]
    text_of_fewer = figures.caption(f"{PAPER}/fig07", "small", fewer, {})
    assert "16 runs, n = 1 to 3 seeds per setting. Band: smallest to largest seed" in text_of_fewer
    assert "1 diverged" in text
    assert "differs from the paper in width 50 (100)." in text
    assert "Code: src/implicitbias/figures/galanti2025rank/fig07.py" in text


def test_a_diverged_seed_is_missing_not_zero():
    with style.look():
        fig, ax = style.plt.subplots()
        rows = pd.DataFrame({"x": [1, 1, 2, 2], "value": [4.0, np.nan, np.nan, np.nan]})
        style.band(ax, rows, "x", "rank", style.SERIES["average"], "panel")
        drawn = style.plotted(fig)
    assert list(drawn["n"]) == [1, 0]
    assert drawn["mean"].tolist()[0] == 4.0
    assert np.isnan(drawn["mean"].tolist()[1])


def wide(at_03):
    """A table of figure 6 whose rank at tolerance 0.3 is given."""
    base = {
        "dataset": "mnist5k", "depth": 2, "width": 5000, "epochs": 1, "momentum": 0.0,
        "batch_size": 6, "lr": 0.1, "weight_decay": 0.08, "diverged_step": np.nan, "pack": "p",
        "lr_milestones": "[]", "lr_factor": 1.0,
    }  # fmt: skip
    found = []
    for seed, epoch in itertools.product((0, 1, 2), (0, 1)):
        run = {**base, "run": f"r{seed}", "seed": seed, "epoch": epoch,
               "step": 1000 * epoch}  # fmt: skip
        values = {"rank_spec_3e-1": at_03, "rank_spec_5e-1": 5, "rank_spec_7e-1": 5,
                  "rank_fro_1e-3": 900 if epoch == 0 else 100 + seed}  # fmt: skip
        for (m, v), layer in itertools.product(values.items(), ("layer0", "layer1", "average")):
            found.append({**run, "metric": m, "layer": layer, "value": v})
        for m in ("train_accuracy", "test_accuracy"):
            found.append({**run, "metric": m, "layer": "network", "value": 0.5})
    return pd.DataFrame(found)


def test_figure_6_judges_the_bound(tmp_path):
    """Ranks just under and just over the theorem's bound: B log(2/eps) / (lr wd) = 1423 for .3."""
    _, claims, _ = make(tmp_path, f"{PAPER}/fig06", wide(1400), scale="small")
    assert {c.verdict for c in claims} == {"holds"}
    with pytest.raises(UserError, match="no rank at tolerance 0.3 exceeds .* does not hold"):
        make(tmp_path, f"{PAPER}/fig06", wide(1450), scale="small")
    narrow = wide(1400).assign(width=1000)
    found = {c.id: c.verdict for c in make(tmp_path, f"{PAPER}/fig06", narrow)[1]}
    assert found["theorem-0.3"] == "not tested"  # 1423 is more than any rank
    assert found["theorem-0.7"] == "holds"
