"""What the paper proves of homogeneous networks, checked in trained ones at every record.

Lemmas 1 to 6 and 8 are checked on networks of one output, with targets +-1 and without biases. A
violation fails the job that measures it. Identities that hold for any weights (lemma 2 with (3),
(4), (6), and lemma 4) are checked to rounding, with gradients by autograd. Statements that hold at
rest ((7), (8), lemma 6) or where the loss vanishes (lemma 3) are checked as inequalities: the
gradient of the head, or the loss, bounds how far they may be missed.

Left: the measured value against its bound; dots lie on or below the diagonal. Middle: lemma 8, SGD
with decay. The distance of a hidden layer to the rank of one example's gradient, which is 1 for a
dense layer, is at most the least residual of an example over its margin. The paper concludes low
rank from a residual of 0 on every mini-batch. In trained networks the residual is far from 0, so
that the bound is above 1 and therefore vacuous. Right: the distance from the equilibrium rho = mu /
(M + lambda) over updates. Two further results are in the claims: the change of rho in the last
epoch without decay, and how parallel the input of the head is to the head, which lemma 5 assumes to
be exactly parallel.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import proved
from .. import style
from ._dynamics import wide

PAPER: dict[str, Any] = {"dataset": "cifar10", "classes": "[1, 2]", "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_certificates"
PROVED = {
    "lemma2_multiplier": ("multiplier", "the multiplier of every layer is rho (mu - rho M)"),
    "lemma2_rho": ("velocity-of-rho", "rho' is 2 (mu - rho (M + lambda))"),
    "lemma4": ("loss-and-velocity", "the loss is 1 - rho (rho'/2 + mu)"),
    "lemma1_rest": ("equilibrium", "rho misses mu / (M + lambda) by at most the head's gradient"),
    "lemma6_rest": ("gap-of-margins", "1 - rho mu misses (8) by at most the head's gradient"),
    "lemma3_fit": ("rest-where-fitted", "rho and the head come to rest as the loss vanishes"),
    "lemma3_turn": ("turns-where-fitted", "directions of all layers rest as the loss vanishes"),
    "lemma5": ("rotated-head", "a rotated head scales margins, but for features not along it"),
    "lemma8_rank": ("rank-of-stationary", "a layer is as near to rank m as to stationarity"),
}  # fmt: skip
NEEDS = (
    "lemma2_multiplier", "lemma2_rho", "lemma4", "lemma1_rest", "lemma6_rest", "lemma3_fit",
    "lemma3_turn", "lemma5", "lemma8_rank", "head_alignment", "rho", "train_loss",
)  # fmt: skip
PANEL = {
    "lemma1_rest": ("(7)", style.BLUE, "o"), "lemma6_rest": ("(8)", style.SKY, "v"),
    "lemma3_fit": ("lemma 3, head", style.GREEN, "P"),
    "lemma3_turn": ("lemma 3, layers", style.ORANGE, "D"),
}  # fmt: skip
KINDS = {"SGD": (style.BLUE, "o"), "full batch": (style.VERMILION, "s")}
AFTER = "the threshold was chosen after a trial of one seed"
FITTED = 1e-3  # loss below which a run without decay counts as fitted


def claims(table: pd.DataFrame) -> list[Claim]:
    """Check what is proved; judge the distance from rest at the end, and lemma 5's assumption."""
    fitted, moved = unmoved(table)
    distance = at_rest(table)
    full = distance[distance["kind"] == "full batch"].groupby("seed")["value"].mean()
    parallel = wide(table).groupby("seed")["head_alignment"].mean()
    residual = hidden(table).query("epoch == epochs").groupby("seed")["limit"].min()
    return [
        *proofs(table),
        judge(Statistic.of("|rho - mu / (M + lambda)| / rho, full batch with decay", full),
              figure=FIGURE, kind="paper", id="full-batch-at-rest", at_most=0.01,
              reference="lemma 1, (7)", note=AFTER,
              claim="full-batch descent comes to rest at the equilibrium"),
        judge(Statistic.of("|change of rho| / rho in the last epoch, no decay",
                           moved.groupby("seed")["value"].max()),
              figure=FIGURE, kind="paper", id="rho-rests-without-decay", at_most=1e-4,
              regime=[fitted], reference="lemma 3",
              claim="without decay rho comes to rest where the loss vanishes"),
        judge(Statistic.of("least residual / margin of an example, SGD with decay", residual),
              figure=FIGURE, kind="paper", id="no-example-at-rest", at_least=0.1,
              regime=[regimes.fit(table, 0.95)], reference="lemma 8", note=AFTER,
              claim="with decay SGD is at rest on no example alone"),
        judge(Statistic.of("mean |cos| of the head and what enters it", parallel),
              figure=FIGURE, kind="control", id="features-along-the-head", at_least=0.9,
              reference="lemma 5", note=AFTER, claim="what enters the head is parallel to it"),
    ]  # fmt: skip


