"""Weight normalisation with a frozen gain, against torch's own parametrisation and autograd."""

import copy

import pytest
import torch
from torch.nn.utils.parametrizations import weight_norm

from implicitbias.models import build
from implicitbias.models._layers import weight_matrices
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.weight_norm import WeightNormalised

CPU, F64 = torch.device("cpu"), torch.float64
SHAPE, GAIN, LR, DECAY = (1, 18, 18), [3.0, 1.5], [0.05, 0.02], [0.02, 0.0]
NETS = {
    "conv4_fc": {"width": 2, "hidden": 5, "pooling": "stride", "head_bias": True},
    "conv4": {"width": 2, "bias": False, "batch_norm": False},
    "conv3": {"width": 2, "head_bias": True},
}


def normalised(net):
    return [m.parameter for m in weight_matrices(net) if m.parameter != "head.weight"]


def batches(steps, members=2):
    g = torch.Generator().manual_seed(1)
    for step in range(steps):
        n = 5 if step % 4 == 3 else 8
        x = torch.randn(members, n, *SHAPE, generator=g, dtype=F64)
        yield x, torch.randint(2, (members, n), generator=g), 1.0 if step < 60 else 0.2


def torchs(net, k, momentum, explicit=False):
    """The weights after 100 steps of torch.optim.SGD on v and the head, g without gradient.

    explicit: the penalty is lambda ||W||^2 in the loss, lambda half of torch's weight_decay.
    """
    for name in normalised(net):
        layer = net.get_submodule(name.removesuffix(".weight"))
        gain = GAIN[k] ** (1 / len(normalised(net)))
        weight_norm(layer, dim=None)
        layer.parametrizations.weight.original0.data.fill_(gain).requires_grad_(False)
        layer.parametrizations.weight.original0.requires_grad_(False)
    head = net.get_parameter("head.weight")
    others = [p for p in net.parameters() if p.requires_grad and p is not head]
    groups = [{"params": others}, {"params": [head], "weight_decay": 0 if explicit else DECAY[k]}]
    optimiser = torch.optim.SGD(groups, lr=1.0, momentum=momentum)
    for x, y, multiplier in batches(100):
        for group in optimiser.param_groups:
            group["lr"] = LR[k] * multiplier
        loss = torch.nn.functional.mse_loss(net(x[k]), torch.eye(2, dtype=F64)[y[k]])
        if explicit:
            loss = loss + DECAY[k] / 2 * head.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return {name: w.detach() for name, w in copied(net).items()}


def copied(net):
    """Weights by their plain names, parametrised or not."""
    found = {}
    for m in weight_matrices(net):
        found[m.parameter] = net.get_submodule(m.parameter.removesuffix(".weight")).weight
    if net.head.bias is not None:
        found["head.bias"] = net.head.bias
    return found


def ours(nets, momentum, path=trainer_for, steps=100):
    members = Members.of(LR, DECAY, [momentum] * 2, F64, CPU, batch_size=8)
    inner = path(copy.deepcopy(nets), members, "mse_one_hot", F64, CPU)
    names = normalised(nets[0])
    gains = torch.tensor(GAIN, dtype=F64) ** (1 / len(names))
    trainer = WeightNormalised(inner, dict.fromkeys(names, gains))
    for x, y, multiplier in batches(steps):
        trainer.step(x, y, multiplier)
    return trainer


def untrained(model):
    torch.manual_seed(3)
    return [build(model, SHAPE, 2, **NETS[model]).double() for _ in range(2)]


def gap(found, wanted):
    return max((found[n] - w).abs().max().item() for n, w in wanted.items())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("model", NETS)
@pytest.mark.parametrize("path", [trainer_for, PlainTrainer])
def test_a_hundred_steps_are_torchs(model, momentum, path):
    nets = untrained(model)
    trainer = ours(nets, momentum, path)
    assert isinstance(trainer.inner, GroupedTrainer if path is trainer_for else PlainTrainer)
    for k, net in enumerate(nets):
        found = {name: w[k] for name, w in trainer.state().items()}
        # rounding alone, in float64
        assert gap(found, torchs(copy.deepcopy(net), k, momentum)) < 1e-12
        assert gap(found, copied(net)) > 1e-3  # the steps moved something


def test_weight_decay_is_twice_the_lambda_of_the_norm_squared():
    nets = untrained("conv4_fc")
    found = {name: w[0] for name, w in ours(nets, 0.9).state().items()}
    assert gap(found, torchs(copy.deepcopy(nets[0]), 0, 0.9, explicit=True)) < 1e-12


def test_the_comparison_can_fail():
    """Another gain, or the projected step of engine/sphere.py, is another trajectory."""
    nets = untrained("conv4_fc")
    found = {name: w[0] for name, w in ours(nets, 0.9).state().items()}
    assert gap(found, torchs(copy.deepcopy(nets[0]), 1, 0.9)) > 1e-3


def test_gains_stay_and_directions_grow():
    """||w|| is g after every step, and ||v|| never falls without momentum: v is tangent."""
    nets = untrained("conv4_fc")
    trainer = ours(nets, 0.0, steps=0)
    gains = torch.tensor(GAIN, dtype=F64) ** (1 / 5)
    before = {name: v.clone() for name, v in trainer.norms.items()}
    for x, y, multiplier in batches(30):
        trainer.step(x, y, multiplier)
        for name, v in trainer.norms.items():
            torch.testing.assert_close(trainer.state()[name].flatten(1).norm(dim=1), gains)
            assert (v >= before[name] * (1 - 1e-12)).all()
            before[name] = v.clone()


def test_the_state_of_a_step_is_whole():
    """Weights, buffers and norms are all: put back, the next steps are the same bits."""
    trainer = ours(untrained("conv4_fc"), 0.9, steps=3)
    tensors = [*trainer.state().values(), *trainer.velocity().values()]
    assert len(tensors) == 2 * 7 + 5
    kept = [t.clone() for t in tensors]
    x, y, _ = next(batches(1))

    def after():
        for tensor, value in zip(tensors, kept, strict=True):
            tensor.copy_(value)
        for _ in range(2):
            trainer.step(x, y, 1.0)
        return [t.clone() for t in tensors]

    first = after()
    assert all(torch.equal(a, b) for a, b in zip(first, after(), strict=True))
    assert not torch.equal(first[0], kept[0])
