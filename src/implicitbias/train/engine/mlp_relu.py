"""The path of MLPs without normalisation, which is simpler than that of engine/mlp.py."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...models._objectives import LOSSES_WITH_GRADIENT
from ...models.mlp_relu import MLPRelu
from .base import Members, stacked
from .dense import Dense
from .gemm import batched

_relu_backward = torch.ops.aten.threshold_backward.default


class MLPReluTrainer(Dense):
    """A trainer of K networks of models/mlp_relu.py by SGD."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        members: Members,
        loss: str,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(members)
        first = models[0]
        assert isinstance(first, MLPRelu)
        self.loss = LOSSES_WITH_GRADIENT[loss]
        state = stacked(models, dtype, device)
        self.names = list(state)
        self.trained = self.laid_out(list(state.values()))  # layers in order, then the head
        self.transposed = [w.mT for w in self.trained]
        self.one_hot = torch.eye(first.head.out_features, dtype=dtype, device=device)
        self.start()

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step. x (K, B, ...), y (K, B)."""
        hidden = [self.to_matmul_dtype(self.relayout(x.flatten(2)))]
        layers = list(zip(self.trained, self.transposed, strict=True))
        for w, transposed in layers[:-1]:
            hidden.append(self.matmul(w, transposed, hidden[-1]).relu_())
        logits = self.matmul(*layers[-1], hidden[-1]).to(self.one_hot.dtype)
        loss, d = self.loss(self.relayout(logits), self.one_hot[y])
        rates, _ = self.rates(multiplier)
        d = self.relayout(self.descent(d, rates))
        for j, (w, transposed) in reversed(list(enumerate(layers))):
            h = hidden[j]
            below = _relu_backward(self.matmul(transposed, w, d), h, 0) if j else None
            self.update(j, w, d, h, rates)
            d = below if below is not None else d
        return loss

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        flat = self.to_matmul_dtype(x.flatten(1).mT)  # (D, n), the same examples for every member
        h = flat.expand(self.k, *flat.shape)
        bmm = batched(len(x), h.dtype, h.device).bmm
        *weights, head = (self.to_matmul_dtype(w) for w in self.trained)
        for w in weights:
            h = bmm(w, h).relu_()
        return self.to_weight_dtype(bmm(head, h)).mT

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return dict(zip(self.names, self.trained, strict=True))

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return dict(zip(self.names, self.buffers, strict=False))


TRAINER = MLPReluTrainer