def proofs(table: pd.DataFrame) -> list[Claim]:
    """Check each inequality in every layer of every record."""
    found = []
    for metric, (name, sentence) in PROVED.items():
        rows = table[table["metric"] == metric].dropna(subset=["value", "limit"])
        vacuous = int((rows["limit"] >= rows["trivial"]).sum())
        ratio = (rows["value"] / rows["limit"]).where(rows["value"] > 0, 0.0)
        found.append(
            proved(rows.assign(value=ratio), figure=FIGURE, id=name, claim=sentence, at_most=1.0,
                   statistic="left side / right side", reference=f"lemma {metric[5]}",
                   note=f"{vacuous} of {len(rows)} bounds are vacuous")
        )  # fmt: skip
    return found


def hidden(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of lemma 8 for hidden layers, under SGD with decay and under full batches."""
    rows = table[(table["metric"] == "lemma8_rank") & (table["layer"] != "head")]
    rows = rows[(rows["weight_decay"] > 0) & (rows["batch_size"] < rows["n_train"])]
    return rows[rows["model"].isin(_rested(table))]


def at_rest(table: pd.DataFrame, last: bool = True) -> pd.DataFrame:
    """Return |rho - mu / (M + lambda)| / rho as `value` for runs with decay, and their kind."""
    rows = table[(table["metric"] == "lemma1_rest") & (table["weight_decay"] > 0)]
    rows = rows[rows["epoch"] == rows["epochs"]] if last else _spaced(rows)
    rows = rows[rows["model"].isin(_rested(table))]
    rho = table[table["metric"] == "rho"].set_index(["run", "epoch"])["value"]
    at = pd.MultiIndex.from_frame(rows[["run", "epoch"]])
    full = rows["batch_size"] == rows["n_train"]
    kind = full.map({True: "full batch", False: "SGD"})
    return rows.assign(value=rows["value"].to_numpy() / rho.loc[at].to_numpy(), kind=kind)


def _rested(table: pd.DataFrame) -> set[str]:
    """Return the networks that were also trained on full batches, beside which SGD is drawn."""
    return set(table[table["batch_size"] == table["n_train"]]["model"])


def _spaced(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the records that are drawn over updates.

    These are all records except the start and the last but one epoch.
    """
    return rows[(rows["epoch"] > 0) & (rows["epoch"] != rows["epochs"] - 1)]


def unmoved(table: pd.DataFrame) -> tuple[Condition, pd.DataFrame]:
    """Return whether runs without decay fit, and the relative change of rho in their last epoch."""
    free = wide(table[table["weight_decay"] == 0], last=False).sort_values("epoch")
    end = free.groupby("run").tail(1)
    before = free.groupby("run").nth(-2).set_index("run")
    spans = end["run"].map(before["epoch"])
    change = (end["rho"] - end["run"].map(before["rho"])).abs() / end["rho"]
    value = change / (end["epoch"] - spans)
    largest = float(end["train_loss"].max()) if len(end) else float("nan")
    met = regimes.condition("the loss has vanished", largest, "largest loss", at_most=FITTED)
    return met, end.assign(value=value)


def draw(table: pd.DataFrame) -> Figure:
    """Draw both sides of the inequalities, lemma 8, and the distance from equilibrium."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.9), layout="constrained")
    for metric, look in PANEL.items():
        _sides(axes[0], table[table["metric"] == metric], look)
    axes[0].set(
        xscale="log", yscale="log", xlabel="bound", ylabel="measured", title="(7), (8), lemma 3"
    )
    low, high = axes[0].get_xlim()
    axes[0].plot([low, high], [low, high], color="#999999", linewidth=0.8, zorder=0)
    style.legend(fig, axes[0])
    _ranks(axes[1], table)
    rest = at_rest(table, last=False)
    for kind, line in KINDS.items():
        style.band(axes[2], rest[rest["kind"] == kind], "step", kind, line, "equilibrium")
    axes[2].set(yscale="log", xlabel="update", title="|rho - mu/(M + lambda)| / rho")
    axes[2].legend()
    return fig


def _ranks(ax: Axes, table: pd.DataFrame) -> None:
    """Draw lemma 8: the least residual and the largest distance to low rank over hidden layers."""
    runs = _spaced(hidden(table)).groupby(["seed", "step"])
    for label, values, look in (
        ("least residual / margin", runs["limit"].min(), (style.PURPLE, "D")),
        ("distance to rank m", runs["value"].max(), (style.SKY, "v")),
    ):
        part = values.rename("value").reset_index()
        style.band(ax, part, "step", label, look, "lemma 8")
    ax.axhline(1, color=style.BLACK, linewidth=0.8, linestyle="--")
    ax.set(xlabel="update", title="lemma 8", ylim=(0, None))
    ax.legend()


def _sides(ax: Axes, rows: pd.DataFrame, look: tuple[str, str, str]) -> None:
    """Draw the measured value against its bound, as dots."""
    name, colour, marker = look
    rows = rows[rows["value"] > 0]
    ax.plot(rows["limit"], rows["value"], linestyle="none", marker=marker, markersize=3,
            color=colour, alpha=0.6, label=name)  # fmt: skip
    style.notes(ax, rows["limit"], rows["value"], panel=name, series=name, x_name="bound", n=1)
