"""What the figures of bounds share: the values that each record of a run gives to the formulas."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from ... import data
from ._dynamics import wide


@dataclass(frozen=True)
class Network:
    """A network at one record, with the values that the bounds use."""

    rho: float  # product of the norms of the kernels
    dense_rho: float  # of the norms of the matrices that the layers are: Toeplitz
    degrees: list[int]  # positions that a unit of each layer sees, first layer first
    input_square_sum: float
    pixel_square_sum: float
    raw_pixel_square_sum: float  # of images in [0, 1]; NaN where it was not recorded
    n: int  # training examples
    n_classes: int


Bound = Callable[[Network], float]


def evaluated(table: pd.DataFrame, bounds: Mapping[str, Bound], last: bool = True) -> pd.DataFrame:
    """Return a row per run, record and bound: fields, `depth` of the layers, `bound` and `value`.

    Each row also has the errors of the record, and their difference as `gap`. The value is NaN for
    a diverged run.
    """
    layers = table[table["metric"].isin(["fro_norm", "toeplitz_norm", "kernel_positions"])]
    norms = {
        at: part.pivot(index="layer", columns="metric", values="value")
        for at, part in layers.groupby(["run", "epoch"])
    }
    found = []
    for _, run in wide(table, last).iterrows():
        network = _network(run, norms[run["run"], run["epoch"]])
        errors = {s: 1 - run[f"{s}_accuracy"] for s in ("train", "test")}
        fields = {
            **run, "train_error": errors["train"], "test_error": errors["test"],
            "gap": abs(errors["test"] - errors["train"]), "layers": len(network.degrees),
        }  # fmt: skip
        whole = math.isfinite(network.rho)
        found += [
            {**fields, "bound": name, "value": bound(network) if whole else math.nan}
            for name, bound in bounds.items()
        ]
    return pd.DataFrame(found)


def _network(run: pd.Series, norms: pd.DataFrame) -> Network:
    """Return the network at a record, with `head` as the last layer (it sorts first by name)."""
    ordered = norms.loc[sorted(norms.index, key=lambda name: (name == "head", name))]
    classes, size = run["classes"], run["n_train"]
    facts = data.info(
        run["dataset"],
        preprocessing=run["preprocessing"],
        classes=json.loads(classes) if isinstance(classes, str) else None,
        n_train=None if pd.isna(size) else int(size),
    )
    return Network(
        rho=math.prod(ordered["fro_norm"]),
        dense_rho=math.prod(ordered["toeplitz_norm"]),
        degrees=[int(p) for p in ordered["kernel_positions"]],
        input_square_sum=run["input_square_sum"],
        pixel_square_sum=run["pixel_square_sum"],
        raw_pixel_square_sum=run.get("raw_pixel_square_sum", math.nan),
        n=facts.n_train,
        n_classes=1 if run["targets"] == "sign" else facts.n_classes,
    )
