"""bfloat16: products with 8 bits, everything else in float32; the paths agree with autocast."""

import pytest
import torch

from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.plan import spec
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.mlp import MLPTrainer
from implicitbias.train.engine.mlp_relu import MLPReluTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.vmapped import VmappedTrainer

CPU, F32, K, SHAPE = torch.device("cpu"), torch.float32, 2, (1, 8, 8)
NETS = {
    MLPTrainer: ("mlp_bn", {"depth": 3, "width": 32}),
    MLPReluTrainer: ("mlp_relu", {"depth": 3, "width": 32}),
    GroupedTrainer: ("conv4", {"width": 32}),
    VmappedTrainer: ("vit", {"dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "mlp_dim": 32}),
}
ROUND_OFF = 2.0**-8  # of a bfloat16


def trainer_of(path, net, precision, momentum=0.0):
    """K networks before their first step."""
    model, arguments = net
    nets = [build_seeded(model, SHAPE, 10, seed=s, **arguments) for s in range(K)]
    members = Members.of([0.05] * K, [1e-2] * K, [momentum] * K, F32, CPU, 32, precision, SHAPE)
    return path(nets, members, "cross_entropy", F32, CPU)


def trained(path, net, precision, momentum, steps):
    """How far the matrices have moved, (K, ...) by name, and the losses of the last step (K,)."""
    trainer = trainer_of(path, net, precision, momentum)
    start = {name: w.clone() for name, w in trainer.state().items()}
    g = torch.Generator().manual_seed(0)
    for _ in range(steps):
        x = torch.randn(K, 32, *SHAPE, generator=g)
        losses = trainer.step(x, torch.randint(10, (K, 32), generator=g), 1.0)
    assert all(w.dtype == F32 for w in trainer.state().values() if w.is_floating_point())
    moved = {
        n: w - start[n] for n, w in trainer.state().items()
        if n.endswith("weight") and "norms" not in n
    }  # fmt: skip
    return moved, losses


def distance(a, b):
    """The largest relative distance of two updates, over the matrices."""
    return max(((a[n] - b[n]).norm() / b[n].norm()).item() for n in b)


@pytest.mark.parametrize("path", NETS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_is_autocasts_within_the_rounding_of_its_products(path, momentum):
    exact, _ = trained(PlainTrainer, NETS[path], "float32", momentum, 1)
    by_autocast, autocast_loss = trained(PlainTrainer, NETS[path], "bfloat16", momentum, 1)
    ours, loss = trained(path, NETS[path], "bfloat16", momentum, 1)
    # Some ten roundings between the image and a gradient, each relative to its own term.
    assert distance(ours, by_autocast) < 10 * ROUND_OFF
    torch.testing.assert_close(loss, autocast_loss, rtol=2 * ROUND_OFF, atol=0)
    # And products are in bfloat16 on both: float32 would be a hundred times nearer.
    assert distance(ours, exact) > ROUND_OFF / 8
    assert distance(by_autocast, exact) > ROUND_OFF / 8


@pytest.mark.parametrize("path", [*NETS, PlainTrainer])
def test_evaluation_is_autocasts_within_the_rounding_of_its_products(path):
    net = NETS.get(path, NETS[GroupedTrainer])
    x = torch.randn(300, *SHAPE, generator=torch.Generator().manual_seed(1))
    exact = trainer_of(PlainTrainer, net, "float32").outputs(x)
    by_autocast = trainer_of(PlainTrainer, net, "bfloat16").outputs(x)
    ours = trainer_of(path, net, "bfloat16").outputs(x)
    assert ours.dtype == by_autocast.dtype == F32
    away = [((ours - other).norm() / exact.norm()).item() for other in (by_autocast, exact)]
    assert away[0] < 2 * ROUND_OFF
    assert ROUND_OFF / 8 < away[1] < 2 * ROUND_OFF


@pytest.mark.parametrize("path", NETS)
def test_the_loss_after_training_is_float32s_within_its_noise(path):
    _, low = trained(path, NETS[path], "bfloat16", 0.0, 60)
    _, full = trained(path, NETS[path], "float32", 0.0, 60)
    torch.testing.assert_close(low, full, rtol=0.05, atol=0.02)


def test_larger_records_are_refused():
    fields = {"procedure": "sgd", "dataset": "digits", "model": "mlp_bn", "batch_size": 9,
              "epochs": 1, "lr": 0.1, "precision": "bfloat16"}  # fmt: skip
    assert spec.make(fields).precision == "bfloat16"
    with pytest.raises(UserError, match="record: gradients is not recorded"):
        spec.make({**fields, "record": ["gradients"]})
