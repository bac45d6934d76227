"""What the figures on neural collapse share: settings, the panels and their measures, values."""

from __future__ import annotations

import pandas as pd

from .. import style

# measure -> what the legend says; colour and marker by meaning, the same in every panel.
PANELS: dict[str, dict[str, str]] = {
    "NC1": {"nc1": "nc1", "nc1_quotient": "quotient", "cdnv": "cdnv"},
    "NC2, norms": {
        "nc2_equinorm_features": "features, centred",
        "nc2_equinorm_features_uncentred": "features, uncentred",
        "nc2_equinorm_weights": "weights",
    },
    "NC2, angles": {
        "nc2_equiangle_features": "features, centred",
        "nc2_equiangle_features_uncentred": "features, uncentred",
        "nc2_equiangle_weights": "weights, simplex",
        "nc2_equiangle_weights_orthogonal": "weights, orthogonal",
    },
    "NC3": {"nc3": "centred", "nc3_uncentred": "uncentred"},
    "NC4": {"nc4": "mismatch"},
}
LOOKS: dict[str, tuple[str, str]] = {
    "nc1": (style.BLACK, "o"), "quotient": (style.ORANGE, "D"), "cdnv": (style.SKY, "v"),
    "features, centred": (style.BLUE, "o"), "centred": (style.BLUE, "o"),
    "features, uncentred": (style.VERMILION, "s"), "uncentred": (style.VERMILION, "s"),
    "weights": (style.GREEN, "P"), "weights, simplex": (style.GREEN, "P"),
    "weights, orthogonal": (style.PURPLE, "X"), "mismatch": (style.BLACK, "o"),
}  # fmt: skip
WORDS = {"one_hot": "one-hot", "centred": "centred"}
# The measures that can go to 0 where targets are one-hot and the network has no biases: its
# features and weights go to an orthogonal frame, centred targets' to a simplex.
FRAME = {
    "one_hot": (
        "nc2_equinorm_features_uncentred", "nc2_equinorm_weights",
        "nc2_equiangle_features_uncentred", "nc2_equiangle_weights_orthogonal",
    ),
    "centred": (
        "nc2_equinorm_features", "nc2_equinorm_weights",
        "nc2_equiangle_features", "nc2_equiangle_weights",
    ),
}  # fmt: skip
DUAL = {"one_hot": "nc3_uncentred", "centred": "nc3"}


def with_setting(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column `setting`, such as `two classes, unit norms`."""
    norms = table["normalisation"].map({"lagrange": "unit norms", "none": "free norms"})
    two = table["classes"].notna()
    kinds = two.map({True: "two", False: "ten"}) + " classes, "
    return table.assign(setting=kinds + norms.where(two, table["targets"].map(WORDS)))


def at(rows: pd.DataFrame, metric: str, decays: bool, first: bool = False) -> pd.Series:
    """Return a measure at the end (or untrained) by seed; `rows` have one setting, a run a seed."""
    part = rows[(rows["metric"] == metric) & ((rows["weight_decay"] > 0) == decays)]
    edge = part.groupby("run")["epoch"].transform("min" if first else "max")
    values: pd.Series = part[part["epoch"] == edge].set_index("seed")["value"]
    return values
