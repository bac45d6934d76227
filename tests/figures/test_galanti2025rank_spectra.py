"""Figures 5 and 17-19: norms that decay or settle, spectra that cross at one place or not."""

import json

import numpy as np
import pandas as pd
import pytest
from convnets import PROTOCOL, SIZES, drawn_without_files, judged, make, verdicts

from implicitbias.figures.galanti2025rank import _norms, _spectra

EPOCHS, STEPS, MILESTONES = 6, 7, [3, 5]
NORMS = {"fig05": ("lr", [0.01, 0.1, 0.5, 1], 5), "fig17": ("batch_size", [8, 16, 32, 64], 4)}


def trajectory(lr, wd, gain):
    """||W|| after each epoch where a step multiplies it by (1 - lr_t wd) and then by `gain`."""
    norm, found = 3.0, [3.0]
    for epoch in range(1, EPOCHS + 1):
        for _ in range(STEPS):
            norm *= (1 - lr * 0.2 ** sum(epoch >= m for m in MILESTONES) * wd) * gain
        found.append(norm)
    return found


def norm_table(column, values, gain=1.0, wd=5e-2, every=1):
    rows = []
    for value in values:
        for decay in (0, wd):
            for seed in (0, 1, 2):
                run = {
                    **PROTOCOL, "run": f"{value}-{decay}-{seed}", "seed": seed, "lr": 0.1,
                    "batch_size": 8, "weight_decay": decay, "lr_milestones": json.dumps(MILESTONES),
                    column: value, "metric": "fro_norm",
                }  # fmt: skip
                norms = trajectory(run["lr"], decay, gain)
                for epoch in range(0, EPOCHS + 1, every):
                    at = {"epoch": epoch, "step": epoch * STEPS, "value": norms[epoch]}
                    rows += [{**run, **at, "layer": f"layer{i}"} for i in range(17)]
                    rows.append({**run, **at, "layer": "head", "value": 1e3 + epoch})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_pure_decay_is_one_and_a_settled_norm_is_zero(every):
    """Against a loop over the steps, whatever the records' distance and the schedule between."""
    rows = _norms.ratios(norm_table("lr", [0.01, 1], every=every))
    decayed = rows[rows["weight_decay"] > 0]
    assert decayed["of_decay"].to_numpy() == pytest.approx(1, abs=1e-9)  # rounding of the loop
    assert rows[rows["weight_decay"] == 0]["of_decay"].isna().all()
    still = norm_table("lr", [0.01, 1], every=every)
    still["value"] = 2.5
    rows = _norms.ratios(still)
    assert (rows[rows["weight_decay"] > 0]["of_decay"] == 0).all()
    assert (rows["ratio"] == 1).all()
    assert len(rows) == 2 * 2 * 3 * 17 * (EPOCHS // every)


def test_pure_decay_follows_the_schedule_that_the_runs_had():
    """A cosine over EPOCHS, whose rates are written out."""
    flat = norm_table("lr", [1], every=1)
    run = flat[(flat["run"] == flat.iloc[-1]["run"]) & (flat["layer"] == "layer0")]
    rates = [0.5 * (1 + np.cos(np.pi * e / EPOCHS)) for e in range(EPOCHS)]
    decay = run["weight_decay"].iloc[0]
    norms = np.cumprod([1.0, *((1 - run["lr"].iloc[0] * r * decay) ** STEPS for r in rates)])
    cosine = run.assign(value=norms, lr_schedule="cosine", lr_milestones="[]")
    assert _norms.ratios(cosine)["of_decay"].to_numpy() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("figure", NORMS)
def test_ratios_near_one_are_not_settled_norms(tmp_path, figure):
    """Slow pure decay is near 1 whatever is true: it tests nothing, and no norm has settled."""
    column, values, layers = NORMS[figure]
    drawn, claims = make(tmp_path, figure, norm_table(column, values, wd=1e-4))
    assert verdicts(claims, "within 0.05 of 1") == {"not tested"}
    assert verdicts(claims, "half the rate of pure decay") == {"fails"}
    assert len(claims) == 8
    names = {s for s in drawn["series"] if s.startswith("layer")}
    assert len(names) == layers
    # Decay alone would leave far less than 0.95 at the record before the last cut.
    strong = {"wd": 0.5, "every": max(MILESTONES) - 1}
    settled = norm_table(column, values, **strong)
    settled["value"] = 1.0 + settled["epoch"] * 1e-9
    claims = judged(figure, settled)
    assert verdicts(claims, "") == {"holds"}
    settled.loc[settled["epoch"] >= max(MILESTONES), "value"] = 5.0  # after it: not looked at
    assert verdicts(judged(figure, settled), "") == {"holds"}
    claims = judged(figure, norm_table(column, values, **strong))
    assert verdicts(claims, "") == {"fails"}


def spectrum(n, b, at, move=0.0):
    """Straight lines on the log axis, steeper for small batches, that meet at one index."""
    meet = at + move * np.log2(b) ** 2
    return np.exp((meet - np.arange(n)) / n * 8 / np.log2(b))


def spectra_table(layers, control=True, move=0.0, effect=True, n=32):
    rows = []
    for b in SIZES:
        for wd in (0, 5e-4) if control else (5e-4,):
            for seed in (0, 1, 2):
                run = {
                    **PROTOCOL, "run": f"{b}-{wd}-{seed}", "seed": seed, "batch_size": b,
                    "lr": 5e-3, "weight_decay": wd, "metric": "singular_values", "value": np.nan,
                    "epoch": 500, "step": 1,
                }  # fmt: skip
                size = b if effect and wd else 4
                values = spectrum(n, size, 10, move if wd else 0.0)
                rows += [{**run, "layer": f"layer{i}", "values": values} for i in layers]
                fits = {"metric": "train_accuracy", "layer": "network", "value": 1.0}
                rows.append({**run, **fits, "values": None})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("figure", "layers", "last"), [("fig18", 17, 15), ("fig19", 13, 12)])
