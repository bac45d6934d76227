"""The path of MLP-BN: one batched gemm per layer of K members, and a hand-written backward pass.

A layer of all members is one `bmm`. Batch normalisation is computed by sums over the examples and
elementwise steps, because torch's fused one is slow where batches are short. The layouts are those
of engine/dense.py.

Nothing here is an approximation. The gradients are those of autograd, and no gradient buffer is
kept, because the product that makes a gradient accumulates it into the weight.

A member's numbers do not depend on its pack: to the last bit where batches (the last, partial one
too) hold an even number of examples, to rounding where it is odd. Batched products treat each
matrix alone, and a sum with a factor (`alpha`) rounds once wherever it stands, unlike a fused
`addcmul`, which rounds once or twice according to the memory layout of its operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...models._objectives import LOSSES_WITH_GRADIENT
from ...models.mlp_bn import MLPBN
from .base import Members, Rates, stacked
from .dense import Dense
from .gemm import batched

_relu_backward = torch.ops.aten.threshold_backward.default
_EPS, _RUNNING = 1e-5, 0.1  # BatchNorm1d's defaults


class _Layer(NamedTuple):
    """Views of a hidden layer's parameters, its vectors broadcast over the examples."""

    weight: Tensor
    transposed: Tensor
    gamma: Tensor
    beta: Tensor


class _Normalised(NamedTuple):
    """The values that one layer keeps of a batch for the backward pass."""

    z: Tensor  # W h less its mean, over its standard deviation
    total: Tensor  # the sum of W h over the examples
    squares: Tensor  # the sum of the squares of W h less its mean
    scale: Tensor  # gamma over the standard deviation


