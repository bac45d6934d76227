"""The gradient flow with Lagrange multipliers itself, and the steps that approach it.

The setting is that of Xu et al. (2023), who write this flow; whether they plot it is not known to
us. Small dense networks without biases are trained on 20 random inputs with labels +1 and -1, with
the square loss, every layer except the last on the unit Frobenius sphere, and lambda = weight_decay
/ 2. rho is the last layer's norm. An adaptive solver integrates the flow; its error is estimated as
the distance to a solution at a tolerance 100 times as large. The steps are projected gradients of
the full batch, renormalised, as in exp_equilibrium, without momentum.

Top left: rho of the flow (black) and of the steps, one seed. Top right: the largest distance over
time between the weights of the steps and of the flow, against the learning rate; a first-order
method falls with slope 1. Bottom left: how far the flow's identities are missed, the largest value
over runs: the identities of rho', V_k' and the multipliers, and the drift of ||V_k|| from 1. Bottom
right: over a long time, the relative distance of rho from mu / (M + lambda), and how far loss +
lambda rho^2 = 1 - rho mu is missed, which is this distance times rho^2 (M + lambda).

The activation is our choice: linear, or a ReLU that is rounded at a radius in proportion to the
input of the layer, which keeps the theory's homogeneity of degree 1. The ReLU's own flow slides
along kinks, where units of some example stay at 0 and the gradient has no value. It is followed
until it slides. The last claim counts how often it slides; this claim is ours and not the paper's,
and its threshold was set after three such flows had slid. The threshold for rest was set after
flows of 1,000 time units had been seen. At scale small the long flows end at time 300, where the
slowest of them still moves.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.worst import proved, worst
from .. import style

PAPER: dict[str, Any] = {}
FIGURE = "xu2023dynamics/exp_flow"
NEEDS = (
    "time", "rho", "flow_distance", "flow_error", "gap_rho", "gap_direction", "gap_multiplier",
    "unit_drift", "gap_equilibrium", "gap_loss", "converged", "slid",
)  # fmt: skip
NAMES = {"linear": "linear", "smooth_relu": "rounded ReLU"}
LOOKS = {"linear": (style.BLUE, "s"), "smooth_relu": (style.VERMILION, "o")}
PARTS = {
    "linear": "linear", "smooth_relu": "rounded-relu", "gap_rho": "identity-rho",
    "gap_direction": "identity-direction", "gap_multiplier": "identity-multiplier",
    "unit_drift": "norms-kept",
}  # of ids  # fmt: skip
IDENTITIES = {
    "gap_rho": ("rho'", (style.BLUE, "o")),
    "gap_direction": ("V_k'", (style.ORANGE, "s")),
    "gap_multiplier": ("multipliers", (style.GREEN, "^")),
    "unit_drift": ("| ||V_k|| - 1 |", (style.PURPLE, "D")),
}


def parts(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return flows, steps, long flows, and flows of the ReLU."""
    longest = table["horizon"] == table["horizon"].max()
    relu, flow = table["activation"] == "relu", table["lr"].isna()
    short = ~longest & ~relu
    return table[flow & short], table[~flow], table[longest], table[relu]


def distances(steps: pd.DataFrame) -> pd.DataFrame:
    """Return each run's largest distance from the flow over time; NaN if one is missing."""
    rows = steps[steps["metric"] == "flow_distance"]
    return rows.groupby(["activation", "seed", "lr"])["value"].agg(
        lambda v: v.max(skipna=False)
    ).reset_index()  # fmt: skip