def test_spectra_that_tilt_around_one_index(tmp_path, figure, layers, last):
    drawn, claims = make(tmp_path, figure, spectra_table(range(layers)))
    assert verdicts(claims, "") == {"holds"}
    assert {*drawn["panel"]} == {f"layer {i}" for i in range(1, last + 1)}
    assert len(drawn[(drawn["panel"] == "layer 1") & (drawn["series"] == "B = 8")]) == 32
    claims = judged(figure, spectra_table(range(layers), effect=False))
    assert verdicts(claims, "singular value") == {"fails"}
    claims = judged(figure, spectra_table(range(layers), move=-0.2))
    assert verdicts(claims, "cross at nearly one index") == {"fails"}


def drawn_rows(table):
    return table[table["metric"] == "singular_values"]


def test_the_crossing_is_that_of_the_drawn_lines():
    """Lines through one index have no spread; moved with the batch, that of a count by hand."""
    rows = drawn_rows(spectra_table([1], control=False))
    assert set(_spectra.crossing_spread(rows).by_seed.values()) == {0.0}
    moved = drawn_rows(spectra_table([1], control=False, move=-0.2))
    first = moved[moved["seed"] == 0].set_index("batch_size")["values"]
    counts = []
    for b in SIZES[:-1]:
        count = 0
        for ours, largest in zip(first[b], first[128], strict=True):
            if ours <= largest:
                break
            count += 1
        counts.append(count)
    spread = _spectra.crossing_spread(moved).by_seed[0]
    assert spread == (max(counts) - min(counts)) / 32
    assert spread > 0


@pytest.mark.parametrize("figure", ["fig05", "fig17", "fig18", "fig19"])
@pytest.mark.parametrize("part", ["one batch size", "no decay", "decay", "one run"])
def test_some_of_the_runs_are_drawn_and_judged(figure, part):
    rows = norm_table(*NORMS[figure][:2]) if figure in NORMS else spectra_table(range(17))
    chosen = {
        "one batch size": rows["batch_size"] == rows["batch_size"].max(),
        "no decay": rows["weight_decay"] == 0,
        "decay": rows["weight_decay"] > 0,
        "one run": rows["run"] == rows["run"].iloc[0],
    }[part]
    rows = rows[chosen].reset_index(drop=True)
    claims = judged(figure, rows)
    if part == "one run":
        assert {c.verdict for c in claims} <= {"undecided", "not tested"}
    drawn_without_files(figure, rows)
