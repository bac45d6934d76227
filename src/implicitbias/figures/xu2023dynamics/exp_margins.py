"""Training margins over time and at the end, for each initial scale, with and without decay.

In the setting of Xu et al. (2023), as stand-ins in exp_rho; what their figure shows is recalled:
with decay margins are larger and more equal. Left and middle: quantiles 0.05 to 0.95 of y_n g_n
over epochs (smallest initial scale), with and without decay. Right: the sorted margins at the end,
normalised, y_n f_n = y_n g_n / rho, for each initial scale (mean over seeds). Spread is the
standard deviation over the examples divided by the mean: it does not depend on rho.
Larger they are with decay; more equal they are not here, within 1,200 updates.
The thresholds were written after a trial run's spreads had been seen.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ... import style
from ...claim import Claim, judge
from ...metrics import with_parameter
from . import _dynamics

PAPER: dict[str, Any] = {"dataset": "cifar10", "batch_size": 128, "momentum": 0.9}
FIGURE = "xu2023dynamics/exp_margins"
NEEDS = (
    "rho", "margin_mean", "margin_std", "margin_quantile_5e-2", "margin_quantile_2.5e-1",
    "margin_quantile_5e-1", "margin_quantile_7.5e-1", "margin_quantile_9.5e-1",
)  # fmt: skip
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Larger with decay; more equal with decay."""
    rows = _dynamics.wide(table)
    rows = rows.assign(f=rows["margin_mean"] / rows["rho"],
                       spread=rows["margin_std"] / rows["margin_mean"])  # fmt: skip
    means = rows.groupby([rows["weight_decay"] > 0, "seed"])[["f", "spread"]].mean()
    ratio = means.loc[True] / means.loc[False]
    return [
        judge(_dynamics.per_seed("mean normalised margin with / without decay", ratio["f"]),
              figure=FIGURE, at_least=1.5, claim="margins are larger with weight decay"),
        judge(_dynamics.per_seed("relative spread of margins with / without decay",
                                 ratio["spread"]),
              figure=FIGURE, at_most=1.0, claim="margins are more equal with weight decay"),
    ]  # fmt: skip


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """Quantiles over time; sorted margins at the end."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.8), layout="constrained")
    names = {with_parameter("margin_quantile", level): level for level in LEVELS}
    decays = sorted(table["weight_decay"].unique(), reverse=True)
    smallest = table[table["init_norm"] == table["init_norm"].min()]
    for ax, decay in zip(axes, [decays[0], decays[-1]], strict=False):
        part = smallest[smallest["weight_decay"] == decay]
        for i, (name, level) in enumerate(names.items()):
            label = f"{level:g}"
            style.band(ax, part[part["metric"] == name], "epoch", label, style.layer_look(i),
                       f"decay {decay:g}")  # fmt: skip
        ax.set(xlabel="epoch", ylabel="y g", title=f"weight decay {decay:g}")
    axes[0].legend(title="quantile", ncols=2)
    rows = _dynamics.wide(table)
    starts = sorted(rows["init_norm"].unique())
    for key, part in rows.groupby(["init_norm", "weight_decay"]):
        start, decay = float(str(key[0])), float(str(key[1]))
        i = starts.index(start)
        sorted_margins = (part[list(names)].div(part["rho"], axis=0)).mean()
        line, label = "-" if decay > 0 else "--", f"{start:g}"
        axes[2].plot(list(names.values()), sorted_margins, linestyle=line,
                     color=style.layer_look(i)[0], label=label if decay > 0 else None)  # fmt: skip
        for level, value in zip(names.values(), sorted_margins, strict=True):
            style.note(axes[2], panel="end", series=f"start {start:g}, decay {decay:g}",
                       x_name="quantile", x=level, mean=value, n=len(part))  # fmt: skip
    axes[2].set(xlabel="share of examples", ylabel="y f", title="end (dashed: no decay)")
    axes[2].legend(title="initial norm")
    return fig
