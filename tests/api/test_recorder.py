"""A recorder in plain loops, on networks that this package did not write."""

import copy
import json
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import weight_norm as old_weight_norm

import implicitbias
from implicitbias.base import provenance
from implicitbias.base.errors import UserError
from implicitbias.train import records

from .networks import ResNet, Transformer, images, steps


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def spectra(folder):
    """(layer, step) -> singular values, from the file."""
    rows = records.read(folder / "records" / "arrays.parquet")
    rows = rows[rows["quantity"] == "spectrum"]
    keys = zip(rows["layer"], rows["step"], strict=True)
    return dict(zip(keys, rows["values"], strict=True))


def svd(weight):
    return np.linalg.svd(weight.detach().flatten(1).double().numpy(), compute_uv=False)


def test_three_lines_in_a_loop_have_the_spectra_of_numpy(tmp_path):
    model, (x, y) = ResNet(), images()
    right = {}
    recorder = implicitbias.Recorder(model, tmp_path / "run", fields={"lr": 0.1})
    for epoch in range(3):
        steps(model, x, y)
        assert recorder.measure(epoch + 1, 3 * (epoch + 1), train_accuracy=0.5 + epoch / 10)
        right |= {
            (name.removesuffix(".weight"), 3 * (epoch + 1)): svd(p)
            for name, p in model.named_parameters()
            if p.dim() > 1
        }
    recorder.close()
    found = spectra(tmp_path / "run")
    assert found.keys() == right.keys()
    assert len(found) == 3 * 11
    for key, s in right.items():
        np.testing.assert_allclose(found[key], s, rtol=1e-6, atol=1e-12 * s[0], err_msg=str(key))
    provenance.verify(tmp_path / "run")
    results = implicitbias.load(tmp_path / "run")
    table = results.measure("rank_fro_5e-2", "train_accuracy", "fro_norm")
    assert set(table["lr"]) == {0.1}
    last = table[(table["epoch"] == 3) & (table["metric"] == "rank_fro_5e-2")].set_index("layer")
    averaged = [k for k in right if k[1] == 9 and "downsample" not in k[0] and k[0] != "fc"]
    ranks = [(right[k] > 0.05 * np.linalg.norm(right[k])).sum() for k in averaged]
    assert len(ranks) == 9
    assert last.loc["average", "value"] == np.mean(ranks)
    accuracy = table[table["metric"] == "train_accuracy"]
    assert accuracy["value"].tolist() == [0.5, 0.6, 0.7]


def test_what_counts_is_said_and_can_be_chosen(tmp_path):
    model = ResNet()
    default = implicitbias.Recorder(model, tmp_path / "a").matrices.set_index("layer")
    assert not default.loc["fc", "averaged"]
    assert "last layer" in default.loc["fc", "note"]
    assert "shortcut" in default.loc["stages.1.0.downsample.0", "note"]
    assert default["averaged"].sum() == 9
    chosen = implicitbias.Recorder(
        model, tmp_path / "b", matrices="*conv*", averaged=lambda name: "conv2" in name,
        names={"conv1.weight": "stem"},
    ).matrices.set_index("layer")  # fmt: skip
    assert chosen.index[0] == "stem"
    assert len(chosen) == 9
    assert set(chosen.index[chosen["averaged"]]) == {n for n in chosen.index if "conv2" in n}
    with pytest.raises(UserError, match="no weight matrices"):
        implicitbias.Recorder(model, tmp_path / "c", matrices=["nothing*"])
    for wrong, said in (
        ({"averaged": "nothing*"}, "averaged: no parameter of this network matches 'nothing\\*'"),
        ({"averaged": ["conv*", "cnv*"]}, "averaged: no parameter .* 'cnv"),
        ({"names": {"conv1": "stem"}}, "names: this network has no parameter 'conv1'"),
        ({"layouts": {"up*": "kernel"}}, "layouts: no parameter of this network matches"),
        ({"layouts": {"conv1.weight": "kernl"}}, "no layout 'kernl' .did you mean 'kernel'"),
    ):
        with pytest.raises(UserError, match=said):
            implicitbias.Recorder(model, tmp_path / "d", **wrong)
    assert not (tmp_path / "d").exists()


