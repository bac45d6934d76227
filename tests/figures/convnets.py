"""Tables of convolutional networks at the rank paper's protocol, with a known answer."""

import importlib
import itertools

import numpy as np
import pandas as pd

from implicitbias import figures
from implicitbias.analysis.claims import read_claims
from implicitbias.analysis.tables import write
from implicitbias.figures import style

PAPER = "galanti2025rank"
PROTOCOL = {
    "dataset": "cifar10", "model": "resnet18", "width": 64, "stem_stride": 1, "epochs": 500,
    "momentum": 0.0, "lr_milestones": "[60, 100, 200]", "lr_factor": 0.2, "diverged_step": np.nan,
    "pack": "p", "negative_slope": 0.01,
}  # fmt: skip
RANKS = ("rank_fro_1e-3", "rank_fro_5e-2")
SIZES = (4, 8, 16, 32, 64, 128)
RATES = (0.1, 0.5, 1, 2)


def grid(sizes, rates, decays):
    """Runs as (batch_size, lr, weight_decay), with the control."""
    return list(itertools.product(sizes, rates, [0, *decays]))


def falling(b, lr, wd):
    """A rank that falls with lr, weight decay and 1 / b, and is full without decay."""
    return 220 / (1 + 1e7 * lr * wd / b) ** 0.2


def table(runs, rank=falling, seeds=(0, 1, 2), epoch=500, accuracy=0.999, **fields):
    """Average and layers' ranks `rank(b, lr, wd)`, seeds a thousandth apart; accuracies."""
    rows = []
    for (b, lr, wd), seed in itertools.product(runs, seeds):
        run = {
            **PROTOCOL, **fields, "run": f"sgd-{b}-{lr}-{wd}-{seed}", "seed": seed,
            "batch_size": b, "lr": lr, "weight_decay": wd, "epoch": epoch,
            "step": epoch * 50_000 // b,
        }  # fmt: skip
        layers = ["average", *(f"layer{i}" for i in range(17))]
        value = rank(b, lr, wd) * (1 + seed / 1000)
        for metric, layer in itertools.product(RANKS, layers):
            rows.append({**run, "metric": metric, "layer": layer, "value": value})
        for metric in RANKS:
            untrained = {"metric": metric, "layer": "average", "value": 230.0, "epoch": 0}
            rows.append({**run, **untrained, "step": 0})
        test = accuracy * (1 - b / 1e4)
        for metric, value in (("train_accuracy", accuracy), ("test_accuracy", test)):
            rows.append({**run, "metric": metric, "layer": "network", "value": value})
    return pd.DataFrame(rows)


def make(folder, key, rows, scale="paper"):
    """The plotted numbers and the claims of a figure drawn from `rows`."""
    folder.mkdir(exist_ok=True)
    write(folder / "t.parquet", rows)
    stem = folder / "out" / key
    figures.make(f"{PAPER}/{key}", scale, folder / "t.parquet", folder / "c.json", stem)
    assert stem.with_suffix(".png").stat().st_size > 1000
    return pd.read_csv(stem.with_suffix(".csv")), read_claims(folder / "c.json")


def judged(key, rows, paper=PAPER):
    """The claims alone, without drawing."""
    return importlib.import_module(f"implicitbias.figures.{paper}.{key}").claims(rows)


def verdicts(claims, *words):
    """The verdicts of the claims with all these words."""
    found = {c.verdict for c in claims if all(w in c.claim for w in words)}
    assert found, words
    return found


def plotted(key, rows, paper=PAPER):
    """The plotted numbers alone, without files."""
    module = importlib.import_module(f"implicitbias.figures.{paper}.{key}")
    with style.look():
        figure = module.draw(rows)
        style.plt.close(figure)
        return style.plotted(figure)


def drawn_without_files(key, rows):
    """Draw, and lay out, which is where Matplotlib finds faults."""
    module = importlib.import_module(f"implicitbias.figures.{PAPER}.{key}")
    with style.look():
        figure = module.draw(rows)
        figure.draw_without_rendering()
        style.plt.close(figure)
