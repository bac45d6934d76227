"""Record how far each training example is from being stationary by itself.

Let f be the margin of the network whose weights V_k all have ||V_k||_F = 1. A common stationary
point of every mini-batch would need f_n V_k = df_n/dV_k for each example n with a residual. Because
f is of degree 1 in each V_k, <V_k, df_n/dV_k> = f_n, so the difference is the part of the gradient
that is orthogonal to V_k. This holds only for networks without biases and without batch
normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ...models._layers import WeightMatrix, patches
from ..records import Records
from ._base import Base

if TYPE_CHECKING:
    from ...plan.specs.square_sgd import Spec

RECORDS = {
    "square_sgd": {
        "arrays": {
            "sample_residual": "||f V_k - df/dV_k||_F of each of the first 128 training examples,"
            " f its margin with every layer at norm 1 [1].",
            "sample_sine": "sample_residual / ||df/dV_k||_F: sine of the angle between the two, in"
            " [0, 1] [1].",
            "sample_margin": "f of each of these examples, at each layer the same [1].",
            "sample_patches": "m_k, the places where the layer is applied to one example [1].",
            "sample_gap": "Of one output: e_n = 1 - rho f_n of these examples, rho the product of"
            " all norms [1].",
            "turn_norm": "Of one output: ||mean of e_n (df_n/dV_k - f_n V_k)||_F over these"
            " examples [1].",
        },
    },
}
EXAMPLES = 128  # the first of the training set


def check(spec: Spec) -> None:
    """Raise ValueError for models that are not homogeneous in each layer."""
    if any(spec.model_arguments.get(name) for name in ("bias", "batch_norm", "head_bias")):
        raise ValueError("needs a model without biases and batch_norm")


class Observer(Base):
    """An observer that records the residuals at every record epoch but the untrained network's."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        if epoch > 0:
            networks = self.networks
            record(
                records, networks.runs, epoch, step, networks.model.eval(),
                networks.trainer.state(), networks.matrices, networks.train[0][:EXAMPLES],
                networks.labels[:, :EXAMPLES],
            )  # fmt: skip


def margin(outputs: Tensor, label: Tensor) -> Tensor:
    """Return y_n g_n of one example: outputs (C,) or (1,), label (), to ().

    With two outputs, it is the output of the label minus the other; with more, minus the largest
    other. With one output, it is the output for label 0, and minus the output for label 1.
    """
    if len(outputs) == 1:
        return outputs[0] * (1 - 2 * label)
    own = torch.arange(len(outputs), device=outputs.device) == label
    return outputs.where(own, 0).sum() - outputs.where(~own, -torch.inf).amax()


def record(
    records: Records,
    runs: Sequence[str],
    epoch: int,
    step: int,
    model: nn.Module,
    state: Mapping[str, Tensor],
    matrices: Sequence[WeightMatrix],
    x: Tensor,
    labels: Tensor,
) -> None:
    """Write ||f_n V_k - df_n/dV_k||_F, also relative to the gradient, by layer and example of x.

    state: parameters (K, ...) by name; labels (n,) or (K, n). `sample_sine` is the sine of the
    angle between V_k and df_n/dV_k, in [0, 1]; 0/0 is NaN. The other records are for the
    certificates of metrics/homogeneity.py.
    """
    seen = patches(model, tuple(x.shape[1:]))

    def of_example(parameters: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        outputs: Tensor = functional_call(model, parameters, (one[None],))
        return margin(outputs[0], label)

    every = labels.expand(len(runs), -1)
    for k, run in enumerate(runs):
        weights = {m.parameter: state[m.parameter][k].double() for m in matrices}
        units = {name: w / w.norm() for name, w in weights.items()}
        # A copy of the weights for each example: torch.func.grad would import torch's compiler.
        each = {
            name: u.expand(len(x), *u.shape).detach().requires_grad_() for name, u in units.items()
        }
        f = vmap(of_example)(each, x.double(), every[k])
        gradients = dict(zip(each, torch.autograd.grad(f.sum(), list(each.values())), strict=True))
        one = len(weights["head.weight"]) == 1
        rho = torch.stack([w.norm() for w in weights.values()]).prod()
        gaps = 1 - rho * f.detach()
        for matrix in matrices:
            unit, gradient = units[matrix.parameter], gradients[matrix.parameter].flatten(1)
            length = gradient.norm(dim=1)
            # In place: another array of every example's gradient would double the time.
            residual = gradient.addr_(f.detach(), unit.flatten(), alpha=-1).norm(dim=1)
            values = {
                "sample_residual": residual, "sample_sine": residual / length,
                "sample_margin": f.detach(),
                "sample_patches": torch.tensor([float(seen[matrix.label])]),
            }  # fmt: skip
            if one:
                values["sample_gap"] = gaps
                values["turn_norm"] = (gaps @ gradient).norm()[None] / len(x)
            for name, column in values.items():
                records.array(
                    run, epoch, step, name, column.tolist(), column.shape, matrix.label,
                    matrix.averaged,
                )  # fmt: skip
