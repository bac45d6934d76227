"""Certificates of trained runs: right by a second implementation, and void where they must be."""

import signal
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from implicitbias import data, metrics
from implicitbias.analysis import tables
from implicitbias.base.errors import UserError
from implicitbias.models import build_seeded
from implicitbias.models._layers import patches
from implicitbias.plan import config, spec
from implicitbias.plan.overlays import Sources
from implicitbias.plan.plan import make_plan
from implicitbias.train import records
from implicitbias.train.engine.streams import epoch_order, init_seed
from implicitbias.train.loop import Interrupted, Loop
from implicitbias.train.observers._backward import batch_gradients
from implicitbias.train.observers.windows import Decay
from implicitbias.train.procedures import Job, load

# 50 examples in batches of 4: the last one has 2. The rate falls within the longest windows.
BASE = {
    "procedure": "sgd", "dataset": "digits", "n_train": 50, "model": "mlp_relu", "depth": 2,
    "width": 80, "batch_size": 4, "epochs": 2, "lr_milestones": [2], "record_every": 1,
    "lr": 0.1, "weight_decay": 0.05, "precision": "float64",
    "record": ["windows", "unrolling", "gradients", "movement", "step_movement", "residuals"],
}  # fmt: skip
INEQUALITIES = [
    "unrolled_rank", "unrolled_identity", "lemma_spec", "lemma_fro", "theorem_rank",
    "gradient_rank", "sample_gradient_rank", "near_convergence",
]  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda _: None)
    return folder


def unchecked(**changes):
    """A spec past its `check`, which refuses to certify what is not proved."""
    fields = {**BASE, **changes}
    return spec.spec_type("sgd", fields["model"]).model_validate(fields)


def train(runs, folder, data_dir):
    load("sgd")(runs, Job("test", folder, data_dir)).write(folder / "records")
    return records.read(folder / "records" / "arrays.parquet")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_dir):
    folder = tmp_path_factory.mktemp("run")
    run = spec.make(BASE)
    return run, folder, train([run], folder, data_dir)


@pytest.fixture(scope="module")
def history(data_dir):
    """Every W_t and G_t of the run, by a plain loop with torch.optim.SGD."""
    split = data.load("digits", data_dir, n_train=50)
    x, y = torch.from_numpy(split.x_train).double(), torch.from_numpy(split.y_train)
    net = build_seeded("mlp_relu", (1, 8, 8), 10, seed=init_seed(0), depth=2, width=80).double()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.05)
    weights, gradients = [], []
    for epoch in range(2):
        optimiser.param_groups[0]["lr"] = 0.1 * (1, 0.2)[epoch]
        for index in torch.from_numpy(epoch_order(0, epoch, 50)).split(4):
            weights.append([w.detach().clone() for w in net.parameters()])
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[index]), y[index]).backward()
            gradients.append([w.grad.clone() for w in net.parameters()])
            optimiser.step()
    weights.append([w.detach().clone() for w in net.parameters()])
    return weights, gradients


def pick(arrays, epoch, layer, quantity):
    rows = arrays[(arrays["epoch"] == epoch) & (arrays["layer"] == layer)]
    row = rows[rows["quantity"] == quantity].iloc[0]
    return np.reshape(row["values"], row["shape"])


def test_windows_are_those_of_a_plain_loop(trained, history):
    weights, _ = history
    steps = pick(trained[2], 2, "layer1", "window_steps")
    assert list(steps) == [1, 4, 16]  # 60 examples < 80; the run has no 64 steps
    for j, n in enumerate(steps.astype(int)):
        rates = [0.1 if t < 13 else 0.02 for t in range(26 - n, 26)]
        sizes = [2 if t in (12, 25) else 4 for t in range(26 - n, 26)]
        p = np.prod([1 - lr * 0.05 for lr in rates])
        now, old = weights[26][1].numpy(), weights[26 - n][1].numpy()
        rest = np.linalg.svd(now - p * old, compute_uv=False)
        assert pick(trained[2], 2, "layer1", "window_product")[j] == pytest.approx(p, rel=1e-12)
        assert pick(trained[2], 2, "layer1", "window_rank")[j] == sum(sizes)
        fro = pick(trained[2], 2, "layer1", "window_fro")[j]
        assert fro == pytest.approx(np.linalg.norm(old), rel=1e-12)
        spec_norm = pick(trained[2], 2, "layer1", "window_spec")[j]
        assert spec_norm == pytest.approx(np.linalg.norm(old, 2), rel=1e-12)
        # Both trainers round differently, 26 steps of float64.
        np.testing.assert_allclose(
            pick(trained[2], 2, "layer1", "window_rest")[j], rest, atol=1e-13
        )


