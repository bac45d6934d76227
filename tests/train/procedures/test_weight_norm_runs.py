"""Weight-normalised runs of square_sgd: from spec to records, and what planning refuses."""

import math

import numpy as np
import pytest
import torch

from implicitbias import data, models
from implicitbias.base.errors import UserError
from implicitbias.metrics.margin_quantile import margin_quantile
from implicitbias.plan import spec
from implicitbias.train import records
from implicitbias.train.procedures import Job, load
from implicitbias.train.procedures.square_sgd import network

BASE = {
    "procedure": "square_sgd", "dataset": "digits", "classes": [1, 2], "n_train": 60,
    "model": "conv4", "width": 2, "bias": False, "batch_norm": False, "batch_size": 16,
    "epochs": 3, "lr": 0.03, "weight_decay": 0.002, "momentum": 0.9, "normalisation": "weight_norm",
    "gain": 20.0, "init_norm": 0.9, "unit_images": True, "record_every": 1,
    "record": ["margins", "margin_quantiles"],
}  # fmt: skip


def make(**changes):
    return spec.make({k: v for k, v in {**BASE, **changes}.items() if v is not None})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    data.fetch("digits", folder, report=lambda _: None)
    specs = [make(seed=0), make(seed=1, gain=5.0, init_norm=1.3, weight_decay=0.0)]
    load("square_sgd")(specs, Job("test", folder, folder)).write(folder / "records")
    return specs, [records.read(folder / "records" / f"{n}.parquet") for n in ("scalars", "arrays")]


def test_rho_is_the_gain_times_the_norm_of_the_head(trained):
    specs, (scalars, _) = trained
    for s in specs:
        rows = scalars[scalars["run"] == s.run_id]
        rho = rows[rows["quantity"] == "rho"].set_index("epoch")["value"]
        norms = rows[rows["quantity"] == "fro_norm"].pivot(
            index="epoch", columns="layer", values="value"
        )
        assert rho.to_numpy() == pytest.approx(s.gain * norms["head"].to_numpy(), rel=1e-5)
        assert norms.drop(columns="head").to_numpy() == pytest.approx(s.gain ** (1 / 3), rel=1e-5)
        assert norms["head"].loc[0] == pytest.approx(s.init_norm, rel=1e-6)
        assert norms["head"].loc[3] != pytest.approx(s.init_norm, rel=1e-3)


def test_quantiles_are_those_of_the_margins(trained):
    specs, (_, arrays) = trained
    rows = arrays[(arrays["run"] == specs[0].run_id) & (arrays["epoch"] == 3)]
    margins, quantiles = (
        rows[rows["quantity"] == name]["values"].iloc[0] for name in ("margins", "margin_quantiles")
    )
    assert len(quantiles) == 201 and (np.diff(quantiles) >= 0).all()
    for level in (0.05, 0.5, 0.9):
        wanted = float(margin_quantile(margins, level))
        assert quantiles[round(200 * level)] == pytest.approx(wanted, rel=1e-9)
    assert quantiles[[0, -1]] == pytest.approx([margins.min(), margins.max()])


def test_expensive_gradients_are_recorded_only_where_asked(trained):
    assert "gradient_norm" not in set(trained[1][0]["quantity"])


@pytest.mark.parametrize("norm", [1.0, 2.5, None])
def test_directions_begin_at_their_norm(norm):
    net = network(make(direction_norm=norm) if norm else make_as_torch(), (1, 8, 8), 2)
    torch.manual_seed(0)
    plain = models.build("conv4", (1, 8, 8), 2, width=2, bias=False, batch_norm=False)
    for ours, theirs in zip(net.layers, plain.layers, strict=True):
        # torch's uniform draws have expected norm sqrt(out / 3); here within a third of it
        usual = theirs.weight.norm().item()
        assert ours.weight.norm().item() == pytest.approx(norm or usual, rel=1e-6 if norm else 0.5)
    assert net.head.weight.norm().item() == pytest.approx(0.9, rel=1e-6)


def make_as_torch():
    return spec.make({**BASE, "direction_norm": None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gain": 1e39}, "gain: 1e+39 makes outputs, or a step, whose square is infinite in float"),
        ({"lr": 1e30}, "lr: 1e+30 makes outputs"),
        ({"weight_decay": 200.0}, "weight_decay: 200 with lr 0.03 makes the head grow at every"),
        ({"n_train": 100_000}, "n_train 100000 is out of range for 'digits' with 2 classes"),
        ({"classes": [1]}, "classes (1,) are too few"), ({"classes": [1, 10]}, "class 10 is out"),
        ({"model": "conv4_fc", "bias": None, "batch_norm": None}, "needs images of 16 x 16"),
        ({"head_norm": 2.0}, "head_norm: with weight_norm init_norm is the head's"),
        ({"normalisation": "none"}, "gain: and direction_norm belong to normalisation"),
    ],
)  # fmt: skip
def test_what_cannot_end_well_is_one_line_while_planning(changes, words):
    with pytest.raises(UserError) as error:
        make(**changes)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_models_with_steps_written_out_have_no_weight_normalisation():
    fields = {k: v for k, v in BASE.items() if k not in ("bias", "batch_norm")}
    with pytest.raises(UserError, match="'mlp_relu' has no weight normalisation"):
        spec.make({**fields, "model": "mlp_relu"})
    assert math.isfinite(make().estimated_seconds(2, "cpu"))
