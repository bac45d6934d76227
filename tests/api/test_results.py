"""`load`: a scale, a pack or recorders as frames whose columns are described."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from smoke import ROOT

import implicitbias
from implicitbias.analysis.claims import KEYS
from implicitbias.base.errors import UserError
from implicitbias.train import records

from .networks import ResNet

PUBLISHED = ROOT / "results" / "published"
PACK = sorted((PUBLISHED / "packs").glob("mlp_bn-*"))[0]


@pytest.fixture(scope="module")
def published():
    return implicitbias.load(PUBLISHED)


def test_runs_have_their_fields(published):
    runs = published.runs.set_index("run")
    for name, spec in json.loads((PACK / "pack.json").read_text())["runs"].items():
        assert runs.loc[name, "pack"] == PACK.name
        for key in spec.keys() & {"seed", "weight_decay", "lr", "batch_size", "procedure"}:
            assert runs.loc[name, key] == spec[key]


def test_a_pack_has_metrics_at_any_tolerance():
    """Against the recorded singular values, counted here."""
    pack = implicitbias.load(str(PACK))
    table = pack.measure("rank_spec_7.5e-3", "train_accuracy")
    arrays = records.read(PACK / "records" / "arrays.parquet")
    row = arrays[(arrays["quantity"] == "spectrum") & arrays["averaged"]].iloc[-1]
    at = (table["run"] == row["run"]) & (table["epoch"] == row["epoch"])
    found = table[at & (table["layer"] == row["layer"]) & (table["metric"] == "rank_spec_7.5e-3")]
    assert found["value"].tolist() == [(row["values"] > 7.5e-3 * row["values"][0]).sum()]
    assert set(table["metric"]) == {"rank_spec_7.5e-3", "train_accuracy"}
    assert {"weight_decay", "lr", "seed", "diverged_step"} <= {*table}


def test_figures_and_claims_by_their_key(published):
    figure = published.figures["galanti2025rank/fig07"]
    file = PUBLISHED / "claims" / "galanti2025rank" / "fig07.json"
    claims = json.loads(file.read_text())
    assert figure.claims["id"].tolist() == [c["id"] for c in claims]
    assert list(figure.claims) == list(published.claims) == list(KEYS)
    rows = published.claims[published.claims["figure"] == "galanti2025rank/fig07"]
    assert rows["verdict"].tolist() == [c["verdict"] for c in claims]
    plotted = pd.read_csv(PUBLISHED / "figures" / "galanti2025rank" / "fig07.csv")
    pd.testing.assert_frame_equal(figure.plotted, plotted)
    assert figure.pictures["svg"].is_file()
    assert figure._repr_png_()[:4] == b"\x89PNG"
    if not (PUBLISHED / "tables").exists():  # they are not tracked; `make paper-figures` makes them
        with pytest.raises(UserError, match="tables/galanti2025rank/fig07.parquet: not there"):
            _ = figure.table


def test_the_table_of_a_figure_of_a_whole_scale(made):
    results = implicitbias.load(made / "results" / "smoke")
    table = results.figures["galanti2025rank/fig09"].table
    assert {"weight_decay", "layer", "metric", "value"} <= {*table}
    again = results.measure("train_accuracy")
    both = table[table["metric"] == "train_accuracy"].merge(again, on=["run", "epoch"])
    assert len(both) == (table["metric"] == "train_accuracy").sum()
    assert (both["value_x"] == both["value_y"]).all()


def test_columns_are_described(published):
    pack = implicitbias.load(PACK)
    for name in ("scalars", "arrays"):
        assert list(getattr(pack, name)) == list(pack.columns[name])
    fields = {*pack.runs}
    assert {*pack.measure("stable_rank")} <= {*pack.columns["measure"]} | fields
    assert list(published.figures["galanti2025rank/fig07"].plotted) == [*pack.columns["plotted"]]


def test_several_recorders_side_by_side(tmp_path):
    for name, lr in (("a", 0.1), ("b", 0.2)):
        torch.manual_seed(0)
        with implicitbias.Recorder(ResNet(), tmp_path / name, fields={"lr": lr}) as recorder:
            recorder.measure(0, 0, loss=lr)
    results = implicitbias.load(tmp_path)
    assert results.runs[["run", "lr"]].to_numpy().tolist() == [["a", 0.1], ["b", 0.2]]
    assert results.runs["procedure"].unique().tolist() == ["recorder"]
    loss = results.measure("loss")
    assert (loss["value"] == loss["lr"]).all()
    assert np.isnan(loss["diverged_step"]).all()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("rank_fro",), "needs a tolerance"),
        (("rank_fro_2",), "in \\(0, 1\\)"),
        (("test_acuracy",), "did you mean 'test_accuracy'"),
        (("nc1",), "nc1: no run in .* has the records"),
    ],
)
def test_a_name_that_is_no_metric_here(names, said):
    with pytest.raises(UserError, match=said):
        implicitbias.load(PACK).measure(*names)


def test_a_wrong_type_is_one_sentence(published):
    with pytest.raises(UserError, match="folder is a path, not 3"):
        implicitbias.load(3)
    for names in ([], [["train_accuracy"]]):
        with pytest.raises(UserError, match="measure takes names"):
            published.measure(*names)
    with pytest.raises(KeyError, match="did you mean 'galanti2025rank/fig09'"):
        published.figures["galanti2025rank/fig9"]


def test_folders_without_results(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        implicitbias.load(tmp_path / "none")
    with pytest.raises(UserError, match="no results"):
        implicitbias.load(tmp_path)
    shutil.copytree(PACK / "records", tmp_path / "records")
    with pytest.raises(UserError, match=r"recorder\.json"):
        _ = implicitbias.load(tmp_path).runs
    file = tmp_path / "records" / "scalars.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"scalars\.parquet: (damaged|not a readable)"):
        _ = implicitbias.load(tmp_path).scalars


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, implicitbias; loaded = {*sys.modules};"
        "assert not loaded & {'torch', 'pandas', 'numpy', 'matplotlib'}, loaded;"
        "assert {'Recorder', 'callbacks', 'load', 'metrics', 'spectrum'} <= {*dir(implicitbias)};"
        "implicitbias.metrics.rank([[1, 0], [0, 1]]);"
        "assert not {*sys.modules} & {'torch', 'pandas', 'matplotlib'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = implicitbias.nothing
