"""Whatever path a model takes, it is the plain one: for every model of the registry."""

import pytest
import torch

from implicitbias import data
from implicitbias.base import registry
from implicitbias.metrics.numerical_rank import rank_fro
from implicitbias.models import build_seeded
from implicitbias.train.engine import streams
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.mlp import MLPTrainer
from implicitbias.train.engine.plain import PlainTrainer

CPU, F64, F32, K = torch.device("cpu"), torch.float64, torch.float32, 2
SMALL = {
    "conv2x2": {"depth": 2, "width": 4},
    "conv3": {"width": 4, "head_bias": True}, "conv4": {"width": 4},
    "conv4_fc": {"width": 2, "hidden": 16}, "conv_small": {"channels": 2, "width": 16},
    "convnet": {"depth": 2, "width": 4, "batch_norm": True},
    "mixed_residual": {"width": 8, "blocks": 1}, "mlp_bn": {"depth": 3, "width": 16},
    "mlp_relu": {"depth": 3, "width": 16}, "resnet18": {"width": 4, "stem_stride": 2},
    "vgg16": {"width": 4},
    "vit": {"dim": 8, "depth": 2, "heads": 2, "head_dim": 4, "mlp_dim": 16, "dropout": 0.1},
}  # fmt: skip
# Pixels a side, batch size and learning rate: five poolings leave one pixel of 32 in VGG-16, whose
# thirteen normalisations amplify rounding a thousandfold in 100 steps even at a small rate.
USUAL = (16, 8, 0.01)
OTHER = {"resnet18": (32, 8, 0.01), "vgg16": (32, 16, 0.001)}
EXACT = {"vgg16": 1e-11}  # else 1e-12
# Steps until float32 networks part: through many normalised layers a rounding grows tenfold a step.
CALM = {"resnet18": 5, "vgg16": 5}  # else 50


def test_every_model_is_here():
    assert sorted(SMALL) == sorted(registry.names("models"))


def trained(path, name, dtype, steps, momentum=0.9):
    """The states after CALM and after all steps, with decay, a schedule and partial batches."""
    side, batch, lr = OTHER.get(name, USUAL)
    shape = (1, side, side)
    nets = [build_seeded(name, shape, 10, seed=s, **SMALL[name]).to(dtype) for s in range(K)]
    members = Members.of([lr, lr / 2], [1e-2, 1e-3], [momentum] * K, dtype, CPU, batch)
    trainer = path(nets, members, "cross_entropy", dtype, CPU)
    g = torch.Generator().manual_seed(1)
    for step in range(steps):
        if step == CALM.get(name, 50):
            early = copied(trainer.state())
        n = batch - 3 if step % 5 == 4 else batch
        x = torch.randn(K, n, *shape, generator=g, dtype=F64).to(dtype)
        y = torch.randint(10, (K, n), generator=g)
        trainer.step(x, y, 1.0 if step < 60 else 0.2)
    late = copied(trainer.state())
    return (early if steps > CALM.get(name, 50) else late), late


def copied(state):
    return {key: w.clone() for key, w in state.items()}


def gap(one, other):
    """The largest distance of a tensor relative to its norm, or absolute where that is below 1."""
    return max(
        ((one[key].double() - w.double()).norm() / w.double().norm().clamp(min=1)).item()
        for key, w in other.items()
    )


@pytest.mark.usefixtures("blas")
@pytest.mark.parametrize("name", SMALL)
def test_the_path_is_the_plain_one(name):
    """100 steps in float64 to 1e-12; in float32 to 1e-4, until kinks make them chaotic."""
    early, late = trained(PlainTrainer, name, F64, 100)
    assert gap(trained(trainer_for, name, F64, 100)[1], late) < EXACT.get(name, 1e-12)
    assert gap(trained(trainer_for, name, F32, CALM.get(name, 50))[1], early) < 1e-4


def test_the_comparison_can_fail():
    """Without momentum, or after another number of steps, the networks are others."""
    _, plain = trained(PlainTrainer, "convnet", F64, 20)
    assert gap(trained(trainer_for, "convnet", F64, 20, momentum=0.0)[1], plain) > 1e-3
    assert gap(trained(trainer_for, "convnet", F64, 19)[1], plain) > 1e-4


N, LEVEL = 16, 0.01


def final_ranks(path, seeds, decay, tmp):
    """Rank at 0.03 of the first layer after 8 epochs of 256 digits, one per seed."""
    data.fetch("digits", tmp)
    split = data.load("digits", tmp, n_train=256)
    x, y = torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)
    k = len(seeds)
    nets = [
        build_seeded("mlp_bn", (1, 8, 8), 10, seed=streams.init_seed(s), depth=2, width=48)
        for s in seeds
    ]
    members = Members.of([0.3] * k, [decay] * k, [0.0] * k, F32, CPU, 8)
    trainer = path(nets, members, "cross_entropy", F32, CPU)
    for epoch in range(8):
        orders = [torch.from_numpy(streams.epoch_order(s, epoch, len(y))) for s in seeds]
        for index in torch.stack(orders).split(8, dim=1):
            trainer.step(x[index], y[index], 1.0)
    spectra = torch.linalg.svdvals(trainer.state()["layers.0.weight"].double())
    return rank_fro(spectra.numpy(), 0.03)


def test_final_ranks_are_those_of_the_plain_path_in_distribution(tmp_path):
    """Welch's t-test of 16 seeds against 16 others, at level 0.01.

    Its power: 0.9 for a shift of 1.4 standard deviations of one run, from the non-central t; and
    here half as much weight decay again is seen.
    """
    from scipy import stats

    shift = 1.45 * (N / 2) ** 0.5
    limit = stats.t.ppf(1 - LEVEL / 2, 2 * N - 2)
    assert 1 - stats.nct.cdf(limit, 2 * N - 2, shift) > 0.9
    fast = final_ranks(MLPTrainer, range(N), 0.02, tmp_path)
    plain = final_ranks(PlainTrainer, range(N, 2 * N), 0.02, tmp_path)
    assert fast.std() > 0
    assert stats.ttest_ind(fast, plain, equal_var=False).pvalue > LEVEL
    other = final_ranks(MLPTrainer, range(N), 0.03, tmp_path)
    assert stats.ttest_ind(other, plain, equal_var=False).pvalue < LEVEL
