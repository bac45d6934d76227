"""Square-loss SGD with layers on the sphere: against own loops, closed forms and invariances."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from implicitbias import data
from implicitbias.base.errors import UserError
from implicitbias.models import build
from implicitbias.models._objectives import LOSSES, LOSSES_WITH_GRADIENT
from implicitbias.plan import spec
from implicitbias.train import records
from implicitbias.train.engine.base import Members
from implicitbias.train.engine.choose import trainer_for
from implicitbias.train.engine.grouped import GroupedTrainer
from implicitbias.train.engine.mlp_relu import MLPReluTrainer
from implicitbias.train.engine.plain import PlainTrainer
from implicitbias.train.engine.sphere import OnSphere
from implicitbias.train.engine.streams import epoch_order
from implicitbias.train.observers.margins import margins_of
from implicitbias.train.procedures import Job, load
from implicitbias.train.procedures.square_sgd import network, permuted

F64 = torch.float64
BASE = {
    "procedure": "square_sgd", "dataset": "digits", "classes": [1, 2], "n_train": 100,
    "model": "mlp_relu", "depth": 2, "width": 9, "batch_size": 32, "epochs": 2, "lr": 0.1,
    "weight_decay": 0.01, "record_every": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda _: None)
    return folder


def make(**changes):
    return spec.make({**BASE, **changes})


def train(specs, folder, data_dir):
    load("square_sgd")(specs, Job("test", folder, data_dir)).write(folder / "records")
    return [records.read(folder / "records" / f"{n}.parquet") for n in ("scalars", "arrays")]


def test_mse_is_torchs_and_square_is_c_times_it():
    outputs, labels = torch.randn(1, 7, 4, dtype=torch.float64), torch.arange(7)[None] % 4
    target = torch.nn.functional.one_hot(labels, 4).double()
    for kind, shift in (("one_hot", 0.0), ("centred", 0.25)):
        mse = torch.nn.functional.mse_loss(outputs, target - shift)
        assert LOSSES[f"mse_{kind}"](outputs, labels).item() == pytest.approx(mse.item())
        assert LOSSES[f"square_{kind}"](outputs, labels).item() == pytest.approx(4 * mse.item())
    sign = LOSSES["mse_sign"](torch.tensor([[[0.5], [0.5]]]), torch.tensor([[0, 1]]))
    assert sign.item() == pytest.approx((0.25 + 2.25) / 2)


@pytest.mark.parametrize("name", LOSSES_WITH_GRADIENT)
def test_gradients_at_the_outputs_are_autograds(name):
    outputs = torch.randn(2, 7, 4, dtype=F64, requires_grad=True)  # (K, B, C)
    labels = torch.arange(14).view(2, 7) % 4
    losses = LOSSES[name](outputs, labels)
    (wanted,) = torch.autograd.grad(losses.sum(), outputs)
    one_hot = torch.eye(4, dtype=F64)[labels]
    found, gradient = LOSSES_WITH_GRADIENT[name](outputs.detach(), one_hot)
    torch.testing.assert_close(found, losses.detach())
    torch.testing.assert_close(gradient, wanted)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_sphere_step_is_the_one_written_out(momentum):
    """Own loop: projected gradient, projected momentum, renormalised; decay on the head alone."""
    net = network(make(init_norm=2.0), (1, 8, 8), 2).double()
    own = [p.detach().clone() for p in net.parameters()]
    own = [w / w.norm() if j < 2 else w for j, w in enumerate(own)]  # drawn in float32
    members = Members.of([0.1], [0.05], [momentum], torch.float64, torch.device("cpu"))
    inner = PlainTrainer([net], members, "mse_one_hot", torch.float64, torch.device("cpu"))
    trainer = OnSphere(inner, members, ["layers.0.weight", "layers.1.weight"])
    buffers = [torch.zeros_like(p) for p in own]
    for i in range(20):
        x, y = torch.randn(1, 16, 64, dtype=torch.float64), torch.randint(0, 2, (1, 16))
        trainer.step(x, y, 1.0 if i < 10 else 0.3)
        weights = [p.requires_grad_() for p in own]
        h = torch.relu(torch.relu(x[0] @ weights[0].T) @ weights[1].T) @ weights[2].T
        loss = torch.nn.functional.mse_loss(h, torch.nn.functional.one_hot(y[0], 2).double())
        for j, (w, g) in enumerate(zip(weights, torch.autograd.grad(loss, weights), strict=True)):
            with torch.no_grad():
                v = momentum * buffers[j] + g + (0.05 * w if j == 2 else 0)
                v = v if j == 2 else v - (v * w).sum() * w
                new = w - 0.1 * (1.0 if i < 10 else 0.3) * v
                own[j], buffers[j] = new if j == 2 else new / new.norm(), v
    # rounding alone: 20 steps of float64
    for ours, theirs in zip(own, trainer.state().values(), strict=True):
        assert (ours - theirs[0]).abs().max() < 1e-13


def alone(net, batches, lr, decay, spherical):
    """The network after projected steps with momentum 0.9, by autograd, one network at a time."""
    buffers = [torch.zeros_like(p) for p in net.parameters()]
    for x, y in batches:
        loss = torch.nn.functional.mse_loss(net.train()(x), torch.eye(2, dtype=F64)[y])
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for (name, w), v, g in zip(net.named_parameters(), buffers, gradients, strict=True):
                on_sphere = name in spherical
                v.mul_(0.9).add_(g if on_sphere else g + decay * w)
                v.sub_((v * w).sum() * w if on_sphere else 0)
                w.sub_(lr * v)
                w.div_(w.norm() if on_sphere else 1)
    return net.state_dict()


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("conv4", {"bias": False, "batch_norm": False}),
        ("conv4", {"bias": True, "batch_norm": True}),
        ("conv4_fc", {"hidden": 5, "pooling": "max"}),
        ("conv4_fc", {"hidden": 5, "pooling": "stride"}),
        ("mlp_relu", {"depth": 2}),
    ],
)
def test_members_train_side_by_side_as_each_alone(model, arguments):
    """On the fast paths; on the sphere unless batch-normalised."""
    nets = [build(model, (1, 16, 16), 2, width=2, **arguments).double() for _ in range(3)]
    free = arguments.get("batch_norm", False)
    spherical = [] if free else [n for n, _ in nets[0].named_parameters() if n != "head.weight"]
    with torch.no_grad():
        for net in nets:
            for name, w in net.named_parameters():
                w.div_(w.norm() if name in spherical else 1)
    lr, decay = [0.2, 0.1, 0.05], [0.1, 0.0, 0.01]
    members = Members.of(lr, decay, [0.9] * 3, F64, torch.device("cpu"), batch_size=8)
    inner = trainer_for(copy.deepcopy(nets), members, "mse_one_hot", F64, torch.device("cpu"))
    assert isinstance(inner, MLPReluTrainer if model == "mlp_relu" else GroupedTrainer)
    ours = OnSphere(inner, members, spherical) if spherical else inner
    batches = [(torch.randn(3, n, 1, 16, 16, dtype=F64), torch.randint(0, 2, (3, n)))
               for n in (8, 8, 5) * 4]  # fmt: skip
    for x, y in batches:
        ours.step(x, y, 1.0)
    for k, net in enumerate(nets):
        mine = [(x[k], y[k]) for x, y in batches]
        for name, tensor in alone(net, mine, lr[k], decay[k], spherical).items():
            # the same sums in another order, twelve steps of float64
            torch.testing.assert_close(ours.state()[name][k], tensor, rtol=1e-9, atol=1e-12)


def test_decay_of_sphere_layers_changes_nothing_and_of_the_head_something():
    """Decay is radial: on the sphere the projection takes it out."""
    found = []
    for decay in (0.0, 0.5):
        net = network(make(), (1, 8, 8), 2).double()
        members = Members.of([0.1], [decay], [0.9], torch.float64, torch.device("cpu"))
        device = torch.device("cpu")
        inner = PlainTrainer([net], members, "mse_one_hot", torch.float64, device)
        trainer = OnSphere(inner, members, ["layers.0.weight", "layers.1.weight"])
        x = torch.ones(1, 4, 64, dtype=torch.float64)
        trainer.step(x, torch.zeros(1, 4, dtype=torch.int64), 1.0)
        found.append({n: t.clone() for n, t in trainer.state().items()})
    assert torch.allclose(found[0]["layers.0.weight"], found[1]["layers.0.weight"], atol=1e-15)
    assert not torch.allclose(found[0]["head.weight"], found[1]["head.weight"])


def test_initial_norms_and_architecture_sizes():
    free = network(make(normalisation="none", init_norm=3.0, head_norm=0.5), (1, 8, 8), 2)
    norms = [p.norm().item() for p in free.parameters()]
    assert norms == pytest.approx([3.0, 3.0, 0.5], rel=1e-6)
    on_sphere = network(make(init_norm=3.0), (1, 8, 8), 2)
    assert [p.norm().item() for p in on_sphere.parameters()] == pytest.approx([1, 1, 3], rel=1e-6)

    def count(net):
        return sum(p.numel() for p in net.parameters())

    assert count(build("conv4", (3, 32, 32), 2)) == 97_346
    for pooling in ("max", "stride"):
        assert count(build("conv4_fc", (3, 32, 32), 2, pooling=pooling)) == 3_519_328


def test_labels_are_permuted_among_the_chosen():
    labels = np.arange(1000) % 2
    for share in (0.0, 0.4, 1.0):
        noisy = permuted(labels, share, seed=3).numpy()
        assert noisy.sum() == labels.sum()
        # of the chosen about half change: 4 standard deviations of a coin
        assert abs((noisy != labels).mean() - share / 2) < 4 * np.sqrt(share / 4000) + 1e-12
    assert (permuted(labels, 0.4, 3) != permuted(labels, 0.4, 4)).any()


def test_margins_of_one_two_and_more_outputs():
    labels = torch.tensor([[0, 1]])
    two = torch.tensor([[[0.9, 0.2], [0.3, 0.4]]])
    assert margins_of(two, labels)[0].tolist() == pytest.approx([0.7, 0.1])
    one = torch.tensor([[[0.7], [0.2]]])
    assert margins_of(one, labels)[0].tolist() == pytest.approx([0.7, -0.2])
    three = torch.tensor([[[0.5, 0.1, 0.3], [0.5, 0.1, 0.3]]])
    assert margins_of(three, labels)[0].tolist() == pytest.approx([0.2, -0.4])


def test_the_records_satisfy_the_identities_of_the_equilibrium(tmp_path, data_dir):
    """Exact at any time; and |<W, grad>| = 2 rho |rho (M + lambda) - mu| <= rho ||grad||."""
    run = make(
        batch_size=100, epochs=600, record_every=600, lr=0.02, momentum=0.9, weight_decay=0.02,
        targets="sign", precision="float64", record=["margins", "gradient_norm"],
    )  # fmt: skip
    scalars, arrays = train([run], tmp_path, data_dir)
    wide = scalars[scalars["layer"] == ""].pivot(index="epoch", columns="quantity", values="value")
    mu, m, rho, decay = (wide[n] for n in ("alignment", "output_square", "rho", "decay_lambda"))
    assert decay[600] == pytest.approx(0.01)
    gradient = scalars[(scalars["quantity"] == "gradient_norm") & (scalars["layer"] == "head")]
    bound = gradient.set_index("epoch")["value"]
    radial = 2 * (rho * (m + decay) - mu).abs()
    assert (radial <= bound * (1 + 1e-9)).all()
    assert (2 * (rho * (m + 2 * decay) - mu).abs() > bound).any()  # another lambda is seen
    for epoch in (0, 600):
        y_g = arrays[(arrays["quantity"] == "margins") & (arrays["epoch"] == epoch)]
        y_g = y_g["values"].item()
        expected = 1 - 2 * rho[epoch] * mu[epoch] + rho[epoch] ** 2 * m[epoch]
        assert wide["train_loss"][epoch] == pytest.approx(expected, rel=1e-12)
        assert expected == pytest.approx(np.mean((1 - y_g) ** 2), rel=1e-12)
    gap = (rho - mu / (m + decay)).abs() / rho
    assert gap[600] < 0.01 < gap[0]


def test_rho_with_batch_norm_divides_by_the_running_deviations(tmp_path, data_dir):
    fields = {k: v for k, v in BASE.items() if k != "depth"}
    run = spec.make({**fields, "model": "conv4", "width": 2, "normalisation": "none"})
    scalars, _ = train([run], tmp_path, data_dir)
    last = scalars[scalars["epoch"] == 2]

    def product(name):
        return last[last["quantity"] == name]["value"].prod()

    rho = last[last["quantity"] == "rho"]["value"].item()
    assert rho == pytest.approx(product("fro_norm") / product("bn_norm"))
    assert (last["quantity"] == "bn_norm").sum() == 3


def test_a_run_is_the_same_in_every_pack_and_trains_on_its_own_labels(tmp_path, data_dir):
    one = make(label_noise=0.5, record=["margins", "movement"])
    other = make(seed=1, init_norm=2.0, record=["margins", "movement"])
    alone = train([one], tmp_path / "a", data_dir)
    packed = train([other, one], tmp_path / "b", data_dir)
    for a, b in zip(alone, packed, strict=True):
        mine = b[b["run"] == one.run_id].reset_index(drop=True)
        values = "values" if "values" in a else "value"
        pd.testing.assert_frame_equal(a.drop(columns=values), mine.drop(columns=values))
        for x, y in zip(a[values], mine[values], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)  # float32


def test_the_run_is_that_of_an_own_loop(tmp_path, data_dir):
    run = make(normalisation="none", precision="float64", momentum=0.9, unit_images=True,
               record=["step_movement"])  # fmt: skip
    scalars, _ = train([run], tmp_path, data_dir)
    split = data.load("digits", data_dir, classes=[1, 2], n_train=100)
    x, y = torch.from_numpy(split.x_train).double(), torch.from_numpy(split.y_train)
    x = x / x.flatten(1).norm(dim=1)[:, None, None, None]
    net = network(run, (1, 8, 8), 2).double()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    target = torch.nn.functional.one_hot(y, 2).double()
    for epoch in range(2):
        for index in torch.from_numpy(epoch_order(0, epoch, 100)).split(32):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(net(x[index]), target[index]).backward()
            before = net.layers[1].weight.detach().clone()
            optimiser.step()
    loss = torch.nn.functional.mse_loss(net(x), target).item()
    last = scalars[(scalars["epoch"] == 2) & (scalars["layer"] == "")]
    found = last.set_index("quantity")["value"]
    assert found["train_loss"] == pytest.approx(loss, rel=1e-9)
    moved = scalars[(scalars["epoch"] == 2) & (scalars["layer"] == "layer1")]
    found = moved.set_index("quantity")["value"]
    step = (net.layers[1].weight.detach() - before).norm().item()
    assert found["step_movement"] == pytest.approx(step, rel=1e-9)


@pytest.mark.parametrize(
    "fields",
    [{"model": "conv4", "width": 3}, {"model": "conv4_fc", "width": 3, "hidden": 7},
     {"model": "mlp_relu", "width": 9, "depth": 3}],
)  # fmt: skip
def test_multiply_adds_are_those_of_a_forward_pass(fields):
    """Output entries times inputs to each, counted in the layers that run; but for the head."""
    run = spec.make({"procedure": "square_sgd", "dataset": "mnist5k", "batch_size": 8,
                     "epochs": 1, "lr": 0.1, **fields})  # fmt: skip
    net, counted = network(run, (1, 28, 28), 10).eval(), []

    def count(module, inputs, output):
        counted.append(output.numel() * module.weight[0].numel())

    for name, module in net.named_modules():
        if hasattr(module, "weight") and module.weight is not None and name != "head":
            module.register_forward_hook(count)
    net(torch.zeros(1, 1, 28, 28))
    assert run.multiply_adds() == sum(counted)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"targets": "sign", "classes": None}, "targets"),
        ({"lr_schedule": "cosine", "lr_milestones": [2]}, "lr_milestones"),
        ({"record_at": [9]}, "record_at"),
        ({"evaluate": "end"}, "evaluate: square_sgd needs"),
        ({"record": ["marginz"]}, "record"),
        ({"label_noise": 1.5}, "label_noise"),
    ],
)
def test_bad_values_get_one_sentence(changes, words):
    with pytest.raises(UserError, match=words):
        make(**changes)
