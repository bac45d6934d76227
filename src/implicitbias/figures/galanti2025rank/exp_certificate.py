"""What the paper proves of every run, checked in trained networks: no statistics, no tolerance.

Every dot lies on or under the diagonal; otherwise the job that measures it fails and names run,
layer and epoch. Left: after n steps W_T - p W_{T-n}, p = prod (1 - lr weight_decay), has rank at
most m_l times the examples of the n batches; a gradient has at most m_l times the examples of its
batch. Middle: the distance of W_T / ||W_T|| to that rank is at most p ||W_{T-n}|| / ||W_T|| (lemma
3.2), both norms. Right: the rank at tolerance eps = 2p is at most that rank (theorem 3.3) where
||W_{T-n}|| is at most twice ||W_T||. Hollow: the bound is vacuous, because no matrix of the shape
could exceed it. n is 1, 4, 16, ... and the values that the theorem's proof takes for eps 0.5, 0.3
and 0.1. The identity behind these bounds was also replayed with gradients by autograd, 16 steps
before each record.

m_l counts the places where a layer is applied to one example: 1 in the MLP, 5 tokens in the ViT,
144 and 16 in the convolutions, for which every bound here is vacuous. The ViT's W_Q, W_K and W_V
are taken as one matrix. Their gradients are parts of its gradient, so a bound on its rank bounds
their ranks (lemma A.1). The ViT has dropout, whose masks the replay reproduces. p is the product of
torch's 1 - lr weight_decay, where the paper writes 1 - 2 lr lambda. The runs are in float64;
float32 runs keep these bounds up to n roundings of a weight. The paper has no such figure. The
settings make the bounds informative: few examples in n batches relative to the width, and a decay
strong enough for p to fall within n steps. The rank after n steps is then nearly its bound; the
rank in the theorem is a small fraction of its bound.
"""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.claims import Claim
from ...analysis.worst import proved
from .. import style

PAPER = {"dataset": "cifar10", "momentum": 0.0}
FIGURE = "galanti2025rank/exp_certificate"
NEEDS = (
    "unrolled_identity", "unrolled_rank", "lemma_spec", "lemma_fro", "theorem_rank",
    "gradient_rank", "sample_gradient_rank",
)  # fmt: skip
CLAIMS = {
    "unrolled_identity": "W_T is the decayed W_{T-n} minus the decayed steps along the gradients",
    "unrolled_rank": "n steps add no more rank than m_l times their examples (proof of lemma 3.2)",
    "lemma_spec": "lemma 3.2 holds in the spectral norm",
    "lemma_fro": "lemma 3.2 holds in the Frobenius norm",
    "theorem_rank": "the rank count of theorem 3.3 holds where the norm has settled",
    "gradient_rank": "a batch's gradient has rank at most m_l times its examples (lemma 3.1)",
    "sample_gradient_rank": "one example's gradient has rank at most m_l (lemma 3.1)",
}
PARTS = {
    "unrolled_identity": "unrolled-identity", "unrolled_rank": "unrolled-rank",
    "lemma_spec": "lemma-spectral", "lemma_fro": "lemma-frobenius",
    "theorem_rank": "theorem-rank", "gradient_rank": "batch-gradient",
    "sample_gradient_rank": "example-gradient",
}  # of ids  # fmt: skip
ATTENTION = "one example's gradient of W_Q, W_K, W_V has rank at most the tokens (lemma A.1)"
PANELS = {
    "rank after n steps, of a gradient": {
        "gradient_rank": ("gradient of a batch", style.SKY, "s"),
        "unrolled_rank": ("n steps", style.BLUE, "o"),
        "sample_gradient_rank": ("gradient of one example", style.ORANGE, "v"),
    },
    "distance to that rank": {
        "lemma_fro": ("Frobenius norm", style.GREEN, "o"),
        "lemma_spec": ("spectral norm", style.VERMILION, "^"),
    },
    "rank at tolerance 2p": {"theorem_rank": ("theorem 3.3", style.PURPLE, "D")},
}


def claims(table: pd.DataFrame) -> list[Claim]:
    """Judge each inequality in every layer of every record; that of attention by itself, too."""
    attention = table[(table["model"] == "vit") & table["layer"].str.startswith("layer")]
    cases = [(metric, PARTS[metric], sentence, table) for metric, sentence in CLAIMS.items()]
    cases.append(("sample_gradient_rank", "attention-gradient", ATTENTION, attention))
    judged = []
    for metric, name, sentence, part in cases:
        rows = part[(part["metric"] == metric) & (part["limit"].notna())]
        vacuous = int((rows["limit"] >= rows["trivial"]).sum())
        rows = rows.assign(value=(rows["value"] / rows["limit"]).where(rows["value"] > 0, 0.0))
        judged.append(
            proved(
                rows, figure=FIGURE, id=name, claim=sentence, at_most=1.0,
                statistic="left side / right side",
                note=f"{vacuous} of {len(rows)} bounds are vacuous",
            )
        )  # fmt: skip
    return judged


def draw(table: pd.DataFrame) -> Figure:
    """Draw left sides against right sides, hollow where the right side is vacuous."""
    fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 3.0), layout="constrained")
    for ax, (title, metrics) in zip(axes, PANELS.items(), strict=True):
        distance = "distance" in title
        ends = (0.0, 1.05) if distance else (0.7, 1.5e4)
        ax.plot(ends, ends, color="#999999", linewidth=0.8)
        for metric, look in metrics.items():
            rows = table[(table["metric"] == metric) & table["value"].notna()]
            # Rank 0 stands at the foot of the logarithmic axis.
            shown = rows["value"] if distance else rows["value"].clip(lower=0.8)
            _dots(ax, rows, shown, look)
        kind = "linear" if distance else "log"
        ax.set(title=title, xlabel="bound", xscale=kind, yscale=kind, xlim=ends, ylim=ends)
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.22))
    axes[0].set_ylabel("measured")
    return fig


def _dots(ax: Axes, rows: pd.DataFrame, shown: pd.Series, look: tuple[str, str, str]) -> None:
    name, colour, marker = look
    vacuous = rows["limit"] >= rows["trivial"]
    label = f"{name}: {int(vacuous.sum())} of {len(rows)} vacuous"
    for part, face in ((~vacuous, colour), (vacuous, "none")):
        ax.plot(rows["limit"][part], shown[part], linestyle="none", marker=marker, markersize=3,
                color=colour, markerfacecolor=face, markeredgewidth=0.6, alpha=0.7,
                label=label if face == colour else None)  # fmt: skip
    seen = rows.groupby(["limit", "value"]).size()
    for at, n in seen.items():
        bound, value = (float(side) for side in at)  # type: ignore[attr-defined]
        style.note(ax, panel=name, series=name, x_name="bound", x=bound, mean=value, n=n)
