"""Record the residual ||G_S' + weight_decay W|| / (weight_decay ||W||) of each mini-batch S'.

G_S' is the gradient of the loss on the mini-batch S', of rank at most m_l B. W / ||W|| is therefore
within the residual of a matrix of rank m_l B, for every S' and hence for the smallest residual.
Versions 1 and 2 of Galanti & Poggio bound the rank near convergence in this way, with 2 lambda for
torch's weight_decay. The wording of their theorem is recalled; the inequality itself is two lines
of algebra. Norms are Frobenius norms.
"""

from __future__ import annotations

import numpy as np

from ..engine import streams
from ..records import Records
from ._backward import batch_gradients, in_float64
from ._base import Base

RECORDS = {
    "sgd": {
        "arrays": {
            "batch_residual": "||G_S + weight_decay W|| / (weight_decay ||W||) in Frobenius norm,"
            " G_S the gradient on S, for up to 100 whole mini-batches S of the next epoch [1].",
            "residual_rank": "m_l B, the largest rank of G_S [1].",
        },
    },
}
BATCHES = 100  # at most, as in the authors' code


class Observer(Base):
    """An observer that records the residuals of whole batches, to which the bound applies.

    The rank bound is that of B examples.
    """

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks = self.networks
        model = networks.model.double()
        for k, (run, spec) in enumerate(zip(networks.runs, networks.specs, strict=True)):
            state, b, decay = in_float64(networks.state(k)), spec.batch_size, spec.weight_decay
            order = streams.epoch_order(spec.seed, epoch, spec.n_examples)
            residuals: dict[str, list[float]] = {m.label: [] for m in networks.matrices}
            for i in range(0, min(BATCHES * b, spec.n_examples - b + 1), b):
                at = order[i : i + b]
                x, y = networks.train[0][at].double(), networks.train[1][at]
                gradients = batch_gradients(model, state, x, y, spec.objective)
                for m in networks.matrices:
                    w = state[m.parameter]
                    residual = (gradients[m.parameter] + decay * w).norm() / (decay * w.norm())
                    residuals[m.label].append(float(residual))
            for m in networks.matrices:
                rows = {
                    "batch_residual": np.array(residuals[m.label]),
                    "residual_rank": np.array([networks.patches[m.label] * b], dtype=np.float64),
                }
                for name, values in rows.items():
                    records.array(run, epoch, step, name, values.tolist(), values.shape, m.label,
                                  m.averaged)  # fmt: skip