def test_movement_and_its_parts_are_those_of_a_plain_loop(trained, history):
    weights, gradients = history
    for epoch, (a, b) in enumerate(((0, 13), (13, 26)), start=1):
        lr = 0.1 * (1, 0.2)[epoch - 1]
        moved = (weights[b][1] - weights[a][1]).norm()
        decay = sum(lr * 0.05 * weights[t][1] for t in range(a, b)).norm()
        pull = sum(lr * gradients[t][1] for t in range(a, b)).norm()
        wanted = [moved, decay, pull, weights[a][1].norm()]
        np.testing.assert_allclose(
            pick(trained[2], epoch, "layer1", "movement"), wanted, rtol=1e-10
        )


def test_the_movement_of_one_step_and_its_parts_are_those_of_a_plain_loop(trained, history):
    weights, gradients = history
    for epoch, last in ((1, 12), (2, 25)):
        lr = 0.1 * (1, 0.2)[epoch - 1]
        before = weights[last][1]
        moved = (weights[last + 1][1] - before).norm()
        decay, pull = lr * 0.05 * before.norm(), lr * gradients[last][1].norm()
        found = pick(trained[2], epoch, "layer1", "step_movement")
        # Weights of one size differ by one step: the difference keeps 13 of 16 digits.
        np.testing.assert_allclose(found, [moved, decay, pull, before.norm()], rtol=1e-10)
        assert found[0] != pytest.approx(pick(trained[2], epoch, "layer1", "movement")[0])
        for name, index in (("relative_step", 0), ("decay_step", 1), ("gradient_step", 2)):
            value = metrics.resolve(name).compute(found)
            assert value == pytest.approx(found[index] / found[3], rel=1e-12)


def test_every_certificate_holds_for_plain_sgd(trained):
    run, folder, _ = trained
    found = tables.measure([run], INEQUALITIES, [folder])
    assert set(found["metric"]) == set(INEQUALITIES)
    says = found.dropna(subset=["value"])
    assert (says["value"] <= says["limit"]).all()
    assert (says["value"] <= says["trivial"] * (1 + 1e-12)).all()
    tight = says[says["metric"] == "unrolled_rank"].query("layer == 'layer1' and part == 0")
    # The last batch of an epoch has 2 examples, and so has its gradient that rank.
    assert list(tight["value"]) == list(tight["limit"]) == [2, 2]


def recorded(run, folder, arrays, change):
    """The records with `change` applied to the values of some quantities."""
    out = records.Records()
    for row in arrays.to_dict("records"):
        values = change.get(row["quantity"], lambda v: v)(np.asarray(row["values"]))
        out.array(row["run"], row["epoch"], row["step"], row["quantity"], list(values),
                  row["shape"], row["layer"], row["averaged"])  # fmt: skip
    out.scalar(run.run_id, 0, 0, "train_loss", 1.0)
    out.write(folder / "records")
    return folder


VOID = {
    "unrolled_rank": {"window_rank": lambda v: np.floor(v / 2)},  # half the batch size
    "gradient_rank": {"gradient_sizes": lambda v: v / 2},
    "sample_gradient_rank": {"patches": lambda v: 0 * v},
    "unrolled_identity": {"unrolling": lambda v: [v[0], 1e-12 * v[3], *v[2:]]},
    "near_convergence": {"batch_residual": lambda v: v / 10},
}


@pytest.mark.parametrize("metric", VOID)
def test_a_void_certificate_is_an_error_that_names_run_layer_epoch_and_both_sides(
    tmp_path, trained, metric
):
    run, _, arrays = trained
    folder = recorded(run, tmp_path, arrays, VOID[metric])
    with pytest.raises(UserError, match=f"^{metric} does not hold") as error:
        tables.measure([run], [metric], [folder])
    text = str(error.value)
    assert run.run_id in text
    assert "layer" in text and "epoch" in text and "is not at most" in text


