"""Members in turns: the same algorithm on the same tensors, in another order."""

import pytest
import torch

from implicitbias.models import build_seeded
from implicitbias.plan import spec
from implicitbias.train import tuning
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import (
    BUSY,
    CACHED_BY_HAND,
    abreast,
    in_turns,
    outputs,
    trainer_for,
)
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.mlp import MLPTrainer
from implicitbias.train.engine.mlp_relu import MLPReluTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.sphere import OnSphere
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


def pack(name, momentum=0.9, dtype=torch.float64, batch=8, k=K):
    path, model, arguments = PATHS[name]
    nets = [build_seeded(model, SHAPE, 10, seed=s, **arguments).to(dtype) for s in range(k)]
    rates = [0.1 / (1 + s) for s in range(k)]
    decays = [1e-3 * s for s in range(k)]
    members = Members.of(rates, decays, [momentum] * k, dtype, CPU, batch)
    return path(nets, members, "cross_entropy", dtype, CPU), members


def stream(dtype=torch.float64, batch=8, steps=12):
    """The last batch of three is a partial one."""
    g = torch.Generator().manual_seed(0)
    for step in range(steps):
        n = batch // 2 if step % 3 == 2 else batch
        x = torch.randn(K, n, *SHAPE, generator=g, dtype=dtype)
        yield x, torch.randint(10, (K, n), generator=g), 1.0 if step < 6 else 0.2


def together(trainer, batches):
    return torch.stack([trainer.step(x, y, rate) for x, y, rate in batches])


def by_turns(trainer, n, batches):
    """Each part takes all of its steps before the next one begins."""
    parts = in_turns(trainer, K, n)
    return torch.cat(
        [torch.stack([t.step(x[part], y[part], rate) for x, y, rate in batches], 0)
         for part, t in parts], 1
    )  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("n", [1, 2])
def test_members_in_turns_are_those_abreast(name, momentum, n):
    # In float64 only the order of sums within a convolution may differ: 1e-12 as everywhere.
    (whole, _), (parts, _) = pack(name, momentum), pack(name, momentum)
    batches = list(stream())
    losses = together(whole, batches)
    torch.testing.assert_close(by_turns(parts, n, batches), losses, rtol=1e-12, atol=1e-12)
    for ours, theirs in ((parts.state(), whole.state()), (parts.velocity(), whole.velocity())):
        assert ours.keys() == theirs.keys()
        for key, tensor in theirs.items():
            torch.testing.assert_close(ours[key], tensor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "mlp", "mlp_relu"])
@pytest.mark.parametrize("batch", [4, 8, 64])
def test_where_numbers_do_not_depend_on_the_pack_turns_do_not_change_a_bit(name, batch):
    (whole, _), (parts, _) = (pack(name, 0.0, torch.float32, batch) for _ in range(2))
    batches = list(stream(torch.float32, batch))
    assert torch.equal(together(whole, batches), by_turns(parts, 2, batches))
    for key, tensor in whole.state().items():
        assert torch.equal(parts.state()[key], tensor), key


@pytest.mark.parametrize("name", PATHS)
def test_a_part_steps_its_own_members_only(name):
    trainer, _ = pack(name)
    before = {key: t.clone() for key, t in trainer.state().items()}
    x, y, rate = next(stream())
    trainer.part(slice(1, 3)).step(x[1:3], y[1:3], rate)
    for key, tensor in trainer.state().items():
        assert torch.equal(tensor[[0, 3, 4]], before[key][[0, 3, 4]])
    weight = next(key for key in before if key.endswith("weight"))
    assert not torch.equal(trainer.state()[weight][1:3], before[weight][1:3])


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.usefixtures("blas")
def test_outputs_of_parts_and_in_pieces_are_those_of_all_at_once(name):
    trainer, _ = pack(name)
    x = torch.randn(300, *SHAPE, dtype=torch.float64)  # more than one piece
    expected = torch.cat([trainer.outputs(one) for one in x.split(7)], 1)
    assert expected.shape == (K, 300, 10)
    for n in (1, 2, K):
        found = outputs(in_turns(trainer, K, n), x)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_layers_on_the_sphere_take_turns_too():
    def on_sphere():
        inner, members = pack("mlp_relu")
        return OnSphere(inner, members, ["layers.0.weight"])

    whole, parts, batches = on_sphere(), on_sphere(), list(stream())
    together(whole, batches)
    by_turns(parts, 2, batches)
    for key, tensor in whole.state().items():
        torch.testing.assert_close(parts.state()[key], tensor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("k", "n"), [(1, 1), (5, 5), (5, 2), (24, 7), (64, 1)])
