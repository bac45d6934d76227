"""What the figures on neural collapse share: settings, panels with their measures, and values."""

from __future__ import annotations

from .. import style

# How far the loss may move in the last fifth of training, for it to have settled. There it is near
# a hundredth of its first value, and evaluated with the running means of batch normalisation, which
# move it by up to an eighth (seeds 100 to 102 at scale small); 5% would ask that they do not.
SETTLED = 0.25

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