def test_momentum_voids_the_certificates_and_planning_refuses_it(tmp_path, data_dir):
    with pytest.raises(UserError, match="momentum must be 0"):
        spec.make({**BASE, "momentum": 0.9})
    run = unchecked(momentum=0.9)
    train([run], tmp_path, data_dir)
    for metric in ("unrolled_rank", "unrolled_identity"):
        with pytest.raises(UserError, match=f"^{metric} does not hold"):
            tables.measure([run], [metric], [tmp_path])


def test_unrolling_in_float32_is_refused():
    with pytest.raises(UserError, match="needs precision: float64"):
        spec.make({**BASE, "precision": "float32"})


def test_float32_leaves_room_for_rounding_and_no_more(tmp_path, data_dir):
    """The same run in float32 holds; with its batches halved it does not."""
    run = spec.make({**BASE, "precision": "float32", "record": ["windows"]})
    arrays = train([run], tmp_path / "a", data_dir)
    tables.measure([run], ["unrolled_rank", "lemma_spec", "lemma_fro"], [tmp_path / "a"])
    half = recorded(run, tmp_path / "b", arrays, VOID["unrolled_rank"])
    with pytest.raises(UserError, match="unrolled_rank does not hold"):
        tables.measure([run], ["unrolled_rank"], [half])


def test_observers_change_no_number(tmp_path, trained, data_dir):
    plain = spec.make({k: v for k, v in BASE.items() if k != "record"})
    bare = train([plain], tmp_path, data_dir)
    with_records = trained[2].query("quantity == 'spectrum'")
    for a, b in zip(bare["values"], with_records["values"], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_resumed_run_has_the_same_records(tmp_path, trained, data_dir, monkeypatch):
    run, _, whole = trained
    tmp_path.mkdir(exist_ok=True)
    tick = Loop.tick

    def killed(self, training, *rest):
        if training.step == 21:  # in the second epoch, within the windows and the span
            self._note(signal.SIGTERM, None)
        tick(self, training, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "tick", killed)
        with pytest.raises(Interrupted):
            train([run], tmp_path, data_dir)
    assert (tmp_path / "checkpoint.pt").exists()
    found = train([run], tmp_path, data_dir)
    assert list(found["quantity"]) == list(whole["quantity"])
    for a, b in zip(found["values"], whole["values"], strict=True):
        np.testing.assert_array_equal(a, b)


def test_decay_factors_and_theorem_steps_by_brute_force():
    run = spec.make({**BASE, "weight_decay": 2.0, "epochs": 3})
    decay, rates = Decay(run), [0.1] * 13 + [0.02] * 26
    for end in (13, 26, 39):
        for n in (1, 5, end):
            factors = [1 - lr * 2.0 for lr in rates[end - n : end]]
            assert decay.factor(end, n) == pytest.approx(np.prod(factors), rel=1e-12)
        for eps in (0.5, 0.1):
            enough = (np.prod([1 - 2 * lr for lr in rates[end - n : end]]) <= eps / 2
                      for n in range(end + 1))  # fmt: skip
            first = next((n for n, reached in enumerate(enough) if reached), None)
            assert decay.theorem_steps(end, eps) == first


def test_lemma_at_equality_and_with_the_papers_lambda_for_torchs():
    """W_T = p W_{T-n} with equal singular values: both sides 1; p counted twice voids it."""
    s = np.full(6, 2.0)
    p = 0.9**4
    args = {"spectrum": p * s, "window_rank": [3.0], "window_steps": [4.0],
            "window_fro": [np.linalg.norm(s)], "unit_roundoff": [2.0**-53]}  # fmt: skip
    for name, extra in (("lemma_spec", {"window_spec": [2.0]}), ("lemma_fro", {})):
        compute = metrics.resolve(name).compute
        ((left,), (right,), _) = compute(**args, **extra, window_product=[p])
        tail = 1.0 if name == "lemma_spec" else np.sqrt(0.5)
        assert left == pytest.approx(tail)
        assert right == pytest.approx(1.0, rel=1e-6)  # and the room for a recorded spectrum
        ((left,), (right,), _) = compute(**args, **extra, window_product=[p**2])
        assert left > right


def test_theorem_count_on_gradients_that_never_repeat_a_direction():
    """Steps of W <- (1 - x) W - E_t with orthonormal rank-2 E_t: s_i = (1 - x)^i, each twice."""
    x, n = 0.1, 20
    s = np.repeat((1 - x) ** np.arange(150), 2)
    sides = metrics.resolve("theorem_rank").compute(s, [2.0 * n], [(1 - x) ** n], [s[0]])
    eps = 2 * (1 - x) ** n
    assert sides[0][0] == 2 * sum((1 - x) ** i > eps for i in range(150)) <= sides[1][0] == 40
    half = metrics.resolve("theorem_rank").compute(s, [1.0 * n / 2], [(1 - x) ** n], [s[0]])
    assert half[0][0] > half[1][0]
    grown = metrics.resolve("theorem_rank").compute(s, [2.0 * n], [(1 - x) ** n], [3 * s[0]])
    assert np.isnan(grown).all()  # the norm has not settled: the theorem says nothing


def test_a_diverged_run_certifies_nothing_and_breaks_nothing():
    s = np.full(4, np.nan)
    both = metrics.resolve("lemma_fro").compute(s, [2.0], [0.5], [1.0], [3.0], [1e-16])
    assert np.isnan(both[0]).all()


class Attention(nn.Module):
    """One head over T tokens, then the mean token: W_Q, W_K and W_V as in lemma A.1."""

    def __init__(self, size):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(size, size, bias=False) for _ in range(3))
        self.head = nn.Linear(size, 3)

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        return self.head((torch.softmax(q @ k.mT, -1) @ v).mean(1))


