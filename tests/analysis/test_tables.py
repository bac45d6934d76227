import numpy as np
import pandas as pd
import pytest

from implicitbias.analysis import tables
from implicitbias.base.errors import UserError
from implicitbias.plan import spec
from implicitbias.train.records import Records

RUN = spec.make(
    {
        "procedure": "sgd", "dataset": "digits", "model": "mlp_bn", "batch_size": 16, "epochs": 1,
        "lr": 0.1, "lr_milestones": [], "seed": 3,
    }
)  # fmt: skip
SPECTRA = {"layer0": [2.0, 1.0, 0.001], "layer1": [1.0, 0.5], "head": [3.0]}


def written(folder, spectra, lost=False, run=RUN):
    rows = Records()
    for layer, values in spectra.items():
        rows.array(run.run_id, 1, 9, "spectrum", values, (3, 3), layer, layer != "head")
    rows.scalar(run.run_id, 1, 9, "train_loss", 0.25)
    if lost:
        rows.scalar(run.run_id, 1, 9, "diverged_step", 7)
    rows.write(folder / "records")
    return folder


def cell(frame, layer, metric):
    return frame[(frame["layer"] == layer) & (frame["metric"] == metric)]["value"].item()


def test_rows_carry_layers_averages_and_the_runs_fields(tmp_path):
    frame = tables.measure([RUN], ["rank_fro_1e-2", "train_loss"], [written(tmp_path, SPECTRA)])
    assert cell(frame, "layer0", "rank_fro_1e-2") == 2
    assert cell(frame, "average", "rank_fro_1e-2") == 2
    assert cell(frame, "average_all", "rank_fro_1e-2") == pytest.approx(5 / 3)
    assert cell(frame, "network", "train_loss") == 0.25
    assert set(frame["seed"]) == {3}
    assert set(frame["lr_milestones"]) == {"[]"}
    assert set(frame["pack"]) == {tmp_path.name}
    assert frame["diverged_step"].isna().all()
    assert set(zip(frame["epoch"], frame["step"], strict=True)) == {(1, 9)}


def test_a_list_for_each_layer_has_a_column_of_its_own(tmp_path):
    folder = written(tmp_path, SPECTRA)
    frame = tables.measure([RUN], ["singular_values", "train_loss"], [folder])
    tables.write(tmp_path / "t.parquet", frame)
    frame = tables.read(tmp_path / "t.parquet")
    lists = frame[frame["metric"] == "singular_values"].set_index("layer")
    assert set(lists.index) == {"layer0", "layer1", "head"}
    np.testing.assert_allclose(lists["values"]["layer1"], [0.8**0.5, 0.2**0.5])
    assert lists["value"].isna().all()
    assert cell(frame, "network", "train_loss") == 0.25
    assert "values" not in tables.measure([RUN], ["stable_rank"], [folder])


def test_missing_stays_missing(tmp_path):
    spectra = {**SPECTRA, "layer1": [np.nan, np.nan]}
    frame = tables.measure([RUN], ["stable_rank"], [written(tmp_path, spectra, lost=True)])
    assert cell(frame, "layer0", "stable_rank") > 1
    assert np.isnan(cell(frame, "layer1", "stable_rank"))
    assert np.isnan(cell(frame, "average", "stable_rank"))
    assert set(frame["diverged_step"]) == {7}


def test_a_run_without_records_is_an_error(tmp_path):
    other = spec.make({**RUN.canonical(), "seed": 4})
    with pytest.raises(UserError, match="1 runs have no records"):
        tables.measure([RUN, other], ["stable_rank"], [written(tmp_path, SPECTRA)])


def test_records_of_other_runs_in_the_pack_are_left_out(tmp_path):
    other = spec.make({**RUN.canonical(), "seed": 4})
    folders = [written(tmp_path / "a", SPECTRA), written(tmp_path / "b", SPECTRA, run=other)]
    frame = tables.measure([RUN], ["stable_rank"], folders)
    assert set(frame["run"]) == {RUN.run_id}


def test_a_run_of_two_packs_is_counted_once(tmp_path):
    folders = [written(tmp_path / name, SPECTRA) for name in ("a", "b")]
    twice = tables.measure([RUN], ["stable_rank", "train_loss"], folders)
    assert twice.equals(tables.measure([RUN], ["stable_rank", "train_loss"], folders[:1]))


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet at all"])
def test_a_damaged_or_foreign_file_is_one_clear_error(tmp_path, damage):
    written(tmp_path, SPECTRA)
    file = tmp_path / "records" / "arrays.parquet"
    file.write_bytes(damage)
    with pytest.raises(UserError, match=r"arrays.parquet: not a readable parquet file"):
        tables.measure([RUN], ["stable_rank"], [tmp_path])
    pd.DataFrame({"a": [1]}).to_parquet(file)
    with pytest.raises(UserError, match=r"arrays.parquet: not a table of records"):
        tables.measure([RUN], ["stable_rank"], [tmp_path])


def test_final_is_each_runs_last_epoch():
    frame = pd.DataFrame({"run": ["a", "a", "b"], "epoch": [1, 3, 2], "value": [0.0, 1.0, 2.0]})
    assert list(tables.final(frame)["value"]) == [1.0, 2.0]


def test_metrics_of_several_arrays_read_them_in_their_recorded_shapes(tmp_path):
    rows = Records()
    gram, counts = np.diag([1.0, 3.0]), [5.0, 5.0]
    for epoch, v in ((0, 1.0), (1, 0.5)):
        rows.array(RUN.run_id, epoch, 9, "class_gram", gram.ravel(), (2, 2))
        rows.array(RUN.run_id, epoch, 9, "class_scatter", [v, v], (2,))
        rows.array(RUN.run_id, epoch, 9, "class_counts", counts, (2,))
    rows.array(RUN.run_id, 0, 9, "sample_sine", [0.5, 0.7], (2,))
    rows.scalar(RUN.run_id, 0, 9, "train_loss", 0.25)
    rows.write(tmp_path / "records")
    frame = tables.measure([RUN], ["cdnv", "nc1_quotient", "stationarity_sine"], [tmp_path])
    found = frame.set_index(["metric", "epoch"])["value"]
    assert found["cdnv", 0] == pytest.approx(2 / (2 * 4))
    assert found["cdnv", 1] == pytest.approx(1 / (2 * 4))
    assert found["nc1_quotient", 0] == pytest.approx(1 / 1)  # means 2 apart: each 1 from the middle
    assert found["stationarity_sine", 0] == pytest.approx(0.6)
    assert set(frame["layer"]) == {"network"}  # and no averages


def test_a_table_without_runs_has_its_columns(tmp_path):
    tables.write(tmp_path / "t.parquet", tables.measure([], ["rank_fro_1e-3"], []))
    frame = tables.read(tmp_path / "t.parquet")
    assert frame.empty
    assert {"run", "seed", "metric", "diverged_step"} <= set(frame)