class MLPTrainer(Dense):
    """A trainer of K networks of models/mlp_bn.py by SGD."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        members: Members,
        loss: str,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        first = models[0]
        assert isinstance(first, MLPBN)
        super().__init__(members)
        self.loss = LOSSES_WITH_GRADIENT[loss]
        self.depth = len(first.layers)
        state = stacked(models, dtype, device)
        names = [f"layers.{i}.weight" for i in range(self.depth)]
        *self.weights, self.head = self.laid_out([state[n] for n in (*names, "head.weight")])
        self.head_bias = state["head.bias"]
        # Vectors of all layers in one tensor (depth, K, H): one update for all of them.
        kinds = ("layers.{}.bias", "norms.{}.weight", "norms.{}.bias")
        vectors = [[state[kind.format(i)] for i in range(self.depth)] for kind in kinds]
        self.bias, self.gamma, self.beta = (torch.stack(v) for v in vectors)
        self.mean, self.var = (
            torch.stack([state[f"norms.{i}.running_{s}"] for i in range(self.depth)])
            for s in ("mean", "var")
        )
        self.batches = torch.stack(
            [state[f"norms.{i}.num_batches_tracked"] for i in range(self.depth)]
        )
        self.eps = torch.full((), _EPS, dtype=dtype, device=device)  # a number costs a conversion
        self.one_hot = torch.eye(first.head.out_features, dtype=dtype, device=device)
        self.trained = [*self.weights, self.head, self.head_bias, self.bias, self.gamma, self.beta]
        gamma, beta = (v.unsqueeze(2 if self.few else 3) for v in (self.gamma, self.beta))
        self.layers = [_Layer(w, w.mT, gamma[i], beta[i]) for i, w in enumerate(self.weights)]
        self.start()

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step. x (K, B, ...), y (K, B)."""
        hidden = [self.to_matmul_dtype(self.relayout(x.flatten(2)))]
        size, saved = y.shape[1], []
        for layer in self.layers:
            # A bias before batch normalisation changes nothing but the running mean.
            z = self.to_weight_dtype(self.matmul(layer.weight, layer.transposed, hidden[-1]))
            total = self.sum(z)
            z.sub_(total, alpha=1 / size)
            squares = self.sum(z * z)
            rstd = torch.add(self.eps, squares, alpha=1 / size).rsqrt_()
            h = (z.mul_(rstd) * layer.gamma).add_(layer.beta).relu_()
            hidden.append(self.to_matmul_dtype(h))
            saved.append(_Normalised(z, total, squares, rstd.mul_(layer.gamma)))
        self._track(saved, size)
        top = self.to_weight_dtype(hidden[-1])  # the head is small: in the type of the weights
        logits = torch.baddbmm(self.head_bias.unsqueeze(1), self.relayout(top), self.head.mT)
        loss, d = self.loss(logits, self.one_hot[y])
        self._backward(hidden, saved, d, multiplier)
        return loss

    def _track(self, saved: list[_Normalised], size: int) -> None:
        """Update the running mean and (unbiased) variance that evaluation normalises with."""
        mean = self._of_layers([n.total for n in saved]).mul_(1 / size).add_(self.bias)
        var = self._of_layers([n.squares for n in saved]).mul_(1 / (size - 1))
        for running, now in ((self.mean, mean), (self.var, var)):
            running.mul_(1 - _RUNNING).add_(now.mul_(_RUNNING))
        self.batches.add_(1)

    def _of_layers(self, vectors: list[Tensor]) -> Tensor:
        """Return one vector per layer and member as (depth, K, H)."""
        return torch.stack(vectors).view(self.gamma.shape)

    def _backward(
        self,
        hidden: list[Tensor],
        saved: list[_Normalised],
        d: Tensor,
        multiplier: float,
    ) -> None:
        """Backpropagate d = d loss / d logits (K, B, C); each weight is updated once used."""
        rates, vector_rates = self.rates(multiplier)
        size = d.shape[1]
        d = self.relayout(self.descent(d, rates))
        dh = self.to_matmul_dtype(self.matmul_exact(self.head.mT, self.head, d))
        self.update(self.depth, self.head, d, self.to_weight_dtype(hidden[-1]), rates)
        d_gamma: list[Tensor] = []
        d_beta: list[Tensor] = []
        for i, layer in reversed(list(enumerate(self.layers))):
            z, _, _, scale = saved[i]
            dz = self.to_weight_dtype(_relu_backward(dh, hidden[i + 1], 0))
            d_beta.append(self.sum(dz))
            d_gamma.append(self.sum(dz * z))
            # From here on d loss / d (W h): without what the batch's mean and variance take up.
            dz.sub_(d_beta[-1], alpha=1 / size).sub_(z.mul_(d_gamma[-1]), alpha=1 / size)
            dz = self.to_matmul_dtype(dz.mul_(scale))
            if i:
                dh = self.matmul(layer.transposed, layer.weight, dz)
            self.update(i, layer.weight, dz, hidden[i], rates)
        gradients: list[Tensor | None] = [
            self.relayout(d).sum(1),
            None,  # the gradient of a bias before batch normalisation is zero
            self._of_layers(d_gamma[::-1]),
            self._of_layers(d_beta[::-1]),
        ]
        for j, gradient in enumerate(gradients, start=self.depth + 1):
            self._update_vector(j, gradient, vector_rates)

    def _update_vector(self, j: int, gradient: Tensor | None, rates: Rates) -> None:
        """Update the j-th of `trained`, vectors (..., K, n), as `update` does weights."""
        w = self.trained[j]
        if self.buffers:
            v = self.buffers[j].mul_(rates.momentum).add_(w * rates.decay)
            if gradient is not None:
                v.add_(gradient)
            w.sub_(v * rates.lr)
        else:
            w.mul_(rates.keep)
            if gradient is not None:
                w.add_(gradient)

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        flat = self.to_matmul_dtype(x.flatten(1).mT)  # (D, n), the same examples for every member
        h = flat.expand(self.k, *flat.shape)
        bmm = batched(len(x), h.dtype, h.device).bmm
        for i, w in enumerate(self.weights):
            scale = self.gamma[i] * torch.rsqrt(self.var[i] + _EPS)  # (K, H)
            shift = self.beta[i] + (self.bias[i] - self.mean[i]) * scale
            z = self.to_weight_dtype(bmm(self.to_matmul_dtype(w), h))
            h = torch.addcmul(shift.unsqueeze(2), z, scale.unsqueeze(2)).relu_()
            h = self.to_matmul_dtype(h)
        return torch.baddbmm(self.head_bias.unsqueeze(2), self.head, self.to_weight_dtype(h)).mT

    def _named(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return tensors in the order of `trained` under their names in the module."""
        head, head_bias, bias, gamma, beta = tensors[self.depth :]
        named = {"head.weight": head, "head.bias": head_bias}
        for i in range(self.depth):
            named[f"layers.{i}.weight"], named[f"layers.{i}.bias"] = tensors[i], bias[i]
            named[f"norms.{i}.weight"], named[f"norms.{i}.bias"] = gamma[i], beta[i]
        return named

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        named = self._named(self.trained)
        for i in range(self.depth):
            named[f"norms.{i}.running_mean"] = self.mean[i]
            named[f"norms.{i}.running_var"] = self.var[i]
            named[f"norms.{i}.num_batches_tracked"] = self.batches[i]
        return named

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self._named(self.buffers) if self.buffers else {}


TRAINER = MLPTrainer
