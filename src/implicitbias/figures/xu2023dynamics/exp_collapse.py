"""Neural collapse against epochs: NC1 to NC4 and quasi-interpolation, with and without decay.

The claim is recalled from an abstract: minima with weight decay collapse, decay is necessary. From
the authors' code: the measures, the lr of 0.067 divided by ten at thirds of training, momentum 0.9.
Unit norms: layers but the last of norm 1, as recalled, decay on the last; stand-in: four narrow
convolutions without biases. Free norms: decay on every layer; a perceptron, 3 x 64 without biases,
with a fifth of the rate and five times the decay for two classes: MSE averages over C outputs.

Three measures go by the name NC1. `nc1`: tr(Sigma_W Sigma_B^+), not divided by C. `quotient`:
tr Sigma_W / tr Sigma_B. `cdnv`: mean over pairs of (v_i + v_j) / (2 ||mu_i - mu_j||^2). NC2: norms
(std / mean) and cosines (against -1/(C-1), a simplex; uncentred and orthogonal, against 0).

Two traps. For two classes the centred means are opposite whatever the network does, so NC2 of
centred features is 0 before training; only weights and uncentred means say anything. Networks
without biases and with one-hot targets go, as decay goes to 0, to an orthogonal frame of uncentred
means. With ten classes that is not seen here: with this decay the other outputs still hold most of
eps (off / on below), so the rows of W nearly sum to 0 and align with the centred means.

SQI, symmetric quasi-interpolation: all examples miss their target by the same eps, which the other
outputs share: `on` = mean eps, `off` = (C - 1) x mean other output, `spread` = std / mean. The
misses are not equal here. The convolutions do not collapse in these 1,200 updates, and a single run
of 18,000 came to nc1 0.05 and NC3 0.6 only. The perceptron's runs were added, and their decay and
length chosen, when that had been seen, by runs of another seed; the thresholds stayed.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import worst
from .. import style
from . import _collapse

PAPER: dict[str, Any] = {
    "dataset": "cifar10", "batch_size": 128, "momentum": 0.9, "lr": 0.067, "epochs": 750,
}  # fmt: skip
FIGURE = "xu2023dynamics/exp_collapse"
SETTINGS = {
    "two classes, unit norms": "one_hot", "two classes, free norms": "one_hot",
    "ten classes, one-hot": "one_hot", "ten classes, centred": "centred",
}  # fmt: skip
PARTS = {
    "two classes, unit norms": "two-unit-norms", "two classes, free norms": "two-free-norms",
    "ten classes, one-hot": "ten-one-hot", "ten classes, centred": "ten-centred",
}  # of ids  # fmt: skip
TEN, TEN_CENTRED = (list(SETTINGS)[i] for i in (2, 3))
PANELS = {
    **_collapse.PANELS,
    "SQI": {"sqi_on_target": "on target", "sqi_off_target": "off target"},
    "SQI, spread": {"sqi_spread_on": "on target", "sqi_spread_off": "off target"},
}
LOOKS = {
    **_collapse.LOOKS, "on target": (style.BLUE, "s"), "off target": (style.VERMILION, "^"),
}  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge collapse with decay, less without it; and the two traps."""
    rows = _collapse.with_setting(table)
    judged: list[Claim] = []
    for setting, targets in SETTINGS.items():
        judged += _of_setting(rows[rows["setting"] == setting], setting, targets)
    return judged + _traps(rows)


def _of_setting(rows: pd.DataFrame, words: str, targets: str) -> list[Claim]:
    """NC1 falls and needs decay; NC2, NC3 and NC4 are near 0; the misses are equal."""
    nc1 = _collapse.at(rows, "nc1", True)
    untrained = _collapse.at(rows, "nc1", True, first=True)
    without = _collapse.at(rows, "nc1", False)
    frame = _collapse.FRAME[targets]
    nc2 = pd.concat([_collapse.at(rows, n, True) for n in frame], axis=1).max(axis=1)
    checks = [
        ("nc1-falls", nc1 / untrained, 0.1, "nc1 at the end / untrained",
         "NC1 falls to a tenth with decay"),
        ("nc1-needs-decay", nc1 / without, 0.5, "nc1 with / without decay",
         "decay at least halves NC1"),
        ("nc2", nc2, 0.1, f"largest of {', '.join(frame)}", "NC2 ends below 0.1 with decay"),
        ("nc3", _collapse.at(rows, _collapse.DUAL[targets], True), 0.1, _collapse.DUAL[targets],
         "NC3 ends below 0.1 with decay"),
        ("nc4", _collapse.at(rows, "nc4", True), 0.01, "nc4", "NC4 ends below 0.01 with decay"),
        ("misses-equal", _collapse.at(rows, "sqi_spread_on", True), 0.25, "sqi_spread_on",
         "the examples miss their targets equally, to a quarter, with decay"),
    ]  # fmt: skip
    return [_judged(words, *check) for check in checks]