def test_a_transformer_with_tied_and_frozen_weights(tmp_path):
    model = Transformer()
    model.layers.layers[0].linear1.weight.requires_grad_(False)
    with implicitbias.Recorder(model, tmp_path / "run") as recorder:
        rows = recorder.matrices.set_index("layer")
        ids = torch.randint(30, (4, 8))
        steps(model, ids, ids)
        recorder.measure(1, 3)
    assert "output.weight" in rows.loc["tokens", "note"]
    assert "frozen" in rows.loc["layers.layers.0.linear1", "note"]
    assert not rows.loc[["tokens", "positions"], "averaged"].any()
    assert rows.loc["positions", ["rows", "cols"]].tolist() == [8, 16]
    assert rows.loc["layers.layers.1.self_attn.in_proj_weight", "averaged"]
    assert rows["averaged"].sum() == 2 * 4
    found = spectra(tmp_path / "run")
    np.testing.assert_allclose(found["tokens", 3], svd(model.tokens.weight), rtol=1e-6)


@pytest.mark.parametrize("beside", [False, True])
def test_it_changes_nothing_and_copies_what_it_measures(tmp_path, beside):
    """Bitwise: power iterations of spectral norm, batch statistics and random numbers stay."""
    model = ResNet()
    parametrizations.spectral_norm(model.fc)
    other, (x, y) = copy.deepcopy(model), images()
    recorder = implicitbias.Recorder(model, tmp_path / "run", movement=True, beside=beside)
    for epoch in range(3):
        recorder.measure(epoch, epoch)
        for net in (model, other):
            steps(net, x, y, count=1)
    recorder.close()
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert {step for _, step in spectra(tmp_path / "run")} == {0, 1, 2}


def test_a_thread_beside_writes_what_measuring_at_once_does(tmp_path):
    made = []
    for beside in (False, True):
        torch.manual_seed(1)
        model, (x, y) = ResNet(), images()
        folder = tmp_path / str(beside)
        with implicitbias.Recorder(model, folder, beside=beside, movement=True) as recorder:
            for epoch in range(4):
                recorder.measure(epoch, epoch, loss=float(epoch))
                steps(model, x, y, count=1)
        made.append([records.read(folder / "records" / f"{n}.parquet").drop(columns="run")
                     for n in ("scalars", "arrays")])  # fmt: skip
    for inline, threaded in zip(*made, strict=True):
        keys = ["step", "layer", "quantity"]
        a, b = (t.sort_values(keys, ignore_index=True) for t in (inline, threaded))
        assert a.astype(str).equals(b.astype(str))


def test_movement_is_the_distance_from_the_last_measurement(tmp_path):
    model, (x, y) = ResNet(), images()
    with implicitbias.Recorder(model, tmp_path / "run", movement=True) as recorder:
        recorder.measure(0, 0)
        before = model.fc.weight.detach().clone()
        steps(model, x, y)
        recorder.measure(1, 3)
    rows = implicitbias.load(tmp_path / "run").scalars
    moved = rows[(rows["quantity"] == "movement") & (rows["layer"] == "fc")]
    right = (model.fc.weight.detach().double() - before.double()).norm()
    assert moved["value"].tolist() == pytest.approx([float(right)], rel=1e-12)


@pytest.mark.parametrize("norm", [old_weight_norm, parametrizations.weight_norm])
@pytest.mark.filterwarnings("ignore")
def test_reparametrised_weights_are_effective_ones(tmp_path, norm):
    model = nn.Sequential(norm(nn.Linear(12, 20)), nn.ReLU(), norm(nn.Linear(20, 3)))
    with implicitbias.Recorder(model, tmp_path / "run") as recorder:
        recorder.measure(0, 0)
        assert recorder.matrices.set_index("layer")["averaged"].to_dict() == {"0": True, "2": False}
    found = spectra(tmp_path / "run")
    assert {layer for layer, _ in found} == {"0", "2"}
    for layer in (0, 2):
        np.testing.assert_allclose(found[str(layer), 0], svd(model[layer].weight), rtol=1e-5)


def test_kernels_of_transposed_convolutions_and_a_parametrisation_of_ones_own(tmp_path):
    class Symmetric(nn.Module):
        def forward(self, w):
            return w + w.T

    model = nn.Sequential(nn.ConvTranspose2d(3, 5, 2), nn.Linear(4, 4), nn.Linear(4, 2))
    nn.utils.parametrize.register_parametrization(model[1], "weight", Symmetric())
    with implicitbias.Recorder(model, tmp_path / "run") as recorder:
        recorder.measure(0, 0)
        rows = recorder.matrices.set_index("layer")
    assert rows.loc["0", ["rows", "cols", "layout"]].tolist() == [5, 12, "transposed"]
    found = spectra(tmp_path / "run")
    np.testing.assert_allclose(found["1", 0], svd(model[1].weight), rtol=1e-6)
    np.testing.assert_allclose(found["0", 0], svd(model[0].weight.transpose(0, 1)), rtol=1e-6)