def slopes(rows: pd.DataFrame) -> pd.Series:
    """Return the slope of log distance against log lr, by seed."""

    def fitted(part: pd.DataFrame) -> float:
        if len(part) < 4 or not np.isfinite(part["value"]).all():
            return float("nan")
        return float(np.polyfit(np.log(part["lr"]), np.log(part["value"]), 1)[0])

    fits = {seed: fitted(part) for seed, part in rows.groupby("seed")}
    return pd.Series(fits, dtype=float)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the order of the steps, the identities, rest, and the ReLU."""
    flow, steps, longest, relu = parts(table)
    both, miss = pd.concat([flow, longest]), distances(steps)
    judged = []
    for activation, rows in miss.groupby("activation"):
        off = (slopes(rows) - 1).abs()
        judged.append(judge(
            Statistic.of("|slope of log distance against log lr - 1|", off), figure=FIGURE,
            kind="ours", id=f"first-order-{PARTS[str(activation)]}", at_most=0.1,
            claim=f"steps approach the flow at first order ({NAMES[str(activation)]})",
        ))  # fmt: skip
    own = flow[flow["metric"] == "flow_error"].groupby(["activation", "seed"])["value"].max()
    finest = miss[miss["lr"] == miss["lr"].min()].set_index(["activation", "seed"])["value"]
    share = (own / finest).rename("value").reset_index()
    judged.append(worst(
        share, figure=FIGURE, kind="control", id="flow-error-small", at_most=1e-3,
        claim="the flow's own error is small beside the distance of the smallest steps",
        statistic="estimated error of the flow / distance of the smallest steps",
    ))  # fmt: skip
    for metric, (name, _) in IDENTITIES.items():
        drift = metric == "unit_drift"
        judged.append(proved(
            both[both["metric"] == metric], figure=FIGURE, id=PARTS[metric],
            at_most=1e-8 if drift else 1e-12,
            claim="the flow keeps the layers' norms" if drift
            else f"the identity of {name} holds along the flow",
            statistic=name if drift else "relative gap",
        ))  # fmt: skip
    return [*judged, *_rest(longest), *_solver(both, relu)]


def _rest(longest: pd.DataFrame) -> list[Claim]:
    """Judge whether long flows end at rest."""
    last = longest[longest["epoch"] == longest.groupby("run")["epoch"].transform("max")]
    cases = (
        ("gap_equilibrium", "rho-to-equilibrium", "rho comes to mu / (M + lambda)"),
        ("gap_loss", "loss-to-equilibrium", "loss + lambda rho^2 comes to 1 - rho mu"),
    )
    return [
        worst(last[last["metric"] == metric], figure=FIGURE, kind="paper", id=part, at_most=1e-3,
              claim=sentence, statistic="gap at the end")
        for metric, part, sentence in cases
    ]  # fmt: skip


def _solver(both: pd.DataFrame, relu: pd.DataFrame) -> list[Claim]:
    """Judge whether flows reach the horizon, and how often the ReLU's own flow slides."""
    done = both[both["metric"] == "converged"]
    slid = relu[relu["metric"] == "slid"].groupby("seed")["value"].mean()
    return [
        worst(
            done.assign(value=1 - done["value"]), figure=FIGURE, kind="control", at_most=0,
            id="horizon-reached", claim="the solver reaches the horizon within its budget",
            statistic="1 for a flow that does not",
        ),
        judge(Statistic.of("1 if the flow slides before the horizon", slid), figure=FIGURE,
              kind="ours", id="relu-slides", at_least=0.5,
              claim="the ReLU's own flow slides along a kink (our finding)"),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw the trajectories, the order of the steps, the identities, and the way to rest."""
    flow, steps, longest, _ = parts(table)
    fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 5.2), layout="constrained")
    _trajectories(axes[0, 0], flow, steps)
    _order(axes[0, 1], distances(steps))
    _largest(axes[1, 0], flow, IDENTITIES, "identities")
    axes[1, 0].set(yscale="log", xlabel="time", ylabel="gap, largest over runs")
    axes[1, 0].axhline(np.finfo(float).eps, color=style.BLACK, linewidth=0.6, linestyle=":",
                       label="rounding")  # fmt: skip
    rest = {"gap_equilibrium": ("rho", (style.BLUE, "o")),
            "gap_loss": ("loss", (style.VERMILION, "s"))}  # fmt: skip
    _largest(axes[1, 1], longest, rest, "rest")
    axes[1, 1].set(yscale="log", xlabel="time", ylabel="distance from rest, largest over runs")
    axes[1, 0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, columnspacing=1)
    axes[1, 1].legend()
    return fig


def timed(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return rows of a metric with their time."""
    time = rows[rows["metric"] == "time"].set_index(["run", "epoch"])["value"].rename("time")
    return rows[rows["metric"] == metric].join(time, on=["run", "epoch"])


def _trajectories(ax: Axes, flow: pd.DataFrame, steps: pd.DataFrame) -> None:
    activation, seed = "smooth_relu", flow["seed"].min()
    chosen = [r[(r["seed"] == seed) & (r["activation"] == activation)] for r in (flow, steps)]
    rows = timed(chosen[0], "rho").sort_values("time")
    ax.plot(rows["time"], rows["value"], color=style.BLACK, label="flow", zorder=3)
    kept = [("flow", rows)]
    rates = sorted(chosen[1]["lr"].unique(), reverse=True)[:3]
    for i, lr in enumerate(rates):
        rows = timed(chosen[1][chosen[1]["lr"] == lr], "rho").sort_values("time")
        colour, marker = style.layer_look(i)
        ax.plot(rows["time"], rows["value"], color=colour, marker=marker, linestyle="none",
                label=f"lr {lr:g}")  # fmt: skip
        kept.append((f"lr {lr:g}", rows))
    for name, rows in kept:
        style.notes(ax, rows["time"], rows["value"], panel="rho", series=name, x_name="time", n=1)
    ax.set(xlabel="time (steps x lr)", ylabel="rho", title=f"{NAMES[activation]}, seed {seed}")
    ax.legend()


def _order(ax: Axes, miss: pd.DataFrame) -> None:
    for activation, rows in miss.groupby("activation"):
        name = str(activation)
        style.band(ax, rows, "lr", NAMES[name], LOOKS[name], "order")
    rates = np.array(sorted(miss["lr"].unique()))
    middle = np.exp(np.log(miss["value"]).mean() - np.log(rates).mean())
    ax.plot(rates, middle * rates, color=style.BLACK, linestyle="--", linewidth=0.8,
            label="slope 1")  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="largest distance from flow")
    ax.legend()


def _largest(
    ax: Axes, rows: pd.DataFrame, metrics: dict[str, tuple[str, tuple[str, str]]], panel: str
) -> None:
    for metric, (name, (colour, marker)) in metrics.items():
        largest = timed(rows, metric).groupby("time")["value"].max()
        largest = largest[largest > 0]
        ax.plot(largest.index, largest, color=colour, marker=marker, label=name)
        style.notes(ax, largest.index, largest, panel=panel, series=name, x_name="time")


__all__ = ["PAPER", "claims", "draw"]