def _judged(
    words: str, part: str, values: pd.Series, limit: float, statistic: str, claim: str
) -> Claim:
    return judge(
        Statistic.of(statistic, values), figure=FIGURE, kind="paper", id=f"{part}-{PARTS[words]}",
        at_most=limit, claim=f"{words}: {claim}",
    )  # fmt: skip


def _traps(rows: pd.DataFrame) -> list[Claim]:
    """NC2 is vacuous for two classes; which alignment and which SQI follow from the targets."""
    names = ["nc2_equinorm_features", "nc2_equiangle_features"]
    vacuous = rows[rows["setting"].str.startswith("two") & rows["metric"].isin(names)]
    judged = [
        worst(vacuous, figure=FIGURE, kind="paper", id="nc2-vacuous-two-classes", at_most=1e-6,
                     statistic="NC2 of centred features",
                     claim="two classes: NC2 of centred features is 0 at every epoch, untrained"
                           " networks included: it says nothing"),
    ]  # fmt: skip
    for words in (TEN, TEN_CENTRED):
        part = rows[rows["setting"] == words]
        one, other = (_collapse.at(part, n, True) for n in ("nc3", "nc3_uncentred"))
        shares = [_collapse.at(part, f"sqi_{w}_target", True) for w in ("off", "on")]
        off = shares[0] / shares[1]
        if words == TEN:
            judged += [
                _judged(words, "aligned-with-means", other / one, 0.5, "nc3_uncentred / nc3",
                        "weights align with the means as they are, not with the centred ones"),
                _judged(words, "other-outputs-at-0", off, 0.5, "off / on of SQI",
                        "the other outputs go to 0, not to eps / (C - 1)"),
            ]  # fmt: skip
        else:
            judged += [
                _judged(words, "aligned-with-centred-means", one / other, 0.5,
                        "nc3 / nc3_uncentred", "weights align with the centred means"),
                _judged(words, "other-outputs-share", (off - 1).abs(), 0.1, "|off / on - 1| of SQI",
                        "the other outputs share eps evenly"),
            ]  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw a column per setting, a row per measure; solid with decay, dashed without."""
    fig, axes = plt.subplots(
        len(PANELS), len(SETTINGS), figsize=(style.PAGE, 8.6), sharex="col", sharey="row",
        layout="constrained",
    )  # fmt: skip
    rows = _collapse.with_setting(table)
    for j, setting in enumerate(SETTINGS):
        part = rows[rows["setting"] == setting]
        for i, panel in enumerate(PANELS):
            _curves(axes[i][j], part, panel, f"{setting}, {panel}")
        axes[0][j].set_title(setting.replace(", ", ",\n"))
        axes[-1][j].set_xlabel("epoch")
        if setting.startswith("two"):
            for i in (1, 2):
                axes[i][j].text(0.5, 0.92, "centred: always 0", fontsize=6, ha="center",
                                transform=axes[i][j].transAxes)  # fmt: skip
    for i, panel in enumerate(PANELS):
        axes[i][0].set_ylabel(panel)
        axes[i][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    fig.suptitle("solid: with weight decay; dashed: without", fontsize=8)
    return fig


def _curves(ax: Axes, rows: pd.DataFrame, panel: str, name: str) -> None:
    for metric, label in PANELS[panel].items():
        for decays, part in rows[rows["metric"] == metric].groupby(rows["weight_decay"] > 0):
            shown, line = (label, "-") if decays else (f"_{label}", "--")
            style.band(ax, part, "epoch", shown, LOOKS[label], f"{name}, decay {decays}",
                       linestyle=line, markersize=2.5)  # fmt: skip
    if panel in ("NC1", "SQI, spread"):
        ax.set_yscale("log")
    elif panel == "SQI":
        ax.set_yscale("symlog", linthresh=1e-2)
