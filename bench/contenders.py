"""The ways to train, each a function that steps members when called and says how many samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from implicitbias.models import build_seeded
from implicitbias.train.engine.base import Members, Trainer, multiply_float32_in
from implicitbias.train.engine.choose import sub_pack_size, sub_packs, trainer_for
from implicitbias.train.engine.graphs import Replayed
from implicitbias.train.progress import say

from .cases import CLASSES, EXAMPLES, INPUT, MODELS

LR, WEIGHT_DECAY = 0.01, 5e-4
CPU = torch.device("cpu")
Step = Callable[[], int]


def images() -> tuple[Tensor, Tensor]:
    """Noise of CIFAR-10's shape: what is in the images does not change the time."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(EXAMPLES, *INPUT, generator=generator)
    return x, torch.randint(CLASSES, (EXAMPLES,), generator=generator)


def networks(model: str, members: int, device: torch.device = CPU) -> list[nn.Module]:
    """K untrained networks, each of its own seed."""
    name, arguments = MODELS[model]
    return [
        build_seeded(name, INPUT, CLASSES, seed=k, **arguments).to(device) for k in range(members)
    ]


def _batches(size: int, members: int, device: torch.device) -> Iterator[Tensor]:
    """The places (K, B) of a batch of each member, whose order of the examples is its own."""
    while True:
        orders = torch.stack([torch.randperm(EXAMPLES) for _ in range(members)]).to(device)
        yield from torch.split(orders[:, : EXAMPLES // size * size], size, 1)


def _train(model: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(F.cross_entropy(model(x), y))
    optimiser.step()


def loop(model: str, batch_size: int, members: int, device: torch.device = CPU) -> Step:
    """Return a step of the loop that a good user writes: module, optimiser, DataLoader."""
    data = TensorDataset(*images())
    [net] = networks(model, members, device)
    optimiser = torch.optim.SGD(net.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)

    def forever() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from DataLoader(data, batch_size, shuffle=True, drop_last=True)

    batches = forever()

    def step() -> int:
        x, y = next(batches)
        _train(net, optimiser, x.to(device), y.to(device))
        return batch_size

    return step


def resident(model: str, batch_size: int, members: int, device: torch.device = CPU) -> Step:
    """Return a step of that user's loop with the images in one tensor, without a DataLoader."""
    x, y = (t.to(device) for t in images())
    [net] = networks(model, members, device)
    optimiser = torch.optim.SGD(net.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    batches = _batches(batch_size, 1, device)

    def step() -> int:
        index = next(batches)[0]
        _train(net, optimiser, x[index], y[index])
        return batch_size

    return step


def ensemble(model: str, batch_size: int, members: int, device: torch.device = CPU) -> Step:
    """torch.func's model ensembling; batch norm's statistics leave the map as auxiliary output."""
    x, y = (t.to(device) for t in images())
    nets = networks(model, members, device)
    weights, buffers = stack_module_state(nets)
    weights = {name: w.detach() for name, w in weights.items()}
    net = nets[0]

    def objective(
        w: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        own = {name: t.clone() for name, t in b.items()}
        return F.cross_entropy(functional_call(net, (w, own), (x,)), y), own

    gradient = vmap(grad(objective, has_aux=True), randomness="different")
    batches = _batches(batch_size, members, device)

    def step() -> int:
        index = next(batches)
        gradients, moved = gradient(weights, buffers, x[index], y[index])
        buffers.update(moved)
        with torch.no_grad():
            for name, w in weights.items():
                w.mul_(1 - LR * WEIGHT_DECAY).sub_(gradients[name], alpha=LR)
        return batch_size * members

    return step


def ours(
    model: str,
    batch_size: int,
    members: int,
    precision: str = "float32",
    device: torch.device = CPU,
) -> tuple[Step, Trainer]:
    """A pack through the engine, each member with its own order of the examples.

    As train/minibatch.py does it: of the pack's sub-packs, which are trained one after another and
    are alike, the first; and on a GPU recorded steps are replayed.
    """
    x, y = (t.to(device) for t in images())
    dtype = torch.float32
    multiply_float32_in(precision)
    nets = networks(model, members)
    most = sub_pack_size(nets[0], INPUT, batch_size, members, dtype, device)
    nets = nets[sub_packs(members, most)[0]]
    lr, decay, momentum = ([value] * len(nets) for value in (LR, WEIGHT_DECAY, 0.0))
    hyper = Members.of(lr, decay, momentum, dtype, device, batch_size, precision, INPUT, members)
    trainer = trainer_for(nets, hyper, "cross_entropy", dtype, device)
    if device.type == "cuda":
        trainer = Replayed(trainer, say)
    batches = _batches(batch_size, len(nets), device)

    def step() -> int:
        index = next(batches)
        trainer.step(x[index], y[index], 1.0)
        return index.numel()

    return step, trainer


WITHOUT_ENGINE: dict[str, Any] = {"loop": loop, "resident": resident, "vmap": ensemble}
