"""Record loss, accuracy and zeros of networks at w, at their split variable u, and when pruned."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from ...models._objectives import LOSSES, accuracy
from ..networks import Networks
from ..procedures._splitting import Splitting, Weights, magnitude_masks
from ..records import Records
from ._base import Base

RECORDS = {
    "splitting_sgd": {
        "scalars": {
            "test_loss": "Mean cross-entropy of the network at w over the test set, natural"
            " logarithm [1].",
            "test_accuracy": "Share of the test set that the network at w classifies correctly"
            " [1].",
            "split_test_loss": "As test_loss, of the network at u [1].",
            "split_test_accuracy": "As test_accuracy, of the network at u [1].",
            "zero_weights": "Share of the entries of w that are 0, of all linear and convolutional"
            " layers [1].",
            "zero_channels": "Share of the convolutions' channels whose filter in w is 0; missing"
            " without convolutions [1].",
            "split_zero_weights": "As zero_weights, of u [1].",
            "split_zero_channels": "As zero_channels, of u [1].",
            "pruned_test_accuracy": "As test_accuracy, with the smallest entries of w set to 0,"
            " their share by layer `share<x>`; of runs without penalty and pruning, at the end"
            " [1].",
            "pruned_zero_channels": "As zero_channels, of the same pruned network [1].",
        },
    },
}
ALWAYS = ("splitting_sgd",)
SHARES = np.linspace(0, 0.99, 100)  # at which the unpenalised network is pruned


class Observer(Base):
    """An observer that records zeros and accuracies, and prunes unpenalised networks at the end."""

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        self.splitting = cast(Splitting, networks.trainer)

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        splitting, specs = self.splitting, self.networks.specs
        own = self._performance()
        with splitting.at(splitting.u):
            split = self._performance()
        for k, run in enumerate(self.networks.runs):
            for prefix, (loss, right), weights in (
                ("", own, splitting.weights),
                ("split_", split, splitting.u),
            ):
                zeros, channels = zero_shares(weights, k)
                for name, value in (
                    ("test_loss", loss[k]), ("test_accuracy", right[k]), ("zero_weights", zeros),
                    ("zero_channels", channels),
                ):  # fmt: skip
                    records.scalar(run, epoch, step, f"{prefix}{name}", float(value))
        plain = [k for k, s in enumerate(specs) if s.penalty == "none" and s.prune_share is None]
        if epoch == specs[0].epochs:
            for share in SHARES:
                for k in plain:
                    self._prune(records, k, float(share), epoch, step)

    @torch.no_grad()
    def _performance(self) -> tuple[Tensor, Tensor]:
        """Return test loss and accuracy (K,) of the networks at their present weights."""
        outputs = self.networks.trainer.outputs(self.networks.test[0])
        labels = self.networks.test[1].expand(len(self.networks.runs), -1)
        return LOSSES["cross_entropy"](outputs, labels), accuracy(outputs, labels)

    @torch.no_grad()
    def _prune(self, records: Records, k: int, share: float, epoch: int, step: int) -> None:
        """Write accuracy and zero channels of member k with a share of its weights removed."""
        networks, (x, y), state = self.networks, self.networks.test, self.networks.state(k)
        masks = magnitude_masks(self.splitting.weights, k, share)
        pruned = {n: (state[n] * kept)[None] for n, kept in masks.items()}
        state.update({n: w[0] for n, w in pruned.items()})
        right = accuracy(functional_call(networks.model.eval(), state, (x,))[None], y[None])
        for name, value in (
            ("pruned_test_accuracy", right.item()),
            ("pruned_zero_channels", zero_shares(pruned, 0)[1]),
        ):
            records.scalar(networks.runs[k], epoch, step, name, value, f"share{share:.2f}")


def zero_shares(weights: Weights, member: int) -> tuple[float, float]:
    """Return the shares of zeros in all weights, and of convolution channels with a zero filter."""
    of_member = [w[member] for w in weights.values()]
    zeros = sum(int((w == 0).sum()) for w in of_member)
    filters = [(w == 0).flatten(1).all(1) for w in of_member if w.dim() == 4]
    channels = float(torch.cat(filters).double().mean()) if filters else float("nan")
    return zeros / sum(w.numel() for w in of_member), channels
