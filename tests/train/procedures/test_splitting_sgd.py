"""Splitting of a network: against a plain torch loop, pruning, packs, and resuming."""

import signal

import numpy as np
import pandas as pd
import pytest
import torch

from implicitbias import data
from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.plan import spec
from implicitbias.train.engine.streams import epoch_order, init_seed
from implicitbias.train.loop import Loop
from implicitbias.train.observers.sparsity import zero_shares
from implicitbias.train.procedures import Job, load
from implicitbias.train.procedures._splitting import magnitude_masks, threshold
from implicitbias.train.sparse import thresholds

BASE = {
    "procedure": "splitting_sgd", "dataset": "mnist5k", "n_train": 200, "model": "conv_small",
    "channels": 2, "width": 8, "batch_size": 50, "epochs": 2, "lr": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("mnist5k", folder, report=lambda _: None)
    return folder


def make(**changes):
    return spec.make({**BASE, "penalty": "l1", "cutoff": 0.05, "beta": 0.5, **changes})


def train(specs, folder, data_dir):
    folder.mkdir(exist_ok=True)
    return pd.DataFrame(load("splitting_sgd")(specs, Job("t", folder, data_dir)).scalars)


def last(rows, run):
    rows = rows[(rows["run"] == run.run_id) & (rows["epoch"] == 2) & (rows["layer"] == "")]
    return rows.set_index("quantity")["value"]


@pytest.mark.parametrize("penalty", ["l1", "l0", "tl1"])
def test_the_torch_operator_is_the_numpy_one(penalty):
    w = np.random.default_rng(0).normal(size=(3, 4, 5))
    tau, a = np.array([0.1, 0.5, 1.4])[:, None, None], np.array([0.3, 1.0, 5.0])[:, None, None]
    ours = threshold(penalty, *map(torch.from_numpy, (w, tau, a)))
    np.testing.assert_allclose(ours, thresholds.threshold(penalty, w, tau, a), atol=1e-12)


def test_the_records_are_those_of_a_plain_loop(tmp_path, data_dir):
    run = make()
    found = last(train([run], tmp_path, data_dir), run)
    split = data.load("mnist5k", data_dir, n_train=200)
    x, y = torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)
    net = build_seeded("conv_small", (1, 28, 28), 10, seed=init_seed(0), channels=2, width=8)
    weights = [p for p in net.parameters() if p.dim() > 1]
    soft = torch.nn.functional.softshrink
    for epoch in range(2):
        for index in torch.from_numpy(epoch_order(0, epoch, 200)).split(50):
            net.zero_grad()
            torch.nn.functional.cross_entropy(net(x[index]), y[index]).backward()
            with torch.no_grad():
                for p in net.parameters():
                    pull = 0.5 * (p - soft(p, 0.05)) if p.dim() > 1 else 0
                    p -= 0.1 * (p.grad + pull)
    with torch.no_grad():
        for p in weights:
            p.copy_(soft(p, 0.05))
        out = net(torch.from_numpy(split.x_test))
    loss = torch.nn.functional.cross_entropy(out, torch.from_numpy(split.y_test)).item()
    assert found["split_test_loss"] == pytest.approx(loss, rel=1e-4)  # float32
    zeros = sum(int((p == 0).sum()) for p in weights) / sum(p.numel() for p in weights)
    assert found["split_zero_weights"] == pytest.approx(zeros, abs=2e-3)
    assert zeros > 0.1


def test_masks_remove_the_smallest_and_channels_count_zero_filters():
    weights = {"conv": torch.arange(1.0, 9).view(1, 2, 1, 2, 2), "fc": torch.ones(1, 2, 2) * 9}
    masks = magnitude_masks(weights, 0, 4 / 12)
    pruned = {n: w * masks[n] for n, w in weights.items()}
    assert zero_shares(pruned, 0) == pytest.approx((4 / 12, 0.5))
    assert zero_shares(weights, 0) == (0, 0)


def test_pruned_weights_stay_zero_and_the_plain_network_has_a_curve(tmp_path, data_dir):
    plain = make(penalty="none", cutoff=0.0)
    cut = make(penalty="none", cutoff=0.0, prune_share=0.9, prune_epoch=1)
    rows = train([plain, cut], tmp_path, data_dir)
    assert last(rows, cut)["zero_weights"] == pytest.approx(0.9, abs=1e-3)
    curve = rows[rows["quantity"] == "pruned_test_accuracy"]
    assert set(curve["run"]) == {plain.run_id}
    assert curve["value"].iloc[0] == pytest.approx(last(rows, plain)["test_accuracy"])


def test_a_killed_pack_goes_on_and_ends_the_same_whatever_its_neighbours(
    tmp_path, data_dir, monkeypatch
):
    specs = [make(), make(penalty="tl1"), make(penalty="none", prune_share=0.5, prune_epoch=1)]
    whole = train(specs, tmp_path / "a", data_dir)
    tick = Loop.tick

    def kill_at_six(self, training, *rest):
        if training.step == 6:  # in the second epoch, after the pruning
            self._note(signal.SIGTERM, None)
        tick(self, training, *rest)

    monkeypatch.setattr(Loop, "tick", kill_at_six)
    with pytest.raises(SystemExit):
        train(specs, tmp_path / "b", data_dir)
    monkeypatch.undo()
    assert (tmp_path / "b" / "checkpoint.pt").exists()
    pd.testing.assert_frame_equal(train(specs, tmp_path / "b", data_dir), whole)
    alone = train(specs[1:2], tmp_path / "c", data_dir)
    pd.testing.assert_series_equal(last(alone, specs[1]), last(whole, specs[1]))


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"prune_share": 0.5}, "prune_epoch"), ({"batch_size": 500}, "batch_size"),
     ({"prune_share": 0.5, "prune_epoch": 1}, "penalty"), ({"model": "mlp_bn"}, "normalises")],
)  # fmt: skip
def test_impossible_specs(changes, word):
    fields = {**BASE, "penalty": "l1", **changes}
    if changes.get("model"):
        fields = {k: v for k, v in fields.items() if k not in ("channels", "width")}
    with pytest.raises(UserError, match=word):
        spec.make(fields)
