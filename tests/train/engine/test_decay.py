"""With `decay: weights` every path is torch.optim.SGD with two groups of parameters."""

import pytest
import torch
from torch.nn import functional

from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.plan import spec
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.plain import PlainTrainer

CPU, F64, K, LR, DECAY = torch.device("cpu"), torch.float64, 2, 0.02, 0.3
NETS = {
    "conv3": {"width": 4, "head_bias": True},
    "convnet": {"depth": 2, "width": 4, "batch_norm": True},
    "mlp_bn": {"depth": 3, "width": 16},
    "mlp_relu": {"depth": 3, "width": 16},
    "vit": {"dim": 8, "depth": 2, "heads": 2, "head_dim": 4, "mlp_dim": 16, "dropout": 0.0},
}


def nets(name):
    return [build_seeded(name, (1, 16, 16), 10, seed=s, **NETS[name]).to(F64) for s in range(K)]


def batches():
    g = torch.Generator().manual_seed(1)
    for _ in range(20):
        yield (
            torch.randn(K, 8, 1, 16, 16, generator=g, dtype=F64),
            torch.randint(10, (K, 8), generator=g),
        )


def by_torch(name, momentum, decay_vectors):
    trained = nets(name)
    optimisers = []
    for net in trained:
        weights = [p for p in net.parameters() if p.dim() > 1]
        vectors = [p for p in net.parameters() if p.dim() < 2]
        groups = [{"params": weights, "weight_decay": DECAY}]
        if vectors:
            groups.append({"params": vectors, "weight_decay": DECAY * decay_vectors})
        optimisers.append(torch.optim.SGD(groups, lr=LR, momentum=momentum))
    for x, y in batches():
        for k, (net, optimiser) in enumerate(zip(trained, optimisers, strict=True)):
            optimiser.zero_grad()
            functional.cross_entropy(net.train()(x[k]), y[k]).backward()
            optimiser.step()
    return trained


def gap(trainer, trained):
    state = trainer.state()
    return max(
        (state[n][k] - p).abs().max().item()
        for k, net in enumerate(trained)
        for n, p in net.named_parameters()
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("path", [trainer_for, PlainTrainer])
@pytest.mark.parametrize("name", NETS)
def test_vectors_are_not_decayed(name, path, momentum):
    members = Members.of(
        [LR] * K, [DECAY] * K, [momentum] * K, F64, CPU, 8, decay_vectors=False
    )  # fmt: skip
    trainer = path(nets(name), members, "cross_entropy", F64, CPU)
    for x, y in batches():
        trainer.step(x, y, 1.0)
    assert gap(trainer, by_torch(name, momentum, decay_vectors=False)) < 1e-12
    if name != "mlp_relu":  # which has no vectors
        assert gap(trainer, by_torch(name, momentum, decay_vectors=True)) > 1e-3


def test_it_is_another_run_and_a_normalised_network_cannot_have_it():
    fields = {"procedure": "sgd", "model": "mlp_bn", "dataset": "digits", "batch_size": 10,
              "epochs": 1, "lr": 0.1, "depth": 2, "width": 4}  # fmt: skip
    one, other = spec.make(fields), spec.make({**fields, "decay": "weights"})
    assert one.run_id != other.run_id
    assert one.shape() != other.shape()
    assert spec.make({**fields, "decay": "all"}).run_id == one.run_id
    with pytest.raises(UserError, match="belongs to normalisation 'none'"):
        spec.make({**fields, "procedure": "square_sgd", "model": "mlp_relu", "decay": "weights"})
