"""Is the rank constraint the source of the noise? Steps at the end where the bound binds or not.

The argument of the first versions: at a point that is stationary for every mini-batch, each weight
is a gradient of one batch over -weight_decay, so that its rank is at most m_l B; weights that need
a higher rank cannot settle. Here m_l = 1, and the bound binds where B < width (shaded); elsewhere
no weight can have a higher rank than the bound allows. If the constraint caused all of the noise, a
step would fall to the size of the full batch's step on the right of each shaded part. It does not:
a network whose weights cannot have a higher rank than the batch has as much noise as a wider one.

Drawn is the relative movement of one step over that of pure decay, as the mean over the last fifth
of training; 1 is the movement by decay alone. Perceptrons of two widths in the setting of
`exp_noise` at scale `small` (cross-entropy, its strongest decay), at several batch sizes up to the
full batch. The experiment is ours. The inequality gives only one direction: it says nothing about
batches that are large enough for the rank.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import regimes
from ...analysis.claims import Claim, Condition
from ...analysis.judge import judge
from ...analysis.statistics import Statistic
from ...analysis.tables import final
from .. import style
from ._movement import STEP, averages, over_decay, per_seed

PAPER: dict[str, Any] = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "galanti2022noise/exp_rank_constraint"
RANK = "rank_fro_1e-2"
NEEDS = ("relative_step", "decay_step", "rank_fro_1e-2", "train_accuracy")
CHOSEN = "regime, setting and threshold chosen on seed 10, which is not judged"


def floors(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: the last steps over pure decay's, and whether the bound binds.

    `binds`: B is less than the width, the largest rank that the weights can have.
    """
    rows = over_decay(averages(table, STEP))
    return rows.assign(binds=rows["batch_size"] < rows["width"])


def regime(table: pd.DataFrame, wide: pd.DataFrame) -> list[Condition]:
    """Return the regime: networks fit, the full batch rests, and its weights need rank above B.

    wide: the rows of `floors` in which the bound binds.
    """
    found = floors(table)
    descent = found[found["full"]]
    rests = float(descent["value"].max(skipna=False)) if len(descent) else float("nan")
    ranks = final(table)
    ranks = ranks[(ranks["metric"] == RANK) & (ranks["layer"] == "average")]
    needed = ranks[ranks["batch_size"] == ranks["n_train"]].groupby("width")["value"].min()
    need = (wide["width"].map(needed) / wide["batch_size"]).min(skipna=False)
    return [
        regimes.fit(table, least=0.9),
        regimes.condition("the full batch rests", rests, "largest step over pure decay's",
                          at_most=0.5),
        regimes.condition("the full batch's weights have more rank than the batches can give",
                          float(need), "least average rank of the full batch over B",
                          at_least=1.0),
    ]  # fmt: skip


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge the noise without the constraint against that with it, and both against B = N."""
    found = floors(table)
    wide, free = found[found["binds"]], found[~found["binds"] & ~found["full"]]
    regime_of = regime(table, wide)
    shared = sorted({*wide["batch_size"]} & {*free["batch_size"]})[:1]
    least = {
        name: rows[rows["batch_size"].isin(shared)].groupby("seed")["value"].mean()
        for name, rows in (("wide", wide), ("free", free))
    }
    rest = found[found["full"]].set_index(["width", "seed"])["value"]

    def noise(rows: pd.DataFrame) -> pd.DataFrame:
        """The steps over those of the full batch, of the same width and seed."""
        at = pd.MultiIndex.from_frame(rows[["width", "seed"]])
        return rows.assign(value=rows["value"] / rest.reindex(at).to_numpy())

    words = "step in the last fifth over the full batch's, least over"
    ratio = "step in the last fifth over pure decay's, at one batch size, bound slack / binding"
    return [
        judge(
            Statistic.of(ratio, least["free"] / least["wide"], log=True),
            figure=FIGURE, at_most=0.1, kind="paper", id="constraint-is-source",
            claim="the rank constraint is the source of the noise: where it does not bind, none is"
                  " left",
            regime=regime_of, note=CHOSEN,
        ),
        judge(
            per_seed(noise(free), f"{words} batches B < N where the bound is slack", least=True),
            figure=FIGURE, at_least=5.0, kind="ours", id="noise-without-constraint",
            claim="there is noise where the rank bound does not bind",
            regime=regime_of, note=CHOSEN,
        ),
        judge(
            per_seed(noise(wide), f"{words} batches where the bound binds", least=True),
            figure=FIGURE, at_least=5.0, kind="control", id="noise-with-constraint",
            claim="there is noise where the rank bound binds",
            regime=regime_of, note=CHOSEN,
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per width: the last steps against the batch size."""
    found = floors(table)
    widths = sorted(found["width"].unique())
    sizes = sorted(found["batch_size"].unique())
    fig, axes = plt.subplots(
        1, len(widths), figsize=(style.PAGE, 2.7), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for i, (ax, width) in enumerate(zip(axes[0], widths, strict=True)):
        rows, colour = found[found["width"] == width], style.shades(len(widths))[i]
        style.band(ax, rows, "batch_size", "one step", (colour, style.layer_look(i)[1]),
                   f"width {width}")  # fmt: skip
        ax.axhline(1.0, color="#555555", linestyle="--", linewidth=0.9, label="decay alone")
        ax.set(xscale="log", yscale="log", xlabel="batch size B", title=f"width {width:g}")
        ax.axvspan(sizes[0] / 1.5, width, color="#999999", alpha=0.15, linewidth=0,
                   label="the rank bound binds, B < width")  # fmt: skip
        ax.set_xlim(sizes[0] / 1.5, sizes[-1] * 1.5)
        style.ticks(ax, sizes)
    axes[0][0].set_ylabel("one step / decay alone")
    style.legend(fig, *axes[0])
    return fig
