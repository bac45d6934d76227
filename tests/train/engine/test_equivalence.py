"""One algorithm, three implementations: torch.optim.SGD, the plain path and the fast path."""

import pytest
import torch
from torch.nn import functional

from implicitbias.models import build_seeded
from implicitbias.train.engine.base import Members, load_into
from implicitbias.train.engine.mlp import MLPTrainer
from implicitbias.train.engine.mlp_relu import MLPReluTrainer
from implicitbias.train.engine.plain import PlainTrainer

CPU, F64 = torch.device("cpu"), torch.float64
K, STEPS = 3, 100


NETS = {PlainTrainer: "mlp_bn", MLPTrainer: "mlp_bn", MLPReluTrainer: "mlp_relu"}


def models(name="mlp_bn", seeds=range(K), dtype=F64):
    return [build_seeded(name, (1, 8, 8), 10, seed=s, depth=4, width=20).to(dtype) for s in seeds]


def members(momentum, dtype=F64, hint=128):
    return Members.of([0.1, 0.05, 0.02], [1e-2, 0.0, 1e-3], [momentum] * K, dtype, CPU, hint)


def batches(dtype=F64, steps=STEPS):
    """Batches of 16 and, every tenth, a last partial one of 7, with a schedule."""
    g = torch.Generator().manual_seed(0)
    for step in range(steps):
        b = 7 if step % 10 == 9 else 16
        x = torch.randn(K, b, 1, 8, 8, generator=g, dtype=F64).to(dtype)
        yield x, torch.randint(0, 10, (K, b), generator=g), 1.0 if step < 60 else 0.2


def train_by_torch(momentum, loss, model="mlp_bn"):
    """The independent implementation: nn.Module, autograd, torch.optim.SGD, torch's losses."""
    nets, hyper = models(model), members(momentum)
    optimisers = [
        torch.optim.SGD(
            net.parameters(), lr=hyper.lr[k].item(), momentum=momentum,
            weight_decay=hyper.weight_decay[k].item(),
        )
        for k, net in enumerate(nets)
    ]  # fmt: skip
    for x, y, multiplier in batches():
        for k, (net, optimiser) in enumerate(zip(nets, optimisers, strict=True)):
            optimiser.param_groups[0]["lr"] = multiplier * hyper.lr[k].item()
            out = net.train()(x[k])
            if loss == "cross_entropy":
                value = functional.cross_entropy(out, y[k])
            else:  # MSELoss divides by N and C; the papers' square loss by N alone
                value = 10 * functional.mse_loss(out, functional.one_hot(y[k], 10).to(F64))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
    return nets


def largest_gap(trainer, nets):
    state = trainer.state()
    return max(
        (state[name][k].double() - tensor.double()).abs().max().item()
        for k, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
    )


pytestmark = pytest.mark.usefixtures("blas")


