"""From the population to samples: angle to the truth with the whole sample and with mini-batches.

In the setting of Dinh & Xin with finite samples of noiseless Gaussian data (stand-ins: 8,000
examples, a quarter of them at scale `small`; full batch with step 5 for 120 iterations, batches of
100 with step 1 for 1,500), against the population gradient. Angle of w to the true weight by
iteration, one panel per gradient; weights on the sphere, u thresholded from the new w. An entry of
the truth between C cut-off and (B + C) cut-off, here 0.050 and 0.054, has two limits under l0: the
path, and therefore the sample, decides the support. The truth of seed 2 has an entry of 0.0532,
which the samples keep and the path of the population does not; this entry alone makes the claims on
all runs fail. Where the supports are equal, the angles are equal. Where u keeps the whole support
under l0, the limit is the truth and both angles are rounding.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...analysis import tables
from ...analysis.claims import Claim
from ...analysis.worst import worst
from .. import style
from . import _runs

PAPER: dict[str, Any] = {}
FIGURE = "dinh2020rvsm/exp_samples"
NEEDS = ("angle", "true_positives", "off_support")
GRADIENTS = {"population": "population", "full_batch": "full batch", "minibatch": "batches"}
PARTS = {"full_batch": "full-batch", "minibatch": "batches"}  # of ids
KEYS = ["seed", "penalty", "beta", "cutoff"]
ROUNDING = 1e-9  # below it an angle is 0


def claims(table: pd.DataFrame) -> list[Claim]:
    """Samples find the population's support, and nearly its angle."""
    ends = tables.ends(table, "angle", "true_positives", "off_support")
    whole = ends[ends["gradient"] == "population"].set_index(KEYS)
    judged = []
    for gradient in ("full_batch", "minibatch"):
        kept = (ends["gradient"] == gradient) & (ends["penalty"] != "none")
        judged += _against(ends[kept].set_index(KEYS), whole, gradient)
    return judged


def _against(rows: pd.DataFrame, whole: pd.DataFrame, gradient: str) -> list[Claim]:
    """Support and angle of sampled runs against the population's at the same seed and penalty.

    Two angles that are both rounding agree.
    """
    other = whole.loc[rows.index]
    apart = (rows["true_positives"] - other["true_positives"]).abs() + rows["off_support"]
    exact = rows["angle"].lt(ROUNDING) & other["angle"].lt(ROUNDING)
    relative = (rows["angle"] / other["angle"] - 1).abs().mask(exact, 0.0)
    name, part = GRADIENTS[gradient], PARTS[gradient]
    missed = apart[apart > 0].reset_index()["penalty"].unique()
    note = f"another support under {', '.join(sorted(missed))}" if len(missed) else ""
    return [
        worst(
            apart.rename("value").reset_index(), figure=FIGURE, at_most=0, note=note,
            kind="ours", id=f"support-{part}",
            claim=f"{name}: u has the non-zeros of the population's limit",
            statistic="non-zeros more or fewer, and outside the true support",
        ),
        worst(
            relative.rename("value").reset_index(), figure=FIGURE, at_most=0.2, note=note,
            kind="ours", id=f"angle-{part}",
            claim=f"{name}: the final angle is the population's within a fifth",
            statistic="|angle / population's - 1|",
        ),
        worst(
            relative[apart == 0].rename("value").reset_index(), figure=FIGURE, at_most=0.2,
            kind="ours", id=f"angle-same-support-{part}",
            claim=f"{name}: where the support is the population's the angle is, within a fifth",
            statistic="|angle / population's - 1|",
        ),
    ]  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per gradient."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.7), sharey=True, layout="constrained")
    for ax, (gradient, label) in zip(axes, GRADIENTS.items(), strict=True):
        part = table[table["gradient"] == gradient]
        _runs.trajectories(ax, part, "angle", floor=1e-8)
        ax.set(title=label, xlabel="iteration", yscale="log")
    axes[0].set_ylabel("angle between w and truth, rad")
    style.legend(fig, axes[0])
    return fig
