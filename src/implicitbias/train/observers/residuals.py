"""How nearly single mini-batches are stationary: ||G_S' + weight_decay W|| / (weight_decay ||W||).

G_S' is the gradient of the loss on the mini-batch S', of rank at most m_l B; so W / ||W|| is
within that number of rank m_l B, for every S' and hence for the least. Versions 1 and 2 of Galanti
& Poggio bound the rank near convergence in this way, with 2 lambda for torch's weight_decay; the
wording of their theorem is recalled, the inequality itself is two lines of algebra. Frobenius norm.
"""

from __future__ import annotations

import numpy as np

from ..engine import streams
from ..records import Records
from . import Stateless, Watched
from ._backward import batch_gradients, in_float64

BATCHES = 100  # at most, as in the authors' code


class Residuals(Stateless):
    """Nothing is kept between records."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Observer. Whole batches only: the rank bound is that of B examples."""
        watched = self.watched
        model = watched.model.double()
        for k, (run, spec) in enumerate(zip(watched.runs, watched.specs, strict=True)):
            state, b, decay = in_float64(watched.state(k)), spec.batch_size, spec.weight_decay
            order = streams.epoch_order(spec.seed, epoch, spec.n_examples)
            found: dict[str, list[float]] = {m.label: [] for m in watched.matrices}
            for i in range(0, min(BATCHES * b, spec.n_examples - b + 1), b):
                at = order[i : i + b]
                gradients = batch_gradients(
                    model, state, watched.x[at].double(), watched.y[at], spec.objective
                )
                for m in watched.matrices:
                    w = state[m.parameter]
                    residual = (gradients[m.parameter] + decay * w).norm() / (decay * w.norm())
                    found[m.label].append(float(residual))
            for m in watched.matrices:
                rows = {
                    "batch_residual": np.array(found[m.label]),
                    "residual_rank": np.array([watched.patches[m.label] * b], dtype=np.float64),
                }
                for name, values in rows.items():
                    records.array(run, epoch, step, name, values.tolist(), values.shape, m.label,
                                  m.averaged)  # fmt: skip
