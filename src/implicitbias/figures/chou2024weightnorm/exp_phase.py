"""Recovery over measurements and sparsity: plain, weight-normalised, and the l1 line.

In the setting of Chou, Rauhut & Ward: share of seeds whose vector is recovered (relative error
below 0.01) by gradient descent on a diagonal linear network of depth 2, without and with weight
normalisation, from the same start at the same budget (stand-ins). White line: where basis pursuit
recovers half of the instances. The result depends on step and budget: with steps of 0.02 and 0.05
many truths with 11 or more non-zeros are not even fitted, and more steps of 0.005 recover more.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ... import style
from ...claim import Claim, Statistic, judge
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "chou2024weightnorm/exp_phase"
NEEDS = ("reconstruction_error", "bp_error")
RECOVERED = 0.01


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """A row per run: `value` 1 if recovered, `pursuit` 1 if basis pursuit recovers."""
    found = _runs.ends(table, "reconstruction_error", "bp_error")
    return found.assign(
        value=(found["reconstruction_error"] < RECOVERED).astype(float),
        pursuit=(found["bp_error"] < RECOVERED).astype(float),
    )


def claims(table: pd.DataFrame) -> list[Claim]:
    """Normalised descent recovers nearly what basis pursuit does; plain descent does not."""
    found = rows(table)
    result = []
    for c, part in found.groupby("c"):
        share = part.groupby("seed")["value"].sum() / part.groupby("seed")["pursuit"].sum()
        statistic = Statistic(
            f"instances recovered by {_runs.name(float(str(c)))} / by basis pursuit",
            {int(str(s)): float(v) for s, v in share.items()},
        )
        if c == 0:
            result.append(judge(statistic, figure=FIGURE, at_most=0.5, claim="plain descent"
                          " recovers at most half of what basis pursuit does"))  # fmt: skip
        else:
            result.append(judge(statistic, figure=FIGURE, at_least=0.8, claim="normalised descent"
                          " recovers at least four fifths of what basis pursuit does"))  # fmt: skip
    return result


def draw(table: pd.DataFrame, claims: list[Claim]) -> Figure:
    """A map per method."""
    found = rows(table)
    ratios = sorted(found["c"].unique())
    fig, axes = plt.subplots(
        1, len(ratios), figsize=(style.PAGE, 3.0), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, c in zip(axes[0], ratios, strict=True):
        part, name = found[found["c"] == c], _runs.name(c)
        grid = part.pivot_table(index="sparsity", columns="measurements", values="value")
        line = part.pivot_table(index="sparsity", columns="measurements", values="pursuit")
        image = ax.pcolormesh(grid.columns, grid.index, grid, vmin=0, vmax=1, cmap="viridis",
                              shading="nearest")  # fmt: skip
        ax.contour(line.columns, line.index, line, levels=[0.5], colors="white")
        for sparsity, cells in grid.iterrows():
            for m, value in cells.items():
                style.note(ax, panel=name, series=f"s={sparsity}", x_name="measurements", x=m,
                           mean=value, n=part["seed"].nunique())  # fmt: skip
        ax.set(title=name, xlabel="measurements")
        ax.grid(False)
    axes[0][0].set_ylabel("non-zeros of the truth")
    fig.colorbar(image, ax=axes[0].tolist(), label="share recovered")
    return fig