@pytest.mark.parametrize("path", NETS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("loss", ["cross_entropy", "square"])
def test_every_path_is_torch_sgd(path, momentum, loss):
    # Rounding differs by the order of additions: 1e-15 measured after 100 steps.
    trainer = path(models(NETS[path]), members(momentum), loss, F64, CPU)
    for x, y, multiplier in batches():
        trainer.step(x, y, multiplier)
    assert largest_gap(trainer, train_by_torch(momentum, loss, NETS[path])) < 1e-12


@pytest.mark.parametrize("path", [MLPTrainer, MLPReluTrainer])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_layout_for_small_batches_is_torch_sgd(path, momentum):
    hyper = members(momentum, hint=8)
    trainer = path(models(NETS[path]), hyper, "cross_entropy", F64, CPU)
    for x, y, multiplier in batches():
        trainer.step(x, y, multiplier)
    assert not trainer.state()["layers.0.weight"].is_contiguous()
    assert largest_gap(trainer, train_by_torch(momentum, "cross_entropy", NETS[path])) < 1e-12


def test_the_comparison_can_fail():
    """A relative error of 1e-6 in one learning rate is seen."""
    hyper = members(0.0)
    hyper.lr[1] *= 1 + 1e-6
    trainer = MLPTrainer(models(), hyper, "cross_entropy", F64, CPU)
    for x, y, multiplier in batches():
        trainer.step(x, y, multiplier)
    assert largest_gap(trainer, train_by_torch(0.0, "cross_entropy")) > 1e-9


@pytest.mark.parametrize("path", [MLPTrainer, MLPReluTrainer])
@pytest.mark.parametrize("loss", ["cross_entropy", "square"])
def test_losses_outputs_and_names_agree_between_the_paths(path, loss):
    fast = path(models(NETS[path]), members(0.9), loss, F64, CPU)
    plain = PlainTrainer(models(NETS[path]), members(0.9), loss, F64, CPU)
    for x, y, multiplier in batches(steps=20):
        torch.testing.assert_close(fast.step(x, y, multiplier), plain.step(x, y, multiplier))
    x = torch.randn(50, 1, 8, 8, dtype=F64)
    torch.testing.assert_close(fast.outputs(x), plain.outputs(x), rtol=1e-10, atol=1e-10)
    assert fast.state().keys() == plain.state().keys()
    assert fast.velocity().keys() == plain.velocity().keys()


@pytest.mark.parametrize("batch", [2, 4, 8, 16, 64, 128])
def test_a_member_does_not_depend_on_its_pack(batch):
    """Bitwise in float32, whatever the size of the pack and the place in it (MLP-BN, one thread).

    On two threads a product of one matrix is split and one of many is not: then only to rounding.
    """
    g = torch.Generator().manual_seed(1)
    data = [
        (torch.randn(5, batch, 784, generator=g), torch.randint(0, 10, (5, batch), generator=g))
        for _ in range(20)
    ]

    def trained(seeds):
        nets = [build_seeded("mlp_bn", (784,), 10, seed=s, depth=3, width=50) for s in seeds]
        lr, wd = [0.1 + 0.05 * s for s in seeds], [1e-3 * s for s in seeds]
        hyper = Members.of(lr, wd, [0.0] * len(seeds), torch.float32, CPU, batch)
        trainer = MLPTrainer(nets, hyper, "cross_entropy", torch.float32, CPU)
        for x, y in data:
            trainer.step(x[list(seeds)], y[list(seeds)], 1.0)
        return trainer.state()

    alone, pack, other = trained([2]), trained([0, 1, 2, 3, 4]), trained([4, 2])
    for name in alone:
        assert torch.equal(alone[name][0], pack[name][2])
        assert torch.equal(alone[name][0], other[name][1])


@pytest.mark.parametrize("path", NETS)
def test_a_member_that_diverges_leaves_the_others_alone(path):
    def trained(lr):
        hyper = Members.of(lr, [0.0] * K, [0.0] * K, torch.float32, CPU)
        nets = models(NETS[path], dtype=torch.float32)
        trainer = path(nets, hyper, "square", torch.float32, CPU)
        for x, y, _ in batches(torch.float32, steps=30):
            losses = trainer.step(x, y, 1.0)
        return trainer.state(), losses

    calm, _ = trained([0.01, 0.01, 0.01])
    wild, losses = trained([0.01, 1e30, 0.01])
    assert not losses[1].isfinite()
    for name in calm:
        assert torch.equal(calm[name][[0, 2]], wild[name][[0, 2]])


@pytest.mark.parametrize("path", NETS)
def test_a_checkpoint_is_the_whole_state(path):
    def fresh(seeds):
        return path(models(NETS[path], seeds), members(0.9), "cross_entropy", F64, CPU)

    through, first, second = fresh(range(K)), fresh(range(K)), fresh(range(7, 7 + K))
    stream = list(batches(steps=40))
    for x, y, multiplier in stream:
        through.step(x, y, multiplier)
    for x, y, multiplier in stream[:20]:
        first.step(x, y, multiplier)
    load_into(second, first.state(), first.velocity())
    for x, y, multiplier in stream[20:]:
        second.step(x, y, multiplier)
    for name, tensor in through.state().items():
        assert torch.equal(tensor, second.state()[name])


@pytest.mark.parametrize("path", [PlainTrainer, MLPTrainer])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_without_gradient_shrinks_weights_by_one_minus_lr_wd(path, momentum):
    """Square loss on a network whose outputs equal the targets: head zero, bias the one-hot."""
    nets = models()
    for net in nets:
        net.head.weight.data.zero_()
        net.head.bias.data.copy_(torch.eye(10, dtype=F64)[3])
    hyper = members(momentum)
    trainer = path(nets, hyper, "square", F64, CPU)
    before = {n: t.clone() for n, t in trainer.state().items()}
    y = torch.full((K, 16), 3)
    trainer.step(torch.randn(K, 16, 1, 8, 8, dtype=F64), y, 0.5)
    for i in range(4):
        w, start = trainer.state()[f"layers.{i}.weight"], before[f"layers.{i}.weight"]
        shrink = (1 - 0.5 * hyper.lr * hyper.weight_decay).view(K, 1, 1)
        torch.testing.assert_close(w, shrink * start, rtol=1e-15, atol=0)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("batch", "steps"), [(3, 3), (4, 5)])
def test_finite_memory(momentum, batch, steps):
    """rank(W_T - (1 - lr wd)^k W_{T-k}) <= k B for plain SGD, and not with momentum.

    Batch normalisation makes it k (B - 1): a unit's gradients sum to zero over the batch.
    """
    nets = [build_seeded("mlp_bn", (60,), 10, seed=s, depth=2, width=50).double() for s in range(K)]
    hyper = members(momentum)
    trainer = MLPTrainer(nets, hyper, "cross_entropy", F64, CPU)
    g = torch.Generator().manual_seed(3)

    def train(n):
        for _ in range(n):
            x = torch.randn(K, batch, 60, generator=g, dtype=F64)
            trainer.step(x, torch.randint(0, 10, (K, batch), generator=g), 1.0)

    train(20)
    old = trainer.state()["layers.0.weight"].clone()
    train(steps)
    shrink = (1 - hyper.lr * hyper.weight_decay).pow(steps).view(K, 1, 1)
    difference = trainer.state()["layers.0.weight"] - shrink * old
    ranks = torch.linalg.matrix_rank(difference, rtol=1e-11)
    if momentum == 0:
        assert (ranks <= batch * steps).all()
        assert (ranks == (batch - 1) * steps).all()
    else:
        assert (ranks > batch * steps).all()
