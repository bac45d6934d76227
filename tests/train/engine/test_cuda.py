"""On a CUDA device every path trains as the reference does on a CPU, replayed or not."""

import json

import pytest
import torch
from test_every_model import CPU, EXACT, F64, OTHER, SMALL, USUAL, K, copied, gap
from torch.nn import functional

from implicitbias import data
from implicitbias.models import build_seeded
from implicitbias.plan import packs, spec
from implicitbias.train import records
from implicitbias.train.engine.base import Members, multiply_float32_in
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.graphs import Replayed
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.pack import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = torch.device("cuda")


def trained(path, name, device, steps=100):
    """As in test_every_model: decay, momentum, a schedule and partial batches."""
    side, batch, lr = OTHER.get(name, USUAL)
    nets = [build_seeded(name, (1, side, side), 10, seed=s, **SMALL[name]).double() for s in (0, 1)]
    members = Members.of([lr, lr / 2], [1e-2, 1e-3], [0.9] * K, F64, device, batch)
    trainer = path(nets, members, "cross_entropy", F64, device)
    g = torch.Generator().manual_seed(1)
    for step in range(steps):
        n = batch - 3 if step % 5 == 4 else batch
        x = torch.randn(K, n, 1, side, side, generator=g, dtype=F64)
        y = torch.randint(10, (K, n), generator=g)
        trainer.step(x.to(device), y.to(device), 1.0 if step < 60 else 0.2)
    return trainer


def replayed(*arguments):
    return Replayed(trainer_for(*arguments), print)


@pytest.mark.parametrize("name", SMALL)
def test_the_path_is_the_plain_one_on_a_cpu(name):
    expected = copied(trained(PlainTrainer, name, CPU).state())
    for path in (trainer_for, replayed):
        trainer = trained(path, name, CUDA)
        found = {key: w.cpu() for key, w in trainer.state().items()}
        assert gap(found, expected) < 10 * EXACT.get(name, 1e-12)
    assert trainer.replays


@pytest.mark.parametrize(("precision", "low"), [("float32", False), ("tf32", True)])
def test_products_are_rounded_to_tf32_if_that_is_named_and_only_then(precision, low):
    multiply_float32_in(precision)
    g = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=g, dtype=F64) for _ in range(2))
    x, w = (torch.randn(8, 64, n, n, generator=g, dtype=F64) for n in (16, 3))
    for product, one, other in ((torch.matmul, a, b), (functional.conv2d, x, w)):
        exact = product(one, other)
        found = product(one.float().to(CUDA), other.float().to(CUDA)).cpu().double()
        error = ((found - exact).norm() / exact.norm()).item()
        assert (error > 1e-4) is low, error
    multiply_float32_in("float32")


def test_a_pack_trains_on_it_with_the_numbers_of_a_cpu(tmp_path):
    data.fetch("digits", tmp_path / "data", report=lambda _: None)
    base = {
        "procedure": "sgd", "dataset": "digits", "n_train": 400, "model": "mlp_bn", "depth": 3,
        "width": 12, "batch_size": 32, "epochs": 3, "record_every": 1, "lr_milestones": [3],
        "weight_decay": 1e-2, "lr": 0.1, "precision": "float64",
    }  # fmt: skip
    runs = [spec.make({**base, "seed": s}) for s in range(3)]
    tables = {}
    for device in ("cpu", "cuda"):
        path = tmp_path / device / packs.Pack.of(runs).name / "pack.json"
        packs.write(path, packs.Pack.of(runs).text)
        train(path, tmp_path / "data", device, 1, 60.0)
        folder = path.parent / "records"
        tables[device] = records.read(folder / "scalars.parquet")
        facts = json.loads((folder / "provenance.json").read_text())
    assert facts["replayed"]
    assert facts["device"] == torch.cuda.get_device_name()
    ours, theirs = tables["cuda"], tables["cpu"]
    assert ours.drop(columns="value").equals(theirs.drop(columns="value"))
    torch.testing.assert_close(
        torch.tensor(ours["value"]), torch.tensor(theirs["value"]), rtol=1e-9, atol=1e-12
    )
