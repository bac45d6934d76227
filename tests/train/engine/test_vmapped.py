"""Any module through torch.func.vmap: the same algorithm as torch.optim.SGD on each alone."""

import pytest
import torch
from torch.nn import functional

from implicitbias.models import build_seeded
from implicitbias.train.engine.base import Members, load_into
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.vmapped import VmappedTrainer

CPU, F64, K = torch.device("cpu"), torch.float64, 3
LR, DECAY = [0.1, 0.05, 0.02], [1e-2, 0.0, 1e-3]
VIT = {"dim": 16, "depth": 1, "heads": 2, "head_dim": 8, "mlp_dim": 12, "dropout": 0.2}
NETS = {"vit": VIT, "mlp_bn": {"depth": 3, "width": 20}}
MIXED = {"blocks": 1, "width": 4}


def models(name, seeds=range(K), dtype=F64):
    arguments = {**NETS, "mixed_residual": MIXED}[name]
    return [build_seeded(name, (1, 8, 8), 10, seed=s, **arguments).to(dtype) for s in seeds]


def trainer(path, name, momentum=0.9, lr=LR, seeds=range(K)):
    members = Members.of(lr, DECAY, [momentum] * K, F64, CPU)
    return path(models(name, seeds), members, "cross_entropy", F64, CPU)


def batches(steps):
    """Batches of 16 and, every tenth, a last partial one of 7, with a schedule."""
    g = torch.Generator().manual_seed(0)
    for step in range(steps):
        n = 7 if step % 10 == 9 else 16
        x = torch.randn(K, n, 1, 8, 8, generator=g, dtype=F64)
        yield x, torch.randint(0, 10, (K, n), generator=g), 1.0 if step < steps // 2 else 0.2


def gap_to_torch(ours, name, momentum, steps):
    """Largest difference of any parameter or buffer from nn.Module and torch.optim.SGD."""
    nets = models(name)
    state = ours.state()
    for k, net in enumerate(nets):
        optimiser = torch.optim.SGD(
            net.parameters(), lr=LR[k], weight_decay=DECAY[k], momentum=momentum
        )
        for x, y, multiplier in batches(steps):
            optimiser.param_groups[0]["lr"] = multiplier * LR[k]
            optimiser.zero_grad()
            functional.cross_entropy(net.train()(x[k]), y[k]).backward()
            optimiser.step()
    return max(
        (state[name][k].double() - tensor.double()).abs().max().item()
        for k, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
    )


pytestmark = pytest.mark.usefixtures("blas")


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_vmapped_is_torch_sgd_for_a_hundred_steps(name, momentum):
    """Layer and batch normalisation; the ViT's dropout is each member's own. 1e-14 measured."""
    ours = trainer(VmappedTrainer, name, momentum)
    for x, y, multiplier in batches(100):
        ours.step(x, y, multiplier)
    assert gap_to_torch(ours, name, momentum, 100) < 1e-12


@pytest.mark.parametrize("path", [VmappedTrainer, GroupedTrainer])
def test_convolutions_with_batch_and_linear_layers_with_layer_normalisation(path):
    # Batch normalisation of few positions amplifies rounding, as in test_grouped.py.
    ours = trainer(path, "mixed_residual")
    for x, y, multiplier in batches(8):
        ours.step(x, y, multiplier)
    assert gap_to_torch(ours, "mixed_residual", 0.9, 8) < 1e-9


def test_the_comparison_can_fail():
    """A relative error of 1e-6 in one learning rate is seen."""
    ours = trainer(VmappedTrainer, "vit", 0.0, [LR[0] * (1 + 1e-6), *LR[1:]])
    for x, y, multiplier in batches(20):
        ours.step(x, y, multiplier)
    assert gap_to_torch(ours, "vit", 0.0, 20) > 1e-9


@pytest.mark.parametrize("name", NETS)
def test_losses_outputs_and_names_are_those_of_the_plain_path(name):
    ours, plain = (trainer(path, name) for path in (VmappedTrainer, PlainTrainer))
    for x, y, multiplier in batches(3):
        torch.testing.assert_close(ours.step(x, y, multiplier), plain.step(x, y, multiplier))
    x = torch.randn(20, 1, 8, 8, dtype=F64)
    torch.testing.assert_close(ours.outputs(x), plain.outputs(x), rtol=1e-10, atol=1e-10)
    assert ours.state().keys() == plain.state().keys()
    assert ours.velocity().keys() == plain.velocity().keys()


def test_a_checkpoint_is_the_whole_state_dropout_included():
    through, first = (trainer(VmappedTrainer, "vit") for _ in range(2))
    second = trainer(VmappedTrainer, "vit", seeds=range(7, 7 + K))
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


def test_a_member_that_diverges_leaves_the_others_alone():
    calm, wild = (trainer(VmappedTrainer, "vit", 0.0, [0.1, lr, 0.02]) for lr in (0.05, 1e300))
    for x, y, multiplier in batches(5):
        calm.step(x, y, multiplier)
        losses = wild.step(x, y, multiplier)
    assert not losses[1].isfinite()
    for name, tensor in calm.state().items():
        assert torch.equal(tensor[[0, 2]], wild.state()[name][[0, 2]])


@pytest.mark.parametrize(
    ("name", "path"), [("vit", VmappedTrainer), ("mixed_residual", GroupedTrainer)]
)
def test_the_path_that_is_taken(name, path):
    members = Members.of(LR, DECAY, [0.0] * K, F64, CPU)
    assert isinstance(trainer_for(models(name), members, "square", F64, CPU), path)