def test_gradients_of_attention_have_at_most_the_rank_of_its_tokens():
    torch.manual_seed(0)
    model, tokens = Attention(12).double(), 5
    found = patches(model, (tokens, 12))
    assert found == {"layer0": 5, "layer1": 5, "layer2": 5, "head": 1}
    x, y = torch.randn(1, tokens, 12).double(), torch.tensor([1])
    gradients = batch_gradients(model, model.state_dict(), x, y, "cross_entropy")
    for name in ("q.weight", "k.weight", "v.weight"):
        spectrum = np.linalg.svd(gradients[name].numpy(), compute_uv=False)
        compute = metrics.resolve("sample_gradient_rank").compute
        ((rank,), (bound,), _) = compute(spectrum[None], [1.0], [float(tokens)])
        assert rank <= bound == 5
        if name == "v.weight":  # the mean of the tokens has one direction of outputs
            assert rank == 1
        else:
            assert rank > 1
            ((rank,), (bound,), _) = compute(spectrum[None], [1.0], [1.0])
            assert rank > bound  # the wrong m_l


def test_a_vit_with_dropout_is_certified_and_one_token_less_is_an_error(tmp_path, data_dir):
    """Lemma A.1 in a trained pack of two; the replay of its steps finds the same masks."""
    vit = {"model": "vit", "dim": 24, "heads": 2, "head_dim": 12, "mlp_dim": 24, "dropout": 0.3,
           "epochs": 1, "lr_milestones": [],
           "record": ["windows", "unrolling", "gradients"]}  # fmt: skip
    fields = {k: v for k, v in BASE.items() if k != "width"} | vit
    runs = [spec.make({**fields, "seed": seed}) for seed in (0, 1)]
    arrays = train(runs, tmp_path / "a", data_dir)
    names = [n for n in INEQUALITIES if n != "near_convergence"]
    found = tables.measure(runs, names, [tmp_path / "a"])
    ranks = found[(found["metric"] == "sample_gradient_rank") & (found["layer"] == "layer0")]
    assert list(ranks["limit"].unique()) == [5]  # 2 x 2 patches and the class token
    assert ranks["value"].max() == 5 < ranks["trivial"].min() == 24
    one = arrays[arrays["run"] == runs[0].run_id]
    void = recorded(runs[0], tmp_path / "b", one, {"patches": lambda v: v - 1})
    with pytest.raises(UserError, match="^sample_gradient_rank does not hold"):
        tables.measure(runs[:1], ["sample_gradient_rank"], [void])


@pytest.mark.parametrize(
    ("model", "shape", "wanted"),
    [
        ("mlp_bn", (1, 8, 8), {"layer0": 1, "head": 1}),
        ("conv_small", (1, 28, 28), {"layer0": 144, "layer1": 16, "layer2": 1, "head": 1}),
        ("resnet18", (3, 32, 32), {"layer0": 1024, "layer5": 256, "layer16": 16, "head": 1}),
        ("vgg16", (3, 32, 32), {"layer0": 1024, "layer3": 256, "layer9": 16, "layer12": 4}),
        ("convnet", (1, 28, 28), {"layer0": 196, "layer1": 49, "layer6": 49, "head": 1}),
    ],
)
def test_patches_by_hand(model, shape, wanted):
    net = build_seeded(model, shape, 10, seed=0)
    found = patches(net, shape)
    assert {k: found[k] for k in wanted} == wanted
    assert net.training


