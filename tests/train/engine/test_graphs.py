"""Recorded steps are the steps: replayed from a tape of their kernels, for every path and model."""

import pytest
import torch
from tape import record
from test_every_model import CPU, F64, OTHER, SMALL, USUAL
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from implicitbias.models import build_seeded
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.graphs import Replayed
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.sphere import OnSphere

K = 2


def trainer_of(name, momentum, path=trainer_for, lr=None):
    side, batch, usual = OTHER.get(name, USUAL)
    nets = [build_seeded(name, (1, side, side), 10, seed=s, **SMALL[name]).double() for s in (0, 1)]
    lr = lr or usual
    members = Members.of([lr, lr / 2], [1e-2, 1e-3], [momentum] * K, F64, CPU, batch)
    return path(nets, members, "cross_entropy", F64, CPU)


def batches(name, steps=9):
    """Every third is the last, partial one of an epoch; the rate falls after two epochs."""
    side, batch, _ = OTHER.get(name, USUAL)
    g = torch.Generator().manual_seed(1)
    for step in range(steps):
        n = batch - 3 if step % 3 == 2 else batch
        x = torch.randn(K, n, 1, side, side, generator=g, dtype=F64)
        yield x, torch.randint(10, (K, n), generator=g), 1.0 if step < 6 else 0.2


def assert_same(one, other, name):
    """The same losses and weights to the last bit, step after step."""
    for x, y, multiplier in batches(name):
        losses = one.step(x, y, multiplier)
        assert torch.equal(losses, other.step(x, y, multiplier))
    for ours, theirs in ((one.state(), other.state()), (one.velocity(), other.velocity())):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[n], theirs[n]) for n in ours)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", SMALL)
def test_every_path_replays_its_steps(name, momentum, monkeypatch):
    monkeypatch.setattr(
        "implicitbias.train.engine.gemm.openblas", None
    )  # the tape hears torch alone
    replayed = Replayed(trainer_of(name, momentum), print, record)
    assert_same(replayed, trainer_of(name, momentum), name)
    assert replayed.replays


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_so_do_the_reference_and_the_sphere(momentum):
    def sphere(*arguments):
        inner = trainer_for(*arguments)
        return OnSphere(inner, arguments[1], ["layers.0.weight", "layers.1.weight"])

    for path in (PlainTrainer, sphere):
        replayed = Replayed(trainer_of("mlp_relu", momentum, path), print, record)
        assert_same(replayed, trainer_of("mlp_relu", momentum, path), "mlp_relu")
        assert replayed.replays


def test_a_step_is_recorded_once_for_each_shape_and_rate():
    made = []

    def counted(work):
        made.append(work)
        return record(work)

    replayed = Replayed(trainer_of("mlp_bn", 0.0), print, counted)
    for x, y, multiplier in batches("mlp_bn", steps=9):
        replayed.step(x, y, multiplier)
    assert len(made) == 4  # full and partial, at two rates


def test_a_member_that_diverges_is_replayed_as_well():
    replayed = Replayed(trainer_of("mlp_relu", 0.0, lr=1e200), print, record)
    plain = trainer_of("mlp_relu", 0.0, lr=1e200)
    for x, y, multiplier in batches("mlp_relu"):
        a, b = replayed.step(x, y, multiplier), plain.step(x, y, multiplier)
        assert torch.equal(a.isnan(), b.isnan())
    assert replayed.replays
    assert b.isnan().all()


class Counting:
    """A trainer whose every other step counts in Python: not the same kernels each time."""

    def __init__(self, inner):
        self.inner, self.steps = inner, 0
        self.state, self.velocity = inner.state, inner.velocity

    def step(self, x, y, multiplier):
        self.steps += 1
        return self.inner.step(x, y, multiplier * (1 + self.steps % 2))


class Waiting(Counting):
    """A trainer that reads its losses."""

    def step(self, x, y, multiplier):
        losses = self.inner.step(x, y, multiplier)
        losses[0].item()
        return losses


@pytest.mark.parametrize(
    ("kind", "why"), [(Counting, "another than the step"), (Waiting, "not permitted")]
)
def test_a_step_that_cannot_be_replayed_is_taken_as_it_is(kind, why, capsys):
    replayed = Replayed(kind(trainer_of("mlp_bn", 0.9)), print, record)
    other = kind(trainer_of("mlp_bn", 0.9))
    if kind is Counting:  # two were taken to try it, and one was recorded
        other.steps = 3
    assert_same(replayed, other, "mlp_bn")
    assert not replayed.replays
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert why in told


def test_a_replay_with_one_update_missing_is_found_out(capsys):
    """The test of a replay can fail: here the last kernel of the tape is left out."""

    def short(work):
        replay, losses = record(work)
        replay.__self__.calls.pop()
        return replay, losses

    replayed = Replayed(trainer_of("mlp_relu", 0.0), print, short)
    assert_same(replayed, trainer_of("mlp_relu", 0.0), "mlp_relu")
    assert not replayed.replays
    assert "another than the step" in capsys.readouterr().out


class Only(TorchDispatchMode):
    """Refuses operations with a tensor of another device."""

    def __init__(self, device):
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, out)):
            if isinstance(leaf, torch.Tensor) and leaf.device != self.device:
                raise RuntimeError(f"{func} has a tensor on {leaf.device}")
        return out


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", SMALL)
def test_a_step_keeps_to_its_device_and_never_waits_for_it(name, momentum, monkeypatch):
    """On torch's device without memory: a tensor left on the CPU, or a value read, is an error."""
    meta, (side, batch, lr) = torch.device("meta"), OTHER.get(name, USUAL)
    nets = [build_seeded(name, (1, side, side), 10, seed=s, **SMALL[name]) for s in range(K)]
    members = Members.of([lr] * K, [lr] * K, [momentum] * K, torch.float32, meta, batch)
    with monkeypatch.context() as patch:  # numbers may be read before the first step
        patch.setattr(torch.Tensor, "__bool__", lambda _: momentum > 0)
        patch.setattr(torch.Tensor, "tolist", lambda _: [lr] * K)
        trainer = trainer_for(nets, members, "cross_entropy", torch.float32, meta)
    x = torch.empty(K, batch, 1, side, side, device=meta)
    y = torch.empty(K, batch, dtype=torch.int64, device=meta)
    with Only(meta):
        assert trainer.step(x, y, 1.0).shape == (K,)
        assert trainer.outputs(x[0]).shape == (K, batch, 10)
        with pytest.raises(RuntimeError, match="has a tensor on cpu"):
            trainer.step(x, torch.zeros(K, batch, dtype=torch.int64), 1.0)
    everything = {**trainer.state(), **trainer.velocity()}
    assert {t.device for t in everything.values()} == {meta}