def test_parts_cover_every_member_once_and_are_alike_in_size(k, n):
    trainer, _ = pack("mlp", k=k)
    parts = [part for part, _ in in_turns(trainer, k, n)]
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(k))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) <= n
    assert max(sizes) - min(sizes) <= 1


def rule(model, shape, size, k=64, dtype=torch.float32, device=CPU, **arguments):
    net = build_seeded(model, shape, 10, seed=0, **arguments)
    return abreast(net, shape, size, k, dtype, device)


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
    # conv4 of width 4: 16^2 x 27 x 4 + 8^2 x 36 x 8 + 4^2 x 72 x 16 + 256 x 10 products, 4 layers
    products = 27_648 + 18_432 + 18_432 + 2_560
    for n in (64, 8, 2, 1):
        most = int(4 * BUSY / products / (n - 1)) if n > 1 else 100_000
        assert rule("conv4", image, most, width=4) == n
    assert rule("conv4", image, 16) == 2
    assert rule("conv4", image, 64) == 1


FIELDS = {"procedure": "sgd", "dataset": "digits", "model": "mlp_bn", "depth": 2, "width": 8,
          "batch_size": 9, "epochs": 1, "lr": 0.1}  # fmt: skip


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def look_up(k, **fields):
    one = spec.make({**FIELDS, **fields})
    net = build_seeded("mlp_bn", SHAPE, 10, seed=0, depth=2, width=8)
    return tuning.abreast(one, net, SHAPE, k, "cpu")


def test_what_was_measured_here_is_preferred_to_the_rule(cache):
    assert look_up(16) == 16
    tuning.remember(spec.make(FIELDS), SHAPE, {1: 10.0, 4: 30.0, 8: 20.0, 16: 25.0})
    assert look_up(16) == 4
    assert look_up(2) == 1  # what was measured and fits
    assert look_up(16, batch_size=16) == 16  # another shape
    assert look_up(16, lr=0.5) == 4  # the learning rate costs no time
    torch.set_num_threads(2)
    try:
        assert look_up(16) == 16  # measured with one thread
    finally:
        torch.set_num_threads(1)


def test_a_measurement_covers_the_pack_and_is_remembered(cache):
    runs = [spec.make({**FIELDS, "seed": s}) for s in range(3)]
    [line] = tuning.tune([runs, runs[:2]])
    [shapes] = tuning.table().values()
    [rates] = shapes.values()
    assert list(rates) == ["1", "2", "3"]
    assert all(rate > 0 for rate in rates.values())
    assert "mlp_bn" in line


def test_a_damaged_table_is_one_message(cache):
    tuning.path().parent.mkdir(parents=True)
    tuning.path().write_text('{"here": {"shape": {"1": "fast"}}}')
    with pytest.raises(Exception, match="abreast.json: not a table"):
        look_up(4)


def test_trainers_of_the_registry_offer_parts():
    for name, (path, model, arguments) in PATHS.items():
        nets = [build_seeded(model, SHAPE, 10, seed=s, **arguments).double() for s in range(2)]
        members = Members.of([0.1] * 2, [0.0] * 2, [0.0] * 2, torch.float64, CPU)
        found = trainer_for(nets, members, "cross_entropy", torch.float64, CPU)
        assert isinstance(found, path if name != "plain" else MLPTrainer)
        assert isinstance(found.part(slice(1, 2)), type(found))