def test_a_compiled_network_has_the_names_of_the_plain_one(tmp_path):
    model, (x, y) = ResNet(), images()
    compiled = torch.compile(model, backend="eager")
    with implicitbias.Recorder(compiled, tmp_path / "run") as recorder:
        steps(compiled, x, y)
        recorder.measure(1, 3)
    found = spectra(tmp_path / "run")
    assert ("stages.0.0.conv1", 3) in found
    np.testing.assert_allclose(found["fc", 3], svd(model.fc.weight), rtol=1e-6)


def test_mixed_precision(tmp_path):
    """Under autocast, and of weights in bfloat16: in float64 from the stored numbers."""
    model, (x, y) = ResNet(), images()
    half = copy.deepcopy(model).bfloat16()
    for name, net in (("master", model), ("half", half)):
        with implicitbias.Recorder(net, tmp_path / name) as recorder:
            steps(net, x.to(net.fc.weight.dtype), y)
            with torch.autocast("cpu", torch.bfloat16):
                net(x)
                recorder.measure(1, 3)
        found = spectra(tmp_path / name)["fc", 3]
        np.testing.assert_allclose(found, svd(net.fc.weight), rtol=1e-10)


def test_collapse_and_margins_of_examples(tmp_path):
    model, (x, y) = ResNet(classes=4), images(40, 4)
    with implicitbias.Recorder(model, tmp_path / "run") as recorder:
        with torch.no_grad():
            h = model.eval().features(x)
            outputs = model.fc(h)
        recorder.measure(0, 0, outputs=outputs, labels=y, features=h)
        with pytest.raises(UserError, match="given together"):
            recorder.measure(1, 1, outputs=outputs)
        with pytest.raises(UserError, match="outputs \\(n, C\\) and labels"):
            recorder.measure(2, 2, outputs=outputs, labels=y[:3])
        with pytest.raises(UserError, match="labels: 4 is no class of outputs \\(n, 4\\)"):
            recorder.measure(2, 2, outputs=outputs, labels=y * 0 + 4)
        with pytest.raises(UserError, match="labels are whole numbers"):
            recorder.measure(2, 2, outputs=outputs, labels=y.float())
        with pytest.raises(UserError, match="features .* are of 3 examples, labels of 40"):
            recorder.measure(2, 2, outputs=outputs, labels=y, features=h[:3])
    at = implicitbias.load(tmp_path / "run").arrays["step"]
    assert set(at) == {0}, "a call that is refused records nothing"
    rows = implicitbias.load(tmp_path / "run").arrays.set_index("quantity")["values"]
    own = outputs[torch.arange(40), y]
    other = outputs.clone()
    other[torch.arange(40), y] = -torch.inf
    np.testing.assert_allclose(rows["margins"], (own - other.max(1).values).numpy(), rtol=1e-5)
    means = torch.stack([h[y == c].mean(0) for c in range(4)]).double()
    np.testing.assert_allclose(rows["class_gram"], (means @ means.T).flatten(), rtol=1e-5)
    within = sum(((h[y == c] - means[c]) ** 2).sum() for c in range(4)) / 40
    table = implicitbias.load(tmp_path / "run").measure("nc1", "nc3")
    assert set(table["metric"]) == {"nc1", "nc3"}
    assert np.isfinite(table["value"]).all()
    np.testing.assert_allclose(np.mean(rows["class_scatter"]), within, rtol=1e-5)


