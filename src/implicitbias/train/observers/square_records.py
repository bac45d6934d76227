"""What `square_sgd` records of its dynamics: norms, margins, and the terms of the equilibrium."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ...models._layers import WeightMatrix
from ...models._objectives import LOSSES, decay_lambda, targets
from ...plan.specs.square_sgd import Spec
from ..engine.base import Members
from ..records import Records


class Network(NamedTuple):
    """The members' networks at a record: stacked state, matrices, rates and decays."""

    state: dict[str, Tensor]
    matrices: tuple[WeightMatrix, ...]
    members: Members


def margins_of(outputs: Tensor, labels: Tensor) -> Tensor:
    """y_n g_n (K, N), not normalised, of outputs (K, N, C): o_y - max_{j != y} o_j.

    For one output, +g for class 0 and -g for class 1; for two, y_n (o_0 - o_1).
    """
    if outputs.shape[-1] == 1:
        return outputs[..., 0] * (1 - 2 * labels)
    own = outputs.gather(-1, labels[..., None])
    others = outputs.scatter(-1, labels[..., None], -torch.inf).amax(-1)
    return own[..., 0] - others


def rho_of(net: Network) -> dict[str, Tensor]:
    """rho (K,) under "", and every ||sqrt(running variance)||_2 under its module's name.

    Product of the weights' Frobenius norms; divided, with BatchNorm, by those norms of the
    running deviations, as the authors' code has it. Computed as exp of a sum of logarithms.
    """
    norms = [net.state[m.parameter].double().flatten(1).norm(dim=1) for m in net.matrices]
    logarithm = torch.stack(norms).log().sum(0)
    found: dict[str, Tensor] = {}
    for name, tensor in net.state.items():
        if name.endswith("running_var"):
            found[name.removesuffix(".running_var")] = tensor.double().sum(1).sqrt()
            logarithm = logarithm - found[name.removesuffix(".running_var")].log()
    return {"": logarithm.exp(), **found}


def write_dynamics(
    records: Records,
    runs: list[str],
    at: tuple[int, int],
    spec: Spec,
    net: Network,
    outputs: dict[str, Tensor],
    labels: dict[str, Tensor],
) -> None:
    """Losses, accuracies, norms, rho, mu = mean <t, f>, M = mean ||f||^2 and margins."""
    columns: dict[tuple[str, str], Tensor] = {}
    for split in ("train", "test"):
        margins = margins_of(outputs[split], labels[split])
        finite = outputs[split].isfinite().flatten(1).all(1)
        share = (margins > 0).double().mean(1)
        columns[f"{split}_accuracy", ""] = share.where(finite, torch.nan)
        columns[f"{split}_loss", ""] = LOSSES[spec.objective](outputs[split], labels[split])
        if split == "test":
            columns["test_margin_mean", ""] = margins.mean(1)
            continue
        columns["margin_mean", ""] = margins.mean(1)
        columns["margin_std", ""] = margins.std(1, correction=0)
        columns["margin_min", ""] = margins.amin(1)
    for matrix in net.matrices:
        norm = net.state[matrix.parameter].double().flatten(1).norm(dim=1)
        columns["fro_norm", matrix.label] = norm
    found = rho_of(net)
    rho = found.pop("")
    o, t = outputs["train"], targets(labels["train"], outputs["train"], spec.targets)
    columns["rho", ""] = rho
    columns["alignment", ""] = (o * t).sum(-1).mean(1) / rho
    columns["output_square", ""] = o.square().sum(-1).mean(1) / rho.square()
    columns["target_square", ""] = t.square().sum(-1).mean(1)
    decay = net.members.weight_decay.double()
    columns["decay_lambda", ""] = decay_lambda(decay, spec.loss, o.shape[-1])
    columns.update({("bn_norm", name): value for name, value in found.items()})
    for (name, layer), values in columns.items():
        for run, value in zip(runs, values.tolist(), strict=True):
            records.scalar(run, *at, name, value, layer)


def write_gradients(
    records: Records,
    runs: list[str],
    at: tuple[int, int],
    spec: Spec,
    net: Network,
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
) -> None:
    """Norm of the whole training set's gradient with decay, on the sphere its tangent part.

    model: the architecture in evaluation mode; x (N, ...), labels (K, N).
    """
    labels_of = {m.parameter: m.label for m in net.matrices}
    names = [name for name, _ in model.named_parameters()]
    for k, run in enumerate(runs):
        one = {n: t[k].detach().clone() for n, t in net.state.items()}
        weights = {n: one[n].requires_grad_() for n in names}
        outputs = functional_call(model, {**one, **weights}, (x,))
        loss = LOSSES[spec.objective](outputs[None], labels[k][None])[0]
        gradients = torch.autograd.grad(loss, list(weights.values()))
        for name, g in zip(names, gradients, strict=True):
            if name not in labels_of:  # a bias
                continue
            w = weights[name].detach()
            if spec.normalisation == "lagrange" and name != "head.weight":
                g = g - (g * w).sum() / w.square().sum() * w
            else:
                g = g + net.members.weight_decay[k] * w
            records.scalar(run, *at, "gradient_norm", g.norm().item(), labels_of[name])
