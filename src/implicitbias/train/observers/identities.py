"""Record the terms of what Xu et al. (2023) prove of homogeneous networks on the square loss.

All terms are of the whole training set, in float64, with gradients by autograd. rho is the norm of
the head, f = outputs / rho. Lemmas 1 to 6 need only that the network is of degree 1 in each layer.
`metrics/homogeneity.py` says which relations must hold between the terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ...models._objectives import decay_lambda, targets
from ..records import Records
from ._base import Base
from .collapse import Both

if TYPE_CHECKING:
    from ...plan.specs.square_sgd import Spec

RECORDS = {
    "square_sgd": {
        "arrays": {
            "layer_pull": "<W_k, dL/dW_k>, L = mean ||outputs - t||^2 without decay, of each layer"
            " [1].",
            "flow_terms": "rho, mu, M, mean ||t||^2, L and lambda: of the whole training set, at"
            " each layer the same [1].",
            "head_gradients": "||dL/dW||_F of the head, the same with decay, and the mean of"
            " ||h||^2 over its inputs h [1].",
            "head_rotation": "Of one output: cosines a by which the head is rotated (first row),"
            " and the largest |f'_n - a f_n| / ||h_n minus its part along the head|| [1].",
        },
        "scalars": {
            "head_alignment": (
                "For networks of one output: mean of |cos(h_n, W)|, where h_n enters the"
                " head W [1]."
            ),
        },
    },
}
COSINES = (0.9, 0.5, 0.1)
_CHUNK = 512  # examples at once


def check(spec: Spec) -> None:
    """Raise ValueError for models that are not homogeneous in each layer."""
    if any(spec.model_arguments.get(name) for name in ("bias", "batch_norm", "head_bias")):
        raise ValueError("needs a model without biases and batch_norm")


class Observer(Base):
    """An observer that records the terms, at every record."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, spec = self.networks, self.networks.specs[0]
        for k, run in enumerate(networks.runs):
            weights = networks.state(k)
            gradients, outputs, h = evaluated(
                networks.model.eval(), weights, networks.train[0], networks.labels[k], spec.targets
            )
            head = weights["head.weight"].double()
            t = targets(networks.labels[k], outputs, spec.targets)
            decay = networks.members.weight_decay[k].double()
            shared = terms(head, outputs, t, decay_lambda(decay, spec.loss, outputs.shape[-1]))
            for m in networks.matrices:
                g = gradients[m.parameter]
                pull = (weights[m.parameter].double() * g).sum()
                found = {"flow_terms": shared, "layer_pull": pull[None]}
                if m.parameter == "head.weight":
                    found["head_gradients"] = torch.stack(
                        [g.norm(), (g + 2 * shared[-1] * head).norm(), h.square().sum(1).mean()]
                    )
                    if len(head) == 1:
                        found["head_rotation"], alignment = rotated(head[0], h)
                        records.scalar(run, epoch, step, "head_alignment", alignment)
                for name, values in found.items():
                    records.array(
                        run, epoch, step, name, values.flatten().tolist(), values.shape, m.label,
                        m.averaged,
                    )  # fmt: skip


def evaluated(
    model: nn.Module, weights: Mapping[str, Tensor], x: Tensor, labels: Tensor, kind: str
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Return gradients of mean ||outputs - t||^2 by name, outputs (N, C) and features (N, D).

    All of these are in float64.
    """
    leaves = {name: w.detach().double().requires_grad_() for name, w in weights.items()}
    total = {name: torch.zeros_like(w) for name, w in leaves.items()}
    outputs, features = [], []
    net, named = Both(model), {f"net.{name}": w for name, w in leaves.items()}
    for i in range(0, len(x), _CHUNK):
        h, o = functional_call(net, named, (x[i : i + _CHUNK].double(),))
        loss = (o - targets(labels[i : i + _CHUNK], o, kind)).square().sum() / len(x)
        for name, g in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            total[name] += g
        outputs.append(o.detach())
        features.append(h.detach())
    return total, torch.cat(outputs), torch.cat(features)


def terms(head: Tensor, outputs: Tensor, t: Tensor, lam: Tensor) -> Tensor:
    """Return rho, mu, M, mean ||t||^2, L, lambda (6,) of head (C, D), outputs and t (N, C)."""
    rho = head.norm()
    f = outputs / rho
    return torch.stack([
        rho, (t * f).sum(1).mean(), f.square().sum(1).mean(), t.square().sum(1).mean(),
        (outputs - t).square().sum(1).mean(), lam,
    ])  # fmt: skip


def rotated(head: Tensor, h: Tensor) -> tuple[Tensor, float]:
    """Return `head_rotation` (2, COSINES) and `head_alignment` of a head (D,) and h (N, D).

    The head is rotated to a V + sqrt(1 - a^2) u, where u is the direction of the first h_n minus
    its part along V. With this u, lemma 5's inequality is an equality for that example. Examples
    with h_n = 0 do not count, nor do those parallel to the head.
    """
    rho = head.norm()
    v = head / rho
    along = h @ v
    rest = h - along[:, None] * v
    length = rest.norm(dim=1)
    counted = length > 1e-9 * h.norm(dim=1)
    alignment = (along.abs() / h.norm(dim=1))[h.norm(dim=1) > 0].mean().item()
    cosines = torch.tensor(COSINES, dtype=h.dtype, device=h.device)
    if not counted.any():
        return torch.stack([cosines, torch.zeros_like(cosines)]), alignment
    first = int(counted.nonzero()[0])
    u = rest[first] / length[first]
    turned = rho * (cosines[:, None] * v + (1 - cosines.square()).sqrt()[:, None] * u)
    off = (h @ turned.T / rho - cosines * along[:, None]).abs()  # (N, COSINES)
    return torch.stack([cosines, (off / length[:, None])[counted].amax(0)]), alignment
