"""Record the norm of the training set's gradient with decay, or its tangent part if normalised."""

from __future__ import annotations

import torch
from torch.func import functional_call

from ...models._objectives import LOSSES
from ..records import Records
from ._base import Base

RECORDS = {
    "square_sgd": {
        "scalars": {
            "gradient_norm": "Frobenius norm, by layer, of the gradient over the whole training"
            " set: with decay, or of a normalised layer its tangent part [1].",
        },
    },
}


class Observer(Base):
    """An observer that records the norm of each matrix's full-batch gradient.

    The network is in evaluation mode.
    """

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, spec = self.networks, self.networks.specs[0]
        labels_of = {m.parameter: m.label for m in networks.matrices}
        model = networks.model.eval()
        names = [name for name, _ in model.named_parameters()]
        for k, run in enumerate(networks.runs):
            one = {n: t.detach().clone() for n, t in networks.state(k).items()}
            weights = {n: one[n].requires_grad_() for n in names}
            outputs = functional_call(model, {**one, **weights}, (networks.train[0],))
            loss = LOSSES[spec.objective](outputs[None], networks.labels[k][None])[0]
            gradients = torch.autograd.grad(loss, list(weights.values()))
            for name, g in zip(names, gradients, strict=True):
                if name not in labels_of:  # a bias
                    continue
                w = weights[name].detach()
                if spec.normalisation != "none" and name != "head.weight":
                    g = g - (g * w).sum() / w.square().sum() * w
                else:
                    g = g + networks.members.weight_decay[k] * w
                records.scalar(run, epoch, step, "gradient_norm", g.norm().item(), labels_of[name])
