"""Which path a model takes, how many members train side by side, and into which sub-packs."""

import pytest
import torch

from implicitbias.models import build_seeded
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import (
    CACHED_BY_HAND,
    MULTIPLY_ADDS,
    sub_pack_size,
    sub_packs,
    trainer_for,
)
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.mlp import MLPTrainer
from implicitbias.train.engine.mlp_relu import MLPReluTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.vmapped import VmappedTrainer

CPU, K, SHAPE = torch.device("cpu"), 5, (1, 8, 8)
PATHS = {
    "plain": (PlainTrainer, "mlp_bn", {"depth": 3, "width": 16}),
    "mlp": (MLPTrainer, "mlp_bn", {"depth": 3, "width": 16}),
    "mlp_relu": (MLPReluTrainer, "mlp_relu", {"depth": 3, "width": 16}),
    "grouped": (GroupedTrainer, "convnet", {"depth": 2, "width": 4, "batch_norm": True}),
    "vmapped": (
        VmappedTrainer,
        "vit",
        {"depth": 1, "dim": 8, "heads": 2, "head_dim": 4, "mlp_dim": 16, "dropout": 0.1},
    ),
}


def pack(name, momentum=0.9, dtype=torch.float64, batch=8, runs=slice(0, K)):
    path, model, arguments = PATHS[name]
    seeds = range(runs.start, runs.stop)
    nets = [build_seeded(model, SHAPE, 10, seed=s, **arguments).to(dtype) for s in seeds]
    rates, decays = [0.1 / (1 + s) for s in seeds], [1e-3 * s for s in seeds]
    members = Members.of(rates, decays, [momentum] * len(nets), dtype, CPU, batch)
    return path(nets, members, "cross_entropy", dtype, CPU)


def stream(dtype=torch.float64, batch=8, steps=12):
    """The last batch of three is a partial one."""
    g = torch.Generator().manual_seed(0)
    for step in range(steps):
        n = batch // 2 if step % 3 == 2 else batch
        x = torch.randn(K, n, *SHAPE, generator=g, dtype=dtype)
        yield x, torch.randint(10, (K, n), generator=g), 1.0 if step < 6 else 0.2


def trained(name, batches, runs=slice(0, K), **arguments):
    """Losses (steps, K) of a pack's runs, and their state, momentum buffers among it."""
    trainer = pack(name, runs=runs, **arguments)
    losses = torch.stack([trainer.step(x[runs], y[runs], rate) for x, y, rate in batches])
    velocity = {f"velocity of {key}": t for key, t in trainer.velocity().items()}
    return {"losses": losses.T, **trainer.state(), **velocity}


def one_after_another(name, batches, most, **arguments):
    """The same of sub-packs."""
    parts = [trained(name, batches, runs, **arguments) for runs in sub_packs(K, most)]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("n", [1, 2])
def test_sub_packs_train_as_the_whole_pack(name, momentum, n):
    # In float64 only the order of sums within a convolution may differ: 1e-12 as everywhere.
    batches = list(stream())
    whole = trained(name, batches, momentum=momentum)
    parts = one_after_another(name, batches, n, momentum=momentum)
    assert parts.keys() == whole.keys()
    for key, tensor in whole.items():
        torch.testing.assert_close(parts[key], tensor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "mlp", "mlp_relu"])
@pytest.mark.parametrize("batch", [4, 8, 64])
def test_where_numbers_do_not_depend_on_the_pack_sub_packs_do_not_change_a_bit(name, batch):
    batches, usual = list(stream(torch.float32, batch)), {"momentum": 0.0, "dtype": torch.float32}
    whole = trained(name, batches, batch=batch, **usual)
    for key, tensor in one_after_another(name, batches, 2, batch=batch, **usual).items():
        assert torch.equal(tensor, whole[key]), key


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.usefixtures("blas")
def test_outputs_in_pieces_are_those_of_all_at_once(name):
    trainer = pack(name)
    x = torch.randn(300, *SHAPE, dtype=torch.float64)  # more than one piece
    expected = torch.cat([trainer.outputs(one) for one in x.split(7)], 1)
    assert expected.shape == (K, 300, 10)
    torch.testing.assert_close(trainer.outputs(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("k", "n"), [(1, 1), (5, 5), (5, 2), (24, 7), (64, 1)])
def test_sub_packs_cover_every_member_once_and_are_alike_in_size(k, n):
    parts = sub_packs(k, n)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(k))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) <= n
    assert max(sizes) - min(sizes) <= 1


def rule(model, shape, size, k=64, dtype=torch.float32, device=CPU, **arguments):
    net = build_seeded(model, shape, 10, seed=0, **arguments)
    return sub_pack_size(net, shape, size, k, dtype, device)


def test_the_rule_is_that_of_its_measurements():
    image = (3, 32, 32)
    big, small = {"depth": 5, "width": 500}, {"depth": 10, "width": 100}
    assert rule("mlp_relu", image, 4, **big) == 1  # 10 MB a member
    # 100 x 3072 + 9 x 100 x 100 weights, 10 x (bias, scale, shift), the head: 4 bytes each
    weights = 4 * (307_200 + 90_000 + 3_000 + 1_010)
    assert rule("mlp_bn", image, 4, **small) == int(CACHED_BY_HAND // weights) == 4
    assert rule("mlp_bn", image, 4, dtype=torch.float64, **small) == 2
    assert [rule("mlp_bn", image, 4, k=k, **small) for k in (3, 5, 7, 9)] == [3, 5, 4, 5]
    assert rule("resnet18", image, 4) == 1
    assert rule("mlp_relu", image, 4, device=torch.device("cuda"), **big) == 64
    # Multiply-adds of conv4, width 4: 16^2 x 27 x 4 + 8^2 x 36 x 8 + 4^2 x 72 x 16 + 256 x 10
    multiply_adds = 27_648 + 18_432 + 18_432 + 2_560
    for n in (64, 8, 2, 1):
        most = int(4 * MULTIPLY_ADDS / multiply_adds / (n - 1)) if n > 1 else 100_000
        assert rule("conv4", image, most, width=4) == n
    assert rule("conv4", image, 16) == 2
    assert rule("conv4", image, 64) == 1


@pytest.mark.parametrize("name", PATHS)
def test_a_model_takes_its_path(name):
    path, model, arguments = PATHS[name]
    nets = [build_seeded(model, SHAPE, 10, seed=s, **arguments).double() for s in range(2)]
    members = Members.of([0.1] * 2, [0.0] * 2, [0.0] * 2, torch.float64, CPU)
    found = trainer_for(nets, members, "cross_entropy", torch.float64, CPU)
    assert isinstance(found, path if name != "plain" else MLPTrainer)
