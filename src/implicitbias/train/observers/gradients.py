"""Record the spectra of gradients of the weight matrices, of single examples and of batches.

They are computed in float64, on the first examples of the next epoch, in each run's own order. The
gradient of one example has rank at most m_l, and the gradient of a batch of b examples at most m_l
b (Galanti et al. 2025, lemma 3.1). With batch normalisation an example has no gradient of its own.
In a batch of two every normalised unit is +-1 whatever its weights, and its gradient is only
rounding, so with batch normalisation the batches have at least 4 examples.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..engine import streams
from ..networks import Networks
from ..records import Records
from ._backward import batch_gradients, in_float64, summands
from ._base import Base

RECORDS = {
    "sgd": {
        "arrays": {
            "batch_gradients": "Singular values of the gradient on the first b examples of the"
            " next epoch, a row for each b of gradient_sizes; in float64, without decay [1].",
            "batch_summands": "For each b, ||d||_F ||x||_F: the size of the products that the"
            " gradient sums [1].",
            "sample_gradients": "As batch_gradients, of single examples, a row each; none with"
            " batch normalisation [1].",
            "sample_summands": "As batch_summands, of single examples [1].",
            "gradient_sizes": "The batch sizes b of batch_gradients [examples].",
            "patches": "m_l, how often the layer is applied to one example [1].",
        },
    },
}
SIZES = (1, 2, 4, 8, 16, 32, 64)
EXAMPLES = 8


class Observer(Base):
    """An observer that records spectra of gradients, each with the size of its summed terms."""

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        whole = networks.specs[0]
        sizes = {*(b for b in SIZES if b <= whole.n_examples), whole.batch_size}
        self.sizes = sorted(b for b in sizes if not whole.normalises_batch or b > 2)
        self.examples = 0 if whole.normalises_batch else EXAMPLES

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks = self.networks
        model = networks.model.double()
        kinds = {
            "batch": [slice(0, b) for b in self.sizes],
            "sample": [slice(i, i + 1) for i in range(self.examples)],
        }
        for k, (run, spec) in enumerate(zip(networks.runs, networks.specs, strict=True)):
            order = streams.epoch_order(spec.seed, epoch, spec.n_examples)[
                : max(self.sizes[-1], self.examples)
            ]
            x, y = networks.train[0][order].double(), networks.train[1][order]
            gradients_of: dict[str, list[tuple[dict[str, Tensor], dict[str, float]]]] = {}
            for kind, ranges in kinds.items():
                gradients_of[kind] = []
                for at in ranges:
                    with summands(model, networks.matrices) as scales:
                        gradients = batch_gradients(
                            model, in_float64(networks.state(k)), x[at], y[at], spec.objective
                        )
                    gradients_of[kind].append((gradients, dict(scales)))
            for matrix in networks.matrices:
                rows = {
                    "gradient_sizes": np.array(self.sizes, dtype=np.float64),
                    "patches": np.array([networks.patches[matrix.label]], dtype=np.float64),
                }
                for kind, each in gradients_of.items():
                    if each:
                        rows[f"{kind}_gradients"] = np.stack(
                            [_svd(g[matrix.parameter]) for g, _ in each]
                        )
                        rows[f"{kind}_summands"] = np.array([s[matrix.label] for _, s in each])
                for name, values in rows.items():
                    records.array(
                        run, epoch, step, name, values.ravel().tolist(), values.shape,
                        matrix.label, matrix.averaged,
                    )  # fmt: skip


def _svd(gradient: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the singular values of a matrix (rows, rest), by a method accurate for small ones."""
    matrix = gradient.flatten(1).cpu().numpy()
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.asarray(np.linalg.svd(matrix, compute_uv=False))
