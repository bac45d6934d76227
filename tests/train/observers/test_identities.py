"""What is proved of homogeneous networks holds in trained ones, and void numbers are errors."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from implicitbias import data, metrics
from implicitbias.analysis import tables
from implicitbias.base.errors import UserError
from implicitbias.models import build
from implicitbias.models._layers import weight_matrices
from implicitbias.plan import spec
from implicitbias.train import records
from implicitbias.train.observers import identities
from implicitbias.train.procedures import Job, load

BASE = {
    "procedure": "square_sgd", "dataset": "digits", "classes": [1, 2], "n_train": 40,
    "batch_size": 8, "epochs": 6, "lr": 0.05, "weight_decay": 0.02, "record_every": 3,
    "init_norm": 2.0, "record": ["identities", "stationarity", "spectra"],
}  # fmt: skip
RUNS = {
    "dense": {"model": "mlp_relu", "depth": 2, "width": 9, "targets": "sign"},
    "convolutions": {"model": "conv2x2", "depth": 2, "width": 3, "loss": "square"},
}
OF_ALL = (
    "lemma2_multiplier", "lemma2_rho", "lemma4", "lemma1_rest", "lemma6_rest", "lemma3_fit",
    "lemma8_rank",
)  # fmt: skip
OF_ONE_OUTPUT = ("lemma3_turn", "lemma5")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data.fetch("digits", folder, report=lambda _: None)
    return folder


def trained_run(fields, folder, data_dir):
    run = spec.spec_type("square_sgd", fields["model"]).model_validate({**BASE, **fields})
    load("square_sgd")([run], Job("test", folder, data_dir)).write(folder / "records")
    return run, folder


@pytest.fixture(scope="module", params=RUNS)
def trained(request, tmp_path_factory, data_dir):
    return trained_run(RUNS[request.param], tmp_path_factory.mktemp("run"), data_dir)


def names(run):
    return [*OF_ALL, *(OF_ONE_OUTPUT if run.targets == "sign" else ())]


def test_every_certificate_holds_in_trained_networks(trained):
    run, folder = trained
    table = tables.measure([run], names(run), [folder])
    counts = table.groupby("metric")["value"].count()
    assert set(counts.index) == set(names(run)) and counts.min() >= 2
    tight = table[table["metric"] == "lemma5"]
    if len(tight):  # an equality for the example that the head is rotated to
        np.testing.assert_allclose(tight["value"], tight["limit"], rtol=1e-8)


def test_what_two_observers_record_stands_once_in_a_table(trained):
    run, folder = trained
    table = tables.measure([run], ["fro_norm"], [folder])
    assert len(table) == 9 and not table.duplicated(["epoch", "layer"]).any()


VOID = {
    "lemma2_multiplier": ("layer_pull", lambda v: v * (1 + 1e-6)),
    "lemma2_rho": ("layer_pull", lambda v: v * (1 + 1e-6)),
    "lemma4": ("flow_terms", lambda v: [*v[:4], v[4] * (1 + 1e-6), v[5]]),
    "lemma1_rest": ("head_gradients", lambda v: 0 * v),
    "lemma6_rest": ("head_gradients", lambda v: 0 * v),
    "lemma3_fit": ("flow_terms", lambda v: [*v[:4], 0 * v[4], v[5]]),
    "lemma3_turn": ("sample_gap", lambda v: 0.01 * v),
    "lemma5": ("head_rotation", lambda v: [*v[:3], *(v[3:] * (1 + 1e-6))]),
    "lemma8_rank": ("sample_residual", lambda v: 0 * v),
}


@pytest.mark.parametrize("metric", VOID)
def test_a_void_certificate_is_an_error_that_says_where(tmp_path, trained, metric):
    run, folder = trained
    if metric not in names(run):
        pytest.skip("of one output")
    quantity, change = VOID[metric]
    arrays = records.read(folder / "records" / "arrays.parquet")
    rows = records.Records()
    for row in arrays.to_dict("records"):
        values = np.asarray(row["values"])
        values = change(values) if row["quantity"] == quantity else values
        rows.array(row["run"], row["epoch"], row["step"], row["quantity"], list(values),
                   row["shape"], row["layer"], row["averaged"])  # fmt: skip
    rows.scalar(run.run_id, 0, 0, "rho", 1.0)
    rows.write(tmp_path / "records")
    with pytest.raises(UserError, match=f"^{metric} does not hold") as error:
        tables.measure([run], [metric], [tmp_path])
    assert run.run_id in str(error.value)


def test_biases_void_homogeneity_and_planning_refuses_them(tmp_path, data_dir):
    fields = {"model": "conv4", "width": 2, "bias": True, "batch_norm": False, "targets": "sign",
              "record": ["identities"]}  # fmt: skip
    with pytest.raises(UserError, match="without biases"):
        spec.make({**BASE, **fields})
    run, folder = trained_run(fields, tmp_path, data_dir)
    with pytest.raises(UserError, match="^lemma2_multiplier does not hold"):
        tables.measure([run], ["lemma2_multiplier"], [folder])


def test_pulls_are_derivatives_of_the_loss_along_the_layers():
    """By central differences of the loss of the network with one layer scaled."""
    torch.manual_seed(0)
    net = build("conv2x2", (2, 7, 6), 2, depth=1, width=3).double()
    x, labels = torch.randn(700, 2, 7, 6).double(), torch.arange(700) % 2
    weights = {m.parameter: net.get_parameter(m.parameter).detach() for m in weight_matrices(net)}
    gradients, outputs, h = identities.evaluated(net, weights, x, labels, "one_hot")

    def loss(name, s):
        scaled = {n: w * (s if n == name else 1) for n, w in weights.items()}
        out = nn.functional.conv2d(x, scaled["layers.0.weight"]).relu().flatten(1)
        out = out @ scaled["head.weight"].T
        return (out - nn.functional.one_hot(labels)).square().sum(1).mean()

    for name, w in weights.items():
        slope = (loss(name, 1 + 1e-5) - loss(name, 1 - 1e-5)) / 2e-5
        assert (w * gradients[name]).sum().item() == pytest.approx(slope.item(), rel=1e-7)
    assert torch.equal(outputs, h @ weights["head.weight"].T)


def test_lemma5_is_exact_where_features_are_parallel_to_the_head():
    head = torch.tensor([3.0, 4.0]).double()
    sides, alignment = identities.rotated(head, torch.tensor([[0.75, 1], [6, 8]]).double())
    assert alignment == pytest.approx(1) and sides[1].tolist() == [0, 0, 0]
    sides, alignment = identities.rotated(head, torch.tensor([[0.8, -0.6], [1, 0]]).double())
    assert alignment == pytest.approx(0.3)
    assert sides[1].tolist() == pytest.approx([math.sqrt(1 - a**2) for a in identities.COSINES])


def test_at_an_exact_minimum_of_rho_the_equalities_have_no_slack():
    """One example with f = .5, lambda = .05, where eps = lambda / (mu^2 + lambda)."""
    mu, lam = 0.5, 0.05
    rho = mu / (mu**2 + lam)
    terms = np.array([rho, mu, mu**2, 1.0, (1 - rho * mu) ** 2, lam])
    rest = metrics.resolve("lemma1_rest").compute(terms, np.zeros(3))
    assert rest[0, 0] <= rest[1, 0] < 1e-8
    gap = metrics.resolve("lemma6_rest").compute(terms, np.zeros(3))
    assert gap[0, 0] <= gap[1, 0] < 1e-8
    assert 1 - rho * mu == pytest.approx(lam / (mu**2 + lam))
    assert lam * rho**2 == pytest.approx((1 - rho * mu) * rho * mu)
