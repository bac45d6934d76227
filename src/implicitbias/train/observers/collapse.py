"""The statistics behind neural collapse, accumulated over a data set in float64.

Features h are what enters the last layer, flattened, in evaluation mode. One pass accumulates the
class counts, the class means and the pooled scatter, by merging the moments of chunks (Chan, Golub
& LeVeque, 1979), so that no large sums cancel. Only the count of nearest class means needs a
second pass: it needs the means. What is recorded is small: Gram matrices of the means and of the
last layer, and the scatter seen by the means. `metrics/_collapse.py` says what each is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..records import Records

ARRAYS = (
    "class_counts", "class_gram", "class_scatter", "mean_scatter", "head_gram", "head_means",
    "ncc_table", "output_mean", "output_misfit",
)  # fmt: skip
Targets = Literal["one_hot", "centred", "sign"]
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
_CHUNK = 512  # examples of all members at once, in float64


class Moments:
    """Counts n (K, C), means (K, C, D), scatters of each class (K, C) and pooled (K, D, D)."""

    def __init__(self, members: int, n_classes: int, dimension: int, device: torch.device) -> None:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(members, *shape, dtype=torch.float64, device=device)

        self.counts, self.means = zeros(n_classes), zeros(n_classes, dimension)
        self.spread, self.scatter = zeros(n_classes), zeros(dimension, dimension)

    def update(self, features: Tensor, one_hot: Tensor) -> None:
        """Merge a chunk: features (K, n, D), one_hot (K, n, C), both float64.

        With d the difference of the two means and w = n m / (n + m), the sums of squares of the
        parts plus w d d^T are those of the union, and the mean moves by d m / (n + m).
        """
        counts = one_hot.sum(1)
        means = one_hot.mT @ features / counts.clamp(min=1)[..., None]
        residual = features - one_hot @ means
        moved = (means - self.means) * (counts > 0)[..., None]
        total = (self.counts + counts).clamp(min=1)
        weighted = moved * (self.counts * counts / total)[..., None]
        self.scatter += residual.mT @ residual + weighted.mT @ moved
        self.spread += (one_hot.mT @ residual.square().sum(-1, keepdim=True))[..., 0]
        self.spread += (weighted * moved).sum(-1)
        self.means += moved * (counts / total)[..., None]
        self.counts += counts

    def arrays(self) -> dict[str, Tensor]:
        """The recorded statistics of the features, each (K, ...)."""
        n = self.counts.sum(-1)[:, None, None]
        return {
            "class_counts": self.counts,
            "class_gram": self.means @ self.means.mT,
            "class_scatter": self.spread / self.counts,
            "mean_scatter": self.means @ (self.scatter / n) @ self.means.mT,
        }


def in_one_hot_units(outputs: Tensor, targets: Targets) -> Tensor:
    """Outputs (K, n, C or 1) on the scale of one-hot targets, (K, n, C).

    Centred targets are one-hot less 1/C; a scalar head has +1 for class 0 and -1 for class 1.
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
    """Write the arrays `ARRAYS` of every member at one epoch.

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
    found = moments.arrays()
    found |= {name: total / moments.counts[..., None] for name, total in sums.items()}
    found |= {"head_gram": rows @ rows.mT, "head_means": rows @ moments.means.mT}
    found["ncc_table"] = _table(evaluate, x, every, n_classes, targets, moments.means)
    finite = torch.stack([v.isfinite().flatten(1).all(1) for v in found.values()]).all(0)
    for name in ARRAYS:
        values = found[name].cpu()
        for k, run in enumerate(runs):
            row = values[k] if finite[k] else torch.full_like(values[k], torch.nan)
            records.array(run, epoch, step, name, row.flatten().tolist(), row.shape)


def _chunks(
    evaluate: Evaluate, x: Tensor, labels: Tensor, n_classes: int, targets: Targets
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Features (K, n, D), outputs in one-hot units and one-hot labels (K, n, C), in float64."""
    for i in range(0, len(x), _CHUNK):
        features, outputs = evaluate(x[i : i + _CHUNK])
        one_hot = functional.one_hot(labels[:, i : i + _CHUNK], n_classes).double()
        yield features.double(), in_one_hot_units(outputs.double(), targets), one_hot


def _table(
    evaluate: Evaluate, x: Tensor, labels: Tensor, n_classes: int, targets: Targets, means: Tensor
) -> Tensor:
    """Examples by largest output and by nearest class mean, (K, C, C)."""
    total = torch.zeros(len(means), n_classes, n_classes, dtype=torch.float64, device=x.device)
    half = means.square().sum(-1) / 2  # ||h - mu||^2 = ||h||^2 - 2 (h mu - ||mu||^2 / 2)
    for features, outputs, _ in _chunks(evaluate, x, labels, n_classes, targets):
        nearest = (features @ means.mT - half[:, None]).argmax(-1)
        chosen = functional.one_hot(outputs.argmax(-1), n_classes).double()
        total += chosen.mT @ functional.one_hot(nearest, n_classes).double()
    return total
