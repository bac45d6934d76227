"""What figures 14 and 15 share: ResNet-18 on six other data sets, those that are there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from ...analysis.claims import Claim, Statistic, judge
from . import _sweep, _sweep_claims

NAMES = {
    "svhn": "SVHN", "food101": "Food101", "imagenette": "Imagenette", "mnist": "MNIST",
    "mnist5k": "MNIST, 5,000 images", "fashion_mnist": "FashionMNIST", "places365": "Places365",
}  # fmt: skip
PAPER = {
    **{k: v for k, v in _sweep.RESNET.items() if k != "dataset"}, "negative_slope": 0.0,
    "batch_size": [16], "lr": [0.1, 0.5, 1, 2], "weight_decay": [5e-4],
}  # fmt: skip


def sweep(figure: str, datasets: Sequence[str], table: pd.DataFrame) -> _sweep.Sweep:
    """A column for each data set, there or not; mnist5k stands in for mnist."""
    there = set() if table.empty else set(table["dataset"])
    shown = ["mnist5k" if d == "mnist" and "mnist5k" in there else d for d in datasets]
    return _sweep.Sweep(
        figure, PAPER, by=("dataset",), x="lr", layers=(1, 4, 8, 11), log=False,
        as_published="rank_fro_1e-3", panel=NAMES.__getitem__, title=NAMES.__getitem__,
        values=tuple(shown),
    )  # fmt: skip


def claims(table: pd.DataFrame, figure: str, datasets: Sequence[str]) -> list[Claim]:
    """On each data set larger rates lower the rank, and not without decay; or it is not there."""
    of = sweep(figure, datasets, table)
    found = []
    for dataset in of.columns(table):
        part, name = of.of(table, dataset), NAMES[str(dataset)]
        if part.empty:
            missing = Statistic("none: no runs", {}, f"{name} is not available")
            claim = f"average rank falls as the learning rate grows, {name}"
            found.append(judge(missing, figure=of.key, claim=claim, at_most=-0.5))
            continue
        found += _sweep_claims.falls(part, of.key, "lr", (), f", {name}")
        found += _sweep_claims.flat_without_decay(part, of.key, "lr", (), f", {name}")
    return found + _sweep_claims.fidelity(table, of)


def draw(table: pd.DataFrame, figure: str, datasets: Sequence[str]) -> Figure:
    """Columns: data sets; x: learning rate."""
    return _sweep.draw(table, sweep(figure, datasets, table))
