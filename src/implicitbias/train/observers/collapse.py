"""Record the statistics behind neural collapse, accumulated over a data set in float64.

Features h are the inputs of the last layer, flattened, in evaluation mode. One pass accumulates the
class counts, the class means and the pooled scatter, by merging the moments of chunks (Chan, Golub
& LeVeque, 1979), so that no large sums cancel. Only the count of nearest class means needs a second
pass, because it needs the means. The records are small: Gram matrices of the means and of the last
layer, and the scatter projected on the means. `metrics/_collapse.py` explains the use of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from ..records import Records
from ._base import Base
from ._moments import Moments

RECORDS = {
    "square_sgd": {
        "arrays": {
            "class_counts": "Training examples of each class [examples].",
            "class_gram": "M^T M (C, C), M the class means of the features h that enter the head"
            " [1].",
            "class_scatter": "For each class the mean of ||h - its mean||^2 [1].",
            "mean_scatter": "M^T Sigma M (C, C), Sigma the mean of (h - mean)(h - mean)^T within"
            " classes [1].",
            "head_gram": "W W^T (C, C) of the head [1].",
            "head_means": "W M (C, C) [1].",
            "ncc_table": "Training examples by class of the largest output (rows) and of the"
            " nearest class mean (columns) [examples].",
            "output_mean": "Mean outputs of each class (rows), in units of one-hot targets [1].",
            "output_misfit": "Mean over each class of the squared difference of outputs and"
            " one-hot targets [1].",
        },
    },
}
Targets = Literal["one_hot", "centred", "sign"]
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
_CHUNK = 512  # examples of all members at once, in float64


class Observer(Base):
    """An observer that records class means and scatters of the training examples.

    The classes are those of the labels that the run is trained on.
    """

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, shape = self.networks, self.networks.specs[0]
        record(
            records, networks.runs, epoch, step, self._evaluate, networks.train[0],
            networks.labels, networks.trainer.state()["head.weight"], networks.n_classes,
            shape.targets,
        )  # fmt: skip

    @torch.no_grad()
    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (K, n, D) and outputs (K, n, C) of x (n, ...), in evaluation mode."""
        both = Both(self.networks.model.eval())
        each = [
            functional_call(both, {f"net.{name}": w for name, w in state.items()}, (x,))
            for state in map(self.networks.state, range(len(self.networks.runs)))
        ]
        features, outputs = zip(*each, strict=True)
        return torch.stack(features), torch.stack(outputs)


class Both(nn.Module):
    """A module that returns features and outputs of a network at once."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, D) and outputs (B, C) of examples x (B, ...)."""
        features = cast(Any, self.net).features(x)
        return features, cast(Any, self.net).head(features)


def in_one_hot_units(outputs: Tensor, targets: Targets) -> Tensor:
    """Return outputs (K, n, C or 1) on the scale of one-hot targets, (K, n, C).

    Centred targets are one-hot targets minus 1/C. A scalar head has +1 for class 0 and -1 for class
    1.
    """
    if targets == "sign":
        return torch.cat([1 + outputs, 1 - outputs], -1) / 2
    return outputs + 1 / outputs.shape[-1] if targets == "centred" else outputs


@torch.no_grad()
def record(
    records: Records,
    runs: Sequence[str],
    epoch: int,
    step: int,
    evaluate: Evaluate,
    x: Tensor,
    labels: Tensor,
    head: Tensor,
    n_classes: int,
    targets: Targets,
) -> None:
    """Write the arrays of every member at one epoch.

    evaluate: x (n, ...) -> features (K, n, D) and outputs (K, n, C or 1) in evaluation mode.
    x (N, ...), labels (N,) or (K, N); head (K, C or 1, D), the last layer's weight in the order of
    the features. A scalar head w counts as the rows w and -w. A member with a feature or an output
    that is not finite has NaN throughout.
    """
    every = labels.expand(len(runs), -1)
    rows = torch.cat([head, -head], 1).double() if targets == "sign" else head.double()
    moments = Moments(len(runs), n_classes, head.shape[-1], x.device)
    square = (len(runs), n_classes, n_classes)
    sums = {
        name: torch.zeros(square, dtype=torch.float64, device=x.device)
        for name in ("output_mean", "output_misfit")
    }
    for features, outputs, one_hot in _chunks(evaluate, x, every, n_classes, targets):
        moments.update(features, one_hot)
        sums["output_mean"] += one_hot.mT @ outputs
        sums["output_misfit"] += one_hot.mT @ (outputs - one_hot).square()
    arrays = moments.arrays()
    arrays |= {name: total / moments.counts[..., None] for name, total in sums.items()}
    arrays |= {"head_gram": rows @ rows.mT, "head_means": rows @ moments.means.mT}
    arrays["ncc_table"] = _table(evaluate, x, every, n_classes, targets, moments.means)
    finite = torch.stack([v.isfinite().flatten(1).all(1) for v in arrays.values()]).all(0)
    for name in RECORDS["square_sgd"]["arrays"]:
        values = arrays[name].cpu()
        for k, run in enumerate(runs):
            row = values[k] if finite[k] else torch.full_like(values[k], torch.nan)
            records.array(run, epoch, step, name, row.flatten().tolist(), row.shape)


def _chunks(
    evaluate: Evaluate, x: Tensor, labels: Tensor, n_classes: int, targets: Targets
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield features (K, n, D), outputs in one-hot units and one-hot labels (K, n, C).

    They are in float64.
    """
    for i in range(0, len(x), _CHUNK):
        features, outputs = evaluate(x[i : i + _CHUNK])
        one_hot = functional.one_hot(labels[:, i : i + _CHUNK], n_classes).double()
        yield features.double(), in_one_hot_units(outputs.double(), targets), one_hot


def _table(
    evaluate: Evaluate, x: Tensor, labels: Tensor, n_classes: int, targets: Targets, means: Tensor
) -> Tensor:
    """Return the number of examples by largest output and by nearest class mean, (K, C, C)."""
    total = torch.zeros(len(means), n_classes, n_classes, dtype=torch.float64, device=x.device)
    half = means.square().sum(-1) / 2  # ||h - mu||^2 = ||h||^2 - 2 (h mu - ||mu||^2 / 2)
    for features, outputs, _ in _chunks(evaluate, x, labels, n_classes, targets):
        nearest = (features @ means.mT - half[:, None]).argmax(-1)
        chosen = functional.one_hot(outputs.argmax(-1), n_classes).double()
        total += chosen.mT @ functional.one_hot(nearest, n_classes).double()
    return total
