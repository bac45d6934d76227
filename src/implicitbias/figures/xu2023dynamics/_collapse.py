"""What the figures on neural collapse share: settings, the panels and their measures, values."""

from __future__ import annotations

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