def test_a_share_of_the_time_bounds_the_cost(tmp_path):
    model = ResNet()
    with implicitbias.Recorder(model, tmp_path / "run", max_share=1e-9) as recorder:
        assert recorder.measure(0, 0, loss=1.0), "the first is always taken"
        with pytest.warns(UserWarning, match="spectra are left out"):
            assert not recorder.measure(1, 1, loss=2.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not recorder.measure(2, 2, loss=3.0), "said once"
    assert {step for _, step in spectra(tmp_path / "run")} == {0}
    rows = implicitbias.load(tmp_path / "run").scalars
    assert rows[rows["quantity"] == "loss"]["value"].tolist() == [1, 2, 3]
    assert json.loads((tmp_path / "run" / "recorder.json").read_text())["skipped"] == 2


def test_what_is_saved_can_be_read_while_training_goes_on(tmp_path):
    model = ResNet()
    recorder = implicitbias.Recorder(model, tmp_path / "run", save_seconds=0.0)
    for step in range(3):
        time.sleep(20 * recorder._folder._took)
        recorder.measure(step, step)
        assert set(implicitbias.load(tmp_path / "run").scalars["step"]) == {*range(step + 1)}
    recorder.close()


def test_a_training_goes_on_where_it_was_killed(tmp_path):
    model, folder = ResNet(), tmp_path / "run"
    first = implicitbias.Recorder(model, folder)
    for step in (1, 2, 3):
        first.measure(step, step, loss=1.0)
    first.close()
    with pytest.raises(UserError, match="has records"):
        implicitbias.Recorder(model, folder)
    with pytest.raises(UserError, match="no such layer; choose another folder"):
        implicitbias.Recorder(torch.nn.Linear(3, 3), folder, resume=True)
    with implicitbias.Recorder(model, folder, resume=True) as second:
        for step in (3, 4):
            second.measure(step, step, loss=2.0)
    results = implicitbias.load(folder)
    loss = results.scalars[results.scalars["quantity"] == "loss"]
    assert loss[["step", "value"]].to_numpy().tolist() == [[1, 1], [2, 1], [3, 2], [4, 2]]
    assert len(spectra(folder)) == 4 * 11
    assert provenance.read(folder)["resumed"]
    (folder / "records" / "arrays.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="not a readable table"):
        implicitbias.Recorder(model, folder, resume=True)


def test_a_diverged_network_has_no_rank(tmp_path):
    model = ResNet()
    with torch.no_grad():
        model.fc.weight[0, 0] = torch.nan
    with implicitbias.Recorder(model, tmp_path / "run") as recorder:
        recorder.measure(0, 0)
    table = implicitbias.load(tmp_path / "run").measure("rank_fro_1e-3").set_index("layer")
    assert np.isnan(table.loc["fc", "value"])
    assert table.loc["conv1", "value"] > 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.measure(0.5, 1), "epoch is a whole number"),
        (lambda r: r.measure(0, -1), "step is -1"),
        (lambda r: r.measure(0, 1, loss="much"), "loss: not a number"),
        (lambda r: r.measure(0, 1, loss=torch.ones(2)), "loss: not a number"),
        (lambda r: [r.measure(0, 1), r.measure(1, 1)], "step 1: 1 was measured already"),
        (lambda r: [r.close(), r.measure(0, 1)], "is closed"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, call, said):
    recorder = implicitbias.Recorder(ResNet(), tmp_path / "run")
    with pytest.raises(UserError, match=said):
        call(recorder)
    recorder.close()


def test_a_call_that_is_refused_can_be_made_again(tmp_path):
    with implicitbias.Recorder(ResNet(), tmp_path / "run") as recorder:
        for wrong in ({"acc": "good"}, {"outputs": torch.ones(3, 2)}):
            with pytest.raises(UserError):
                recorder.measure(0, 0, **wrong)
        assert recorder.measure(0, 0, acc=0.5)
    assert len(implicitbias.load(tmp_path / "run").measure("acc")) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"folder": 3}, "folder is a path, not 3"),
        ({"fields": ["a"]}, "fields: names and values"),
        ({"max_share": "5%"}, "max_share is a share of the time, in .0, 1., not '5%'"),
        ({"save_seconds": -1}, "save_seconds is a time from 0 s on, not -1"),
        ({"names": {"conv1.weight": "a", "fc.weight": "a"}}, "'a' is the name of several"),
    ],
)
def test_an_invalid_argument_is_one_sentence(tmp_path, arguments, said):
    with pytest.raises(UserError, match=said):
        implicitbias.Recorder(ResNet(), **{"folder": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_parameters_that_are_elsewhere_are_refused(tmp_path):
    with torch.device("meta"):
        model = ResNet()
    with pytest.raises(UserError, match="not all in this process"):
        implicitbias.Recorder(model, tmp_path / "run")
    with pytest.raises(UserError, match="max_share"):
        implicitbias.Recorder(ResNet(), tmp_path / "run", max_share=2)
    with pytest.raises(UserError, match=r"model is a torch.nn.Module, not \[1\]"):
        implicitbias.Recorder([1], tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'epoch' is a column"):
        implicitbias.Recorder(ResNet(), tmp_path / "run", fields={"epoch": 3})
    assert not (tmp_path / "run").exists(), "nothing is half written"


def of_rank(rank, folder):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2
    )
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(ResNet())
    recorder = implicitbias.Recorder(model, folder / "run")
    steps(model, *images(8, seed=rank), count=1)
    assert recorder.measure(1, 1, rank=rank) == (rank == 0)
    recorder.log(1, 1, again=rank)
    recorder.close()
    torch.distributed.destroy_process_group()


def test_of_several_processes_the_first_records(tmp_path):
    torch.multiprocessing.spawn(of_rank, (tmp_path,), nprocs=2)
    rows = implicitbias.load(tmp_path / "run").scalars
    assert rows[rows["quantity"] == "rank"]["value"].tolist() == [0]
    assert ("fc", 1) in spectra(tmp_path / "run"), "names of the network inside"
