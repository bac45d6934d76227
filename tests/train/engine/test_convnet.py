"""ConvNet-L-H: its shapes, and the batched path against torch.optim.SGD on each network alone."""

import pytest
import torch
from torch.nn import functional

from implicitbias.models import build_seeded
from implicitbias.models._layers import patches, weight_matrices
from implicitbias.plan import spec
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.grouped import GroupedTrainer

F64, CPU = torch.float64, torch.device("cpu")


def test_shapes_and_patches_of_the_authors_network():
    net = build_seeded("convnet", (3, 32, 32), 10, seed=0, width=10)  # a hundredth of its width
    shapes = {m.label: (m.rows, m.cols) for m in weight_matrices(net)}
    body = {f"layer{i}": (10, 90) for i in range(2, 7)}
    assert shapes == {"layer0": (10, 12), "layer1": (10, 40), **body, "head": (10, 640)}
    seen = patches(net, (3, 32, 32))
    assert seen == {"layer0": 256, **{f"layer{i}": 64 for i in range(1, 7)}, "head": 1}
    assert net.norms[0](torch.ones(1)) == 1  # none without batch_norm


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_batched_path_is_sgd_on_each_network_alone(batch_norm):
    def models():
        return [
            build_seeded(
                "convnet", (1, 8, 8), 10, seed=s, depth=2, width=4, batch_norm=batch_norm
            ).double()
            for s in range(2)
        ]  # fmt: skip

    g = torch.Generator().manual_seed(0)
    batches = [(torch.randn(2, 6, 1, 8, 8, generator=g, dtype=F64),
                torch.randint(0, 10, (2, 6), generator=g)) for _ in range(5)]  # fmt: skip
    members = Members.of([0.1, 0.05], [0.01, 0.0], [0.0, 0.0], F64, CPU)
    ours = trainer_for(models(), members, "cross_entropy", F64, CPU)
    assert isinstance(ours, GroupedTrainer)
    for x, y in batches:
        ours.step(x, y, 1.0)
    for k, net in enumerate(models()):
        optimiser = torch.optim.SGD(
            net.parameters(), lr=[0.1, 0.05][k], weight_decay=[0.01, 0.0][k]
        )
        for x, y in batches:
            optimiser.zero_grad()
            functional.cross_entropy(net.train()(x[k]), y[k]).backward()
            optimiser.step()
        for name, tensor in net.state_dict().items():
            # Another order of the same sums in float64, five steps.
            torch.testing.assert_close(ours.state()[name][k], tensor, rtol=1e-9, atol=1e-12)


def test_a_batch_of_one_is_refused_with_batch_norm_only():
    base = {"procedure": "sgd", "dataset": "digits", "model": "convnet", "batch_size": 1,
            "epochs": 1, "lr": 0.1, "depth": 1, "width": 4}  # fmt: skip
    assert not spec.make(base).normalises_batch
    with pytest.raises(Exception, match="cannot normalise"):
        spec.make({**base, "batch_norm": True})
