"""`square_sgd` is mini-batch SGD on the square loss, with or without normalised layers.

Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss,
Research 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ... import models
from ...models._layers import weight_matrices
from ...plan.spec import RunSpec
from ...plan.specs.square_sgd import Spec
from ..engine import streams
from ..engine.sphere import OnSphere
from ..engine.weight_norm import Ruled, WeightNormalised
from ..minibatch import flushed_denormals, train
from ..networks import Networks
from ..records import Records
from . import Job


def network(spec: Spec, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return the untrained network: weights scaled to their norms, biases as torch draws them."""
    n_outputs = 1 if spec.targets == "sign" else n_classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.init_seed(spec.seed))
        net = models.build(spec.model, shape, n_outputs, **spec.model_arguments)
        for matrix in weight_matrices(net):
            w: Tensor = net.get_parameter(matrix.parameter).data
            head = matrix.parameter == "head.weight"
            if spec.normalisation == "weight_norm":
                norm = spec.init_norm if head else spec.direction_norm
                w.mul_(1.0 if norm is None else norm / w.norm())
                continue
            free = head or spec.normalisation == "none"
            norm = spec.head_norm if head and spec.head_norm is not None else spec.init_norm
            w.normal_().mul_((norm if free else 1.0) / w.norm())
    return net


def permuted(labels: np.ndarray[Any, np.dtype[np.int64]], share: float, seed: int) -> Tensor:
    """Return labels (N,), of which int(share N) are drawn and permuted by the run's own stream."""
    noise, noisy = streams.noise(seed), labels.copy()
    chosen = noise.permutation(len(labels))[: int(share * len(labels))]
    noisy[chosen] = noisy[noise.permutation(chosen)]
    return torch.from_numpy(noisy)


def on_the_square_loss(networks: Networks) -> None:
    """Normalise layers, scale images to norm 1 and add label noise, as the runs ask."""
    shape: Spec = networks.specs[0]
    names = [m.parameter for m in networks.matrices if m.parameter != "head.weight"]
    if shape.normalisation == "lagrange":
        networks.trainer = OnSphere(networks.trainer, networks.members, names)
    elif shape.normalisation == "weight_norm":
        each = [s.gain ** (1 / len(names)) for s in networks.specs]
        gains = torch.tensor(each, dtype=torch.float64)
        trainer = cast(Ruled, networks.trainer)  # planning refuses the models with none
        networks.trainer = WeightNormalised(trainer, dict.fromkeys(names, gains))
    if shape.unit_images:
        networks.train, networks.test = (
            (x / x.flatten(1).norm(dim=1).view(-1, 1, 1, 1), y)
            for x, y in (networks.train, networks.test)
        )
    clean = networks.train[1].cpu().numpy()
    noisy = [permuted(clean, s.label_noise, s.seed) for s in networks.specs]
    networks.labels = torch.stack(noisy).to(networks.train[1].device)


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of a pack of square_sgd runs of one shape."""
    with flushed_denormals():
        return train(specs, job, network, on_the_square_loss)
