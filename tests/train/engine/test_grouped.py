"""Members as groups of channels: the same algorithm as torch.optim.SGD on each network alone."""

import pytest
import torch
from torch.nn import functional

from implicitbias.models import build_seeded
from implicitbias.models._layers import sights, weight_matrices
from implicitbias.plan import spec
from implicitbias.train.engine import grouped
from implicitbias.train.engine.base import Members, load_into
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.plain import PlainTrainer

CPU, F64, K = torch.device("cpu"), torch.float64, 3
NETS = ["resnet18", "vgg16"]
LAST = {"blocks.6.conv2", "blocks.7.conv1", "blocks.7.conv2"}  # 8W x 8W channels at 2x2 or 4x4
LR, DECAY = [0.02, 0.01, 0.005], [1e-2, 0.0, 1e-3]


def models(name):
    shape = (1, 32, 32)
    return [
        build_seeded(name, shape, 10, seed=s, width=4, stem_stride=2).double() for s in range(K)
    ]


def trainer(path, name, momentum, lr=LR, **hints):
    members = Members.of(lr, DECAY, [momentum] * K, F64, CPU, **hints)
    return path(models(name), members, "cross_entropy", F64, CPU)


def batches(steps):
    """Batches of 24, every fourth a last partial one of 10, with a schedule."""
    g = torch.Generator().manual_seed(0)
    for step in range(steps):
        n = 10 if step % 4 == 3 else 24
        x = torch.randn(K, n, 1, 32, 32, generator=g, dtype=F64)
        yield x, torch.randint(0, 10, (K, n), generator=g), 1.0 if step < 4 else 0.2


def by_torch(name, momentum, steps):
    nets = models(name)
    for k, net in enumerate(nets):
        optimiser = torch.optim.SGD(
            net.parameters(), lr=LR[k], weight_decay=DECAY[k], momentum=momentum
        )
        for x, y, multiplier in batches(steps):
            optimiser.param_groups[0]["lr"] = multiplier * LR[k]
            optimiser.zero_grad()
            functional.cross_entropy(net.train()(x[k]), y[k]).backward()
            optimiser.step()
    return nets


def gap(trained, nets):
    state = trained.state()
    return max(
        (state[name][k].double() - tensor.double()).abs().max().item()
        for k, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
    )


pytestmark = pytest.mark.usefixtures("blas")


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_grouped_is_torch_sgd(name, momentum):
    # Batch normalisation of few positions amplifies rounding: 1e-12 and less after 8 steps.
    ours, nets = trainer(GroupedTrainer, name, momentum), by_torch(name, momentum, 8)
    for x, y, multiplier in batches(8):
        ours.step(x, y, multiplier)
    assert gap(ours, nets) < 1e-9


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_layers_with_many_weights_are_torch_sgd(name, momentum, monkeypatch):
    monkeypatch.setattr(grouped, "COPIED", 0)  # these networks are small
    ours = trainer(GroupedTrainer, name, momentum, batch_size=4, input_shape=(1, 32, 32))
    heavy = {f"{n}.weight" for n in ours.network.heavy}
    kernels = {n: w for n, w in ours.network.parameters.items() if w.dim() == 5}
    either = {n for n, w in kernels.items() if w.shape[2] == 1 or w.shape[3:] == (1, 1)}
    for n, w in kernels.items():  # one input channel or one pixel is laid out both ways at once
        assert w.is_contiguous() == (n in heavy or n in either), n
    assert heavy and kernels.keys() - heavy
    for x, y, multiplier in batches(8):
        ours.step(x, y, multiplier)
    assert gap(ours, by_torch(name, momentum, 8)) < 1e-9


def test_the_layout_follows_from_weights_against_activations_and_cache(monkeypatch):
    monkeypatch.undo()

    def nchw(name, batch_size, k, **arguments):
        members = Members.of(
            [0.1] * k, [0] * k, [0] * k, torch.float32, CPU, batch_size, input_shape=(3, 32, 32)
        )
        net = build_seeded(name, (3, 32, 32), 10, seed=0, **arguments)
        return grouped._heavy(net, members)

    narrow = {"width": 8, "stem_stride": 3}
    assert nchw("resnet18", 16, 24, **narrow) == LAST < nchw("resnet18", 4, 24, **narrow)
    assert not nchw("resnet18", 16, 4, **narrow)  # 0.6 MB: in the cache
    assert not nchw("resnet18", 32, 24, **narrow)  # as many activations
    assert not nchw("conv4", 4, 16)
    assert len(nchw("resnet18", 4, 1)) > 5
    assert not nchw("resnet18", 256, 1)


