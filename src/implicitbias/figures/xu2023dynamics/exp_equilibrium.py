"""rho against its equilibrium value mu / (M + lambda), for SGD and for full-batch descent.

In the setting of Xu et al. (2023), as stand-ins in exp_rho. mu = mean <t_n, f_n> and M = mean
||f_n||^2 with f = outputs / rho; lambda belongs to (1/N) sum ||o - t||^2 + lambda rho^2, so for
torch's MSELoss over C outputs lambda = C weight_decay / 2. Left: rho against mu / (M + lambda) at
the end of runs with decay, both lines of equality. Right: distance from stationarity, |rho - mu /
(M + lambda)| / rho, over updates. At a stationary point also loss + lambda rho^2 = mean ||t||^2 -
rho mu and lambda rho^2 = rho (mu - rho M). Both follow from the first one, times rho; judged is
how well the recorded loss agrees. SGD does not come to rest, full-batch descent comes closer; that
comparison is at the one start that full batch has, the band of SGD on the right has all starts.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ... import style
from ...claim import Claim, judge
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_equilibrium"
NEEDS = ("rho", "alignment", "output_square", "target_square", "decay_lambda", "train_loss")
LOOKS = {False: (style.BLUE, "o"), True: (style.VERMILION, "s")}
NAMES = {False: "SGD", True: "full batch"}


def with_gap(table: pd.DataFrame, last: bool = True) -> pd.DataFrame:
    """Runs with decay: rho_eq, the relative gap to it, and the miss of the loss identity."""
    rows = _dynamics.wide(table, last)
    rows = rows[rows["weight_decay"] > 0]
    equilibrium = rows["alignment"] / (rows["output_square"] + rows["decay_lambda"])
    loss = 2 * rows["train_loss"]  # MSELoss over two outputs, summed over them
    loss = loss + rows["decay_lambda"] * rows["rho"] ** 2
    miss = (loss - (rows["target_square"] - rows["rho"] * rows["alignment"])).abs()
    return rows.assign(
        rho_eq=equilibrium, value=(rows["rho"] - equilibrium).abs() / rows["rho"],
        loss_miss=miss / rows["target_square"], full=rows["batch_size"] == rows["n_train"],
    )  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """SGD ends near the equilibrium; full-batch descent nearer."""
    rows = with_gap(table)
    sgd, full = rows[~rows["full"]], rows[rows["full"]]
    gap = sgd.groupby("seed")["value"].mean()
    same = sgd[sgd["init_norm"].isin(full["init_norm"])].groupby("seed")["value"].mean()
    ratio = (full.groupby("seed")["value"].mean() / same).dropna()
    return [
        judge(_dynamics.per_seed("|rho - rho_eq| / rho of SGD, mean over starts", gap),
              figure=FIGURE, at_most=0.05, claim="SGD's rho is mu / (M + lambda) to 5%"),
        judge(_dynamics.per_seed("|loss + lambda rho^2 - (mean t^2 - rho mu)| / mean t^2 of SGD",
                                 sgd.groupby("seed")["loss_miss"].mean()),
              figure=FIGURE, at_most=0.05,
              claim="SGD's loss with its penalty is 1 - rho mu to 5% of the targets"),
        judge(_dynamics.per_seed("gap of full batch / gap of SGD", ratio), figure=FIGURE,
              at_most=0.5, claim="full-batch descent ends at less than half of SGD's distance"),
    ]  # fmt: skip


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """Equality at the end; distance over updates."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), layout="constrained")
    ends, series = with_gap(table), with_gap(table, last=False)
    for full, part in ends.groupby("full"):
        colour, marker = LOOKS[bool(full)]
        left.plot(part["rho_eq"], part["rho"], color=colour, marker=marker, linestyle="none",
                  alpha=0.6, label=NAMES[bool(full)])  # fmt: skip
        for x, y in zip(part["rho_eq"], part["rho"], strict=True):
            style.note(left, panel="equality", series=NAMES[bool(full)], x_name="rho_eq", x=x,
                       mean=y, n=1)  # fmt: skip
    line = [ends["rho_eq"].min(), ends["rho_eq"].max()]
    left.plot(line, line, color=style.BLACK, linewidth=0.8, linestyle="--", label="equal")
    left.set(xlabel="mu / (M + lambda)", ylabel="rho at the end")
    left.legend()
    later = series[series["epoch"] > 0]
    for full, part in later.groupby("full"):
        style.band(right, part, "step", NAMES[bool(full)], LOOKS[bool(full)], "distance")
    right.set(yscale="log", xlabel="update", ylabel="|rho - mu/(M + lambda)| / rho")
    return fig