def test_spans_of_movement_may_not_overlap():
    with pytest.raises(UserError, match="movement_epochs"):
        spec.make({**BASE, "movement_epochs": 2})
    ends = spec.make(BASE).record_epochs
    assert all(b - a >= 1 for a, b in pairwise(ends))


@pytest.mark.parametrize(
    ("procedure", "metric", "entry"),
    [("sgd", "lemma_fro", "windows"), ("square_sgd", "movement", "movement"),
     ("square_sgd", "cdnv", "collapse")],
)  # fmt: skip
def test_a_figure_that_asks_for_what_its_runs_do_not_record_is_refused_while_planning(
    tmp_path, procedure, metric, entry
):
    run = {k: v for k, v in BASE.items() if k != "record"} | {"procedure": procedure}
    tree = {
        "scale": "small", "sweeps": {"mine": {"base": run, "seeds": [0]}},
        "figures": {"galanti2025rank/exp_certificate": {
            "runs": [{"sweep": "mine"}], "metrics": [metric, "unrolled_rank"],
        }},
    }  # fmt: skip
    sources = Sources()
    message = rf"'{metric}' needs runs with record: \[{entry}\]"
    with pytest.raises(UserError, match=message):
        make_plan(config.parse(tree, sources), sources, tmp_path)


def test_residuals_and_gradients_by_a_plain_backward_pass(trained, history, data_dir):
    weights, _ = history
    split = data.load("digits", data_dir, n_train=50)
    x, y = torch.from_numpy(split.x_train).double(), torch.from_numpy(split.y_train)
    net = build_seeded("mlp_relu", (1, 8, 8), 10, seed=init_seed(0), depth=2, width=80).double()
    for own, w in zip(net.parameters(), weights[26], strict=True):
        own.data.copy_(w)
    order, ratios = torch.from_numpy(epoch_order(0, 2, 50)), []
    for index in order[:48].split(4):  # whole batches only
        net.zero_grad()
        nn.functional.cross_entropy(net(x[index]), y[index]).backward()
        w = net.layers[1].weight.detach()
        ratios.append(float((net.layers[1].weight.grad + 0.05 * w).norm() / (0.05 * w.norm())))
    np.testing.assert_allclose(pick(trained[2], 2, "layer1", "batch_residual"), ratios, rtol=1e-9)
    assert pick(trained[2], 2, "layer1", "residual_rank") == [4]
    net.zero_grad()
    nn.functional.cross_entropy(net(x[order[:8]]), y[order[:8]]).backward()
    wanted = np.linalg.svd(net.layers[1].weight.grad.numpy(), compute_uv=False)
    found = pick(trained[2], 2, "layer1", "batch_gradients")
    sizes = list(pick(trained[2], 2, "layer1", "gradient_sizes"))
    np.testing.assert_allclose(found[sizes.index(8)], wanted, atol=1e-12)


def test_with_batch_norm_a_batch_adds_one_less(tmp_path, data_dir):
    run = spec.make({**BASE, "model": "mlp_bn", "width": 24, "record": ["gradients"]})
    train([run], tmp_path, data_dir)
    rows = tables.measure([run], ["gradient_rank"], [tmp_path]).query("layer == 'layer1'")
    assert (rows["value"] <= rows["limit"] - 1).all()
    assert (rows["value"] == rows["limit"] - 1).any()
    assert rows["limit"].min() == 4


def test_near_convergence_at_equality():
    """W = (R - G) / wd, G of rank 2, R orthogonal to it: distance and bound are equal."""
    s = np.array([5.0, 4.0, 0.3, 0.2])
    norm, rest = np.linalg.norm(s), np.linalg.norm(s[2:])
    compute = metrics.resolve("near_convergence").compute
    (left,), (right,), _ = compute(s, [9.0, rest / norm], [2.0])
    assert left == pytest.approx(rest / norm)
    assert left <= right <= left * (1 + 1e-5)
    (left,), (right,), _ = compute(s, [9.0, 0.9 * rest / norm], [2.0])
    assert left > right