def test_the_comparison_can_fail():
    """A relative error of 1e-5 in one learning rate is seen."""
    wrong = trainer(GroupedTrainer, "resnet18", 0.0, [LR[0] * (1 + 1e-5), *LR[1:]])
    for x, y, multiplier in batches(8):
        wrong.step(x, y, multiplier)
    assert gap(wrong, by_torch("resnet18", 0.0, 8)) > 1e-9


@pytest.mark.parametrize("name", NETS)
def test_outputs_losses_and_names_are_those_of_the_plain_path(name):
    ours, plain = (trainer(path, name, 0.9) for path in (GroupedTrainer, PlainTrainer))
    for x, y, multiplier in batches(3):
        torch.testing.assert_close(ours.step(x, y, multiplier), plain.step(x, y, multiplier))
    x = torch.randn(20, 1, 32, 32, dtype=F64)
    torch.testing.assert_close(ours.outputs(x), plain.outputs(x), rtol=1e-8, atol=1e-8)
    assert ours.state().keys() == plain.state().keys()
    assert ours.velocity().keys() == plain.velocity().keys()


def test_a_checkpoint_is_the_whole_state():
    through, first, second = (trainer(GroupedTrainer, "resnet18", 0.9) for _ in range(3))
    stream = list(batches(6))
    for x, y, multiplier in stream:
        through.step(x, y, multiplier)
    for x, y, multiplier in stream[:3]:
        first.step(x, y, multiplier)
    load_into(second, first.state(), first.velocity())
    for x, y, multiplier in stream[3:]:
        second.step(x, y, multiplier)
    for name, tensor in through.state().items():
        assert torch.equal(tensor, second.state()[name])


@pytest.mark.parametrize(
    ("name", "matrices", "rank", "parameters"),
    [("resnet18", 17, 227.47, 11_173_962), ("vgg16", 13, 322.08, 14_728_266)],
)
def test_the_papers_networks(name, matrices, rank, parameters):
    """Matrices and largest average rank as in the published figures."""
    net = build_seeded(name, (3, 32, 32), 10, seed=0)
    measured = [w for w in weight_matrices(net) if w.averaged]
    assert len(measured) == matrices
    assert sum(min(w.rows, w.cols) for w in measured) / matrices == pytest.approx(rank, abs=0.005)
    assert sum(p.numel() for p in net.parameters()) == parameters
    members = Members.of(LR, DECAY, [0.0] * K, F64, CPU)
    chosen = trainer_for(models(name), members, "square", F64, CPU)
    assert isinstance(chosen, GroupedTrainer)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resnet18", [1024] * 5 + [256] * 4 + [64] * 4 + [16] * 4),
        ("vgg16", [1024] * 2 + [256] * 2 + [64] * 3 + [16] * 3 + [4] * 3),
    ],
)
def test_output_positions_of_the_papers_networks(name, wanted):
    """m_l of Galanti et al. at 32x32: the middle of a padded 3x3 kernel always meets a pixel."""
    model = build_seeded(name, (3, 32, 32), 10, seed=0)
    seen = sights(model, (3, 32, 32))
    assert [max(seen[f"layer{i}"].taps) for i in range(len(wanted))] == wanted
    assert f"layer{len(wanted)}" not in seen


# ms a step of 24 members, width 8, 1x32x32, stride 2: one AMD EPYC core, torch 2.13
MEASURED = {("resnet18", 4): 30.8, ("resnet18", 16): 74.6, ("resnet18", 64): 288,
            ("vgg16", 4): 24.6, ("vgg16", 16): 43.7, ("vgg16", 64): 136}  # fmt: skip


# MB more than before after two such steps
MEMORY = {("resnet18", 64): 470, ("resnet18", 192): 1247, ("vgg16", 64): 230, ("vgg16", 192): 490}


def narrow(name, size):
    return spec.make(
        {"procedure": "sgd", "dataset": "mnist5k", "preprocessing": "galanti2025rank",
         "model": name, "width": 8, "stem_stride": 2, "batch_size": size, "epochs": 100, "lr": 0.1}
    )  # fmt: skip


@pytest.mark.parametrize(("name", "size"), MEMORY)
def test_estimated_memory_of_a_batch_is_the_measured_one_within_a_half(name, size):
    of_batch = narrow(name, size).estimated_megabytes(24) - narrow(name, 1024).estimated_megabytes(
        0
    )
    assert 2 / 3 < of_batch / MEMORY[name, size] < 1.5


@pytest.mark.parametrize(("name", "size"), MEASURED)
def test_estimated_time_is_the_measured_one_within_two(name, size):
    run = narrow(name, size)
    step = 1e3 * run.estimated_seconds(24, "cpu") / run.steps
    assert 0.5 < step / MEASURED[name, size] < 2
