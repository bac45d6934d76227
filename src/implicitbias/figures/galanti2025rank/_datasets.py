"""What figures 14 and 15 share: ResNet-18 on six other data sets, those that are there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from . import _convnets, _rank_claims

NAMES = {
    "svhn": "SVHN", "food101": "Food101", "imagenette": "Imagenette", "mnist": "MNIST",
    "mnist5k": "MNIST, 5,000 images", "fashion_mnist": "FashionMNIST", "places365": "Places365",
}  # fmt: skip
PARTS = {
    "svhn": "svhn", "food101": "food101", "imagenette": "imagenette", "mnist": "mnist",
    "mnist5k": "mnist", "fashion_mnist": "fashion-mnist", "places365": "places365",
}  # of ids  # fmt: skip
CLASSES = {"food101": 101, "places365": 365}  # of the others ten
PAPER = {
    **{k: v for k, v in _convnets.RESNET.items() if k != "dataset"}, "negative_slope": 0.0,
    "batch_size": [16], "lr": [0.1, 0.5, 1, 2], "weight_decay": [5e-4],
}  # fmt: skip


def layout(figure: str, datasets: Sequence[str], table: pd.DataFrame) -> _convnets.Layout:
    """Return a column for each data set, there or not; mnist5k stands in for mnist."""
    there = set() if table.empty else set(table["dataset"])
    shown = ["mnist5k" if d == "mnist" and "mnist5k" in there else d for d in datasets]
    return _convnets.Layout(
        figure, PAPER, by=("dataset",), x="lr", layers=(1, 4, 8, 11), log=False,
        as_published="rank_fro_1e-3", panel=NAMES.__getitem__, title=NAMES.__getitem__,
        values=tuple(shown),
    )  # fmt: skip


def claims(table: pd.DataFrame, figure: str, datasets: Sequence[str]) -> list[Claim]:
    """On each data set larger rates lower the rank, and not without decay; or it is not there."""
    of = layout(figure, datasets, table)
    metric, found = of.judged(table), []
    for dataset in of.columns(table):
        runs, name = of.of(table, dataset), (f", {NAMES[str(dataset)]}", f"-{PARTS[str(dataset)]}")
        least = 2 / CLASSES.get(str(dataset), 10)
        found.append(_rank_claims.falls(runs, of, "lr", (), name, metric, least))
        if len(runs):
            found.append(_rank_claims.flat_without_decay(runs, of, "lr", (), name, metric, least))
    return found + _rank_claims.fidelity(table, of)


def draw(table: pd.DataFrame, figure: str, datasets: Sequence[str]) -> Figure:
    """Draw panels, a column for each of the data sets, against learning rate."""
    return _convnets.draw(table, layout(figure, datasets, table))
