"""Record the terms of the dynamics of the square loss: losses, norms, rho, margins, alignment.

Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss,
Research 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...models._layers import WeightMatrix
from ...models._objectives import LOSSES, decay_lambda, targets
from ..networks import Networks
from ..records import Records
from ._base import Base
from .margins import margins_of

RECORDS = {
    "square_sgd": {
        "scalars": {
            "train_loss": "Mean loss over the training set with the labels that it is trained on,"
            " in evaluation mode, without decay [1].",
            "train_accuracy": "Share of the training set with a positive margin, by those labels"
            " [1].",
            "test_loss": "Mean loss over the test set, in evaluation mode, without decay [1].",
            "test_accuracy": "Share of the test set with a positive margin [1].",
            "fro_norm": "||W||_F of each weight matrix [1].",
            "rho": "Product of the matrices' Frobenius norms; with batch normalisation over the"
            " norms of its running deviations [1].",
            "alignment": "mu, the mean over training examples of <t, f>, f = outputs / rho [1].",
            "output_square": "M, the mean over training examples of ||f||^2 [1].",
            "target_square": "The mean over training examples of ||t||^2 [1].",
            "decay_lambda": "lambda of (1/N) sum ||outputs - t||^2 + lambda ||W||^2: weight_decay"
            " / 2, for loss mse times the C outputs [1].",
            "margin_mean": "Mean over training examples of the margin: the output of the label"
            " less the largest other one, of one output y g; not over rho [1].",
            "margin_std": "Standard deviation of the training margins, with 1/N [1].",
            "margin_min": "Smallest training margin [1].",
            "test_margin_mean": "Mean margin over the test set [1].",
            "bn_norm": "Norm of a batch normalisation's running deviations, by its module's name"
            " [1].",
        },
    },
}
ALWAYS = ("square_sgd",)
Columns = dict[tuple[str, str], Tensor]  # (quantity, layer) -> a value of each member (K,)


class Observer(Base):
    """An observer that records losses, norms, rho, margins and alignment at every record epoch."""

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        columns = {**self._performance(step), **self._norms(), **self._equilibrium(step)}
        for (name, layer), values in columns.items():
            for run, value in zip(self.networks.runs, values.tolist(), strict=True):
                records.scalar(run, epoch, step, name, value, layer)

    def _performance(self, step: int) -> Columns:
        """Return losses, accuracies and margins of both splits."""
        columns: Columns = {}
        for split, (outputs, labels) in self.networks.evaluated(step).items():
            margins = margins_of(outputs, labels)
            finite = outputs.isfinite().flatten(1).all(1)
            share = (margins > 0).double().mean(1)
            columns[f"{split}_accuracy", ""] = share.where(finite, torch.nan)
            loss = LOSSES[self.networks.specs[0].objective]
            columns[f"{split}_loss", ""] = loss(outputs, labels)
            if split == "test":
                columns["test_margin_mean", ""] = margins.mean(1)
                continue
            columns["margin_mean", ""] = margins.mean(1)
            columns["margin_std", ""] = margins.std(1, correction=0)
            columns["margin_min", ""] = margins.amin(1)
        return columns

    def _norms(self) -> Columns:
        return {("fro_norm", m.label): _norm(self.networks, m) for m in self.networks.matrices}

    def _equilibrium(self, step: int) -> Columns:
        """Return rho, mu = mean <t, f>, M = mean ||f||^2 with f = outputs / rho, and lambda."""
        spec, (o, labels) = self.networks.specs[0], self.networks.evaluated(step)["train"]
        rho, deviations = rho_of(self.networks)
        t = targets(labels, o, spec.targets)
        decay = self.networks.members.weight_decay.double()
        return {
            ("rho", ""): rho,
            ("alignment", ""): (o * t).sum(-1).mean(1) / rho,
            ("output_square", ""): o.square().sum(-1).mean(1) / rho.square(),
            ("target_square", ""): t.square().sum(-1).mean(1),
            ("decay_lambda", ""): decay_lambda(decay, spec.loss, o.shape[-1]),
            **{("bn_norm", name): value for name, value in deviations.items()},
        }


def rho_of(networks: Networks) -> tuple[Tensor, dict[str, Tensor]]:
    """Return rho (K,), and every ||sqrt(running variance)||_2 (K,) under its module's name.

    rho is the product of the weights' Frobenius norms. With BatchNorm it is divided by the norms of
    the running deviations, as in the authors' code. It is computed as exp of a sum of logarithms.
    """
    logarithm = torch.stack([_norm(networks, m) for m in networks.matrices]).log().sum(0)
    deviations: dict[str, Tensor] = {}
    for name, tensor in networks.trainer.state().items():
        if name.endswith("running_var"):
            deviation = tensor.double().sum(1).sqrt()
            deviations[name.removesuffix(".running_var")] = deviation
            logarithm = logarithm - deviation.log()
    return logarithm.exp(), deviations


def _norm(networks: Networks, matrix: WeightMatrix) -> Tensor:
    """Return ||W||_F (K,) in float64."""
    norm: Tensor = networks.trainer.state()[matrix.parameter].double().flatten(1).norm(dim=1)
    return norm
