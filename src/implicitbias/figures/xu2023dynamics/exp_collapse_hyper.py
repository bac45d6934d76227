"""Neural collapse at the end of training, against batch size, learning rate and weight decay.

The paper has no such figure. The networks have ten classes, one-hot targets and batch
normalisation. One of the three hyper-parameters varies at a time around the middle of the grid,
always over the same number of epochs, so larger batches take fewer steps. The caption of figure 9
defines the measures. In addition, `quotient` is tr Sigma_W / tr Sigma_B, and `cdnv` is the variance
of pairs of classes over their distance.

With the largest decay NC1 over C, all four NC2 and NC3 come near zero; without decay none of them
does. The paper states no direction along batch size or learning rate. The claims judge the
directions of the low-rank bias, more collapse for smaller batches and for larger learning rates,
for NC1 and for NC3. NC3 is the distance of the last layer from the class means, both centred and as
they are. All claims are judged in the terminal phase: every compared network fits, and its loss has
settled.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim
from ...analysis.judge import judge, trend
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from .. import style
from . import _collapse

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9, "epochs": 750}
FIGURE = "xu2023dynamics/exp_collapse_hyper"
CHOSEN = "threshold and regime chosen with seeds 100 to 102, which are not judged"
WORDS = {"batch_size": "batch size", "lr": "learning rate", "weight_decay": "weight decay"}
PARTS = {
    "nc1": "nc1", "nc3": "nc3", "nc3_uncentred": "nc3-uncentred", "batch_size": "batch-size",
    "lr": "lr", "weight_decay": "decay",
}  # of ids  # fmt: skip
JUDGED = {"nc1": "NC1", "nc3": "NC3, centred", "nc3_uncentred": "NC3, uncentred"}
NC2 = (
    "nc2_equinorm_features", "nc2_equinorm_weights", "nc2_equiangle_features",
    "nc2_equiangle_weights",
)  # fmt: skip
# what comes near zero: its metrics, what is measured, the largest value that is near zero
NEAR = {
    "nc1": (("nc1",), "NC1 / C", 0.01),
    "nc2": (NC2, "largest of the four NC2", 0.05),
    "nc3": (("nc3",), "NC3", 0.05),
}
CLASSES = 10
FARTHER = 2.0  # times as far from zero without decay


def against(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return the final values of the runs that differ from the middle of the grid only in x."""
    rows = final(table)
    runs = rows.drop_duplicates("run")
    for field in WORDS:
        if field != x:
            rows = rows[rows[field] == runs[field].mode().iloc[0]]
    return rows


def distances(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: its weight decay and seed, and each distance from zero of NEAR."""
    found = rows.drop_duplicates("run").set_index("run")[["seed", "weight_decay"]]
    for name, (metrics, _, _) in NEAR.items():
        value = rows[rows["metric"].isin(metrics)].groupby("run")["value"]
        found[name] = value.agg(lambda v: v.max(skipna=False)) / (CLASSES if name == "nc1" else 1)
    return found.reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge how near each measure comes to zero, and the directions of the low-rank bias."""
    judged = _near_zero(table)
    for metric, words in JUDGED.items():
        for x, said in WORDS.items():
            rows = against(table, x)
            judged.append(trend(
                rows[rows["metric"] == metric], figure=FIGURE, x=x,
                direction="rises" if x == "batch_size" else "falls",
                kind="ours", id=f"{PARTS[metric]}-with-{PARTS[x]}",
                claim=f"{words} {'rises' if x == 'batch_size' else 'falls'} with {said}",
                regime=_phase(table, rows), note=CHOSEN,
            ))  # fmt: skip
    return judged


def _near_zero(table: pd.DataFrame) -> list[Claim]:
    rows = against(table, "weight_decay")
    runs = distances(rows)
    most = runs["weight_decay"].max()
    ends = {decay: runs[runs["weight_decay"] == decay].set_index("seed") for decay in (0.0, most)}
    compared = rows[rows["weight_decay"].isin([0.0, most])]
    regime = _phase(table, compared)
    found = []
    for name, (_, words, near) in NEAR.items():
        found += [
            judge(Statistic.of(f"{words}, largest decay", ends[most][name]),
                  figure=FIGURE, kind="paper", id=f"{name}-near-zero-with-decay", at_most=near,
                  regime=regime, reference="abstract; theorem 5", note=CHOSEN,
                  claim=f"{name.upper()} comes near zero with weight decay"),
            judge(Statistic.of(f"{words}, without / with the largest decay",
                               ends[0.0][name] / ends[most][name], log=True),
                  figure=FIGURE, kind="control", id=f"{name}-needs-decay", at_least=FARTHER,
                  regime=regime, note=CHOSEN,
                  claim=f"{name.upper()} stays farther from zero without weight decay"),
        ]  # fmt: skip
    return found


def _phase(table: pd.DataFrame, rows: pd.DataFrame) -> list[Any]:
    """Return the condition that the runs of some rows are in the terminal phase."""
    return regimes.terminal(table[table["run"].isin(rows["run"])], _collapse.SETTLED)


def draw(table: pd.DataFrame) -> Figure:
    """Draw a row per measure and a column per hyper-parameter.

    Weight decay 0 is drawn at a third of the smallest positive weight decay.
    """
    rows = final(table)
    still = rows.loc[rows["metric"] == "nc4", "value"].max() == 0
    panels = {name: m for name, m in _collapse.PANELS.items() if not (still and name == "NC4")}
    fig, axes = plt.subplots(
        len(panels), len(WORDS), figsize=(style.PAGE, 1.3 * len(panels)), sharex="col",
        sharey="row", layout="constrained",
    )  # fmt: skip
    if still:
        style.remark(fig, "NC4 is 0 in every run: no row")
    for j, (x, words) in enumerate(WORDS.items()):
        _column([row[j] for row in axes], against(table, x), x, words, panels)
    for row, panel in zip(axes, panels, strict=True):
        row[0].set_ylabel(panel)
        row[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        if panel == "NC1":
            row[0].set_yscale("log")
        else:
            row[0].set_ylim(bottom=0)
    return fig


def _column(
    axes: list[Axes], rows: pd.DataFrame, x: str, words: str, panels: dict[str, dict[str, str]]
) -> None:
    values = sorted(rows[x].unique())
    places = {v: v or values[1] / 3 for v in values} if len(values) > 1 else {}
    for ax, (panel, measures) in zip(axes, panels.items(), strict=True):
        for metric, label in measures.items():
            part = rows[rows["metric"] == metric]
            style.band(ax, part, x, label, _collapse.LOOKS[label], f"{panel} against {words}",
                       places, geometric=panel == "NC1")  # fmt: skip
    axes[-1].set(xscale="log", xlabel=words)
    axes[-1].set_xticks([places.get(v, v) for v in values], [f"{v:g}" for v in values])
    axes[-1].minorticks_off()
