"""The data dictionary says what real files hold, and nothing else."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from implicitbias import data, metrics
from implicitbias.analysis import claims, tables
from implicitbias.base import provenance, registry
from implicitbias.base.errors import UserError
from implicitbias.figures import style
from implicitbias.pages import dictionary
from implicitbias.plan import packs, spec
from implicitbias.plan.spec import RunSpec, procedure_spec
from implicitbias.train import records
from implicitbias.train.pack import train

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
PROCEDURES = registry.names("plan/specs")
NET = {"dataset": "digits", "n_train": 60, "batch_size": 20, "epochs": 2, "record_every": 1}
SGD = {**NET, "lr": 0.1, "weight_decay": 0.1, "depth": 2, "width": 6}
SPLIT = {**NET, "dataset": "mnist5k", "model": "conv_small", "lr": 0.1, "width": 4, "channels": 2}
# Small runs that together record all that their procedure can.
RUNS = {
    "sgd": [
        {**SGD, "model": "mlp_relu", "precision": "float64",
         "record": ["gradients", "movement", "residuals", "step_movement", "unrolling",
                    "windows"]},
        {**SGD, "model": "mlp_relu", "lr": 1e30},
    ],
    "square_sgd": [
        {**SGD, "model": "mlp_relu",
         "record": ["margins", "margin_quantiles", "gradient_norm", "spectra", "collapse",
                    "stationarity", "bounds", "movement", "step_movement"]},
        {**NET, "model": "conv4", "width": 2, "lr": 0.1, "normalisation": "none"},
        {**SGD, "model": "mlp_relu", "classes": [1, 2], "targets": "sign",
         "record": ["identities", "stationarity"]},
    ],
    "splitting_sgd": [{**SPLIT, "penalty": "none"}],
    "weight_norm_flow": [
        {"dimension": 12, "measurements": 8, "sparsity": 1, "iterations": 50},
        {"dimension": 12, "measurements": 8, "sparsity": 1, "form": "flow", "rate_ratio": 1.0,
         "compare_start": True, "record_points": 2, "rtol": 1e-6},
    ],
    "rvsm": [{"penalty": "l1", "dimension": 6, "sparsity": 2, "iterations": 20, "stop": 0.0,
              "record_points": 2, "record_entries": True}],
    "lm_flow": [{"n_examples": 4, "dimension": 3, "width": 3, "horizon": 1.0, "record_points": 3,
                 "rtol": 1e-4}],
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folders of records of RUNS, by procedure."""
    found, root = {}, tmp_path_factory.mktemp("packs")
    folder = tmp_path_factory.mktemp("data")
    for name in ("digits", "mnist5k"):
        data.fetch(name, folder, report=lambda _: None)
    for procedure, runs in RUNS.items():
        for fields in runs:
            pack = packs.Pack.of([spec.make({"procedure": procedure, **fields})])
            path = root / pack.name / "pack.json"
            packs.write(path, pack.text)
            train(path, folder, "cpu", 1, 60.0)
            found.setdefault(procedure, []).append(path.parent)
    return found


def recorded(folder):
    """The quantities in a pack's records."""
    files = [folder / "records" / f"{kind}.parquet" for kind in ("scalars", "arrays")]
    return {
        str(q)
        for f in files
        for q in pq.read_table(f, columns=["quantity"])["quantity"].unique().to_pylist()
    }


def rows(part):
    """The names in the first column of the tables of a part."""
    lines = [line for line in dictionary.data_of(part).splitlines() if line.startswith("| ")]
    return {line.split("`")[1] for line in lines if "`" in line.split(" | ")[0]}


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_quantity_is_described_and_can_occur(trained, procedure):
    kind = procedure_spec(procedure)
    described = dictionary.quantities(procedure)
    assert all(len(text) > 5 and text.endswith("].") for text in described.values()), "units"
    assert set(described) == {*kind.SCALARS, *kind.ARRAYS, *RunSpec.QUANTITIES}
    found = set().union(*map(recorded, trained[procedure]))
    assert found | {*RunSpec.QUANTITIES} == set(described)
    assert set(described) <= rows("recorded")


def test_divergence_is_recorded_under_its_name(trained):
    assert "diverged_step" in recorded(trained["sgd"][1])


def test_published_packs_hold_nothing_else():
    keys = set()
    for file in sorted(PUBLISHED.glob("packs/*/pack.json")):
        tree = json.loads(file.read_text())
        assert set(tree) == set(packs.KEYS)
        procedure = next(iter(tree["runs"].values()))["procedure"]
        assert recorded(file.parent) <= set(dictionary.quantities(procedure)), file
        facts = json.loads((file.parent / "records" / "provenance.json").read_text())
        assert set(facts) <= set(provenance.KEYS), file
        keys |= facts.keys()
    assert "abreast" in keys


def test_the_columns_are_those_of_the_files(trained):
    for folder in (f for folders in trained.values() for f in folders):
        for part, kind in (("records", "scalars"), ("arrays", "arrays")):
            columns = pq.read_schema(folder / "records" / f"{kind}.parquet").names
            assert columns == list(dictionary.FILES[part])
    assert {*records.COLUMNS} == {*records.SCALARS.names, *records.ARRAYS.names}


def test_provenance_has_these_keys(trained):
    found = set()
    for folder in (f for folders in trained.values() for f in folders):
        found |= json.loads((folder / "records" / "provenance.json").read_text()).keys()
    # Graphs are replayed on a GPU alone, and `abreast` is of older packs.
    assert found | {"replayed", "abreast", "products"} == set(provenance.KEYS)


def test_tables_have_the_fields_of_runs_and_these_columns(trained):
    folders = trained["sgd"][:1]
    specs = packs.specs_of(folders[0] / "pack.json")
    names = ["rank_fro_1e-3", "singular_values", "gradient_rank", "train_loss"]
    table = tables.measure(specs, names, folders)
    assert {*table} == {*tables.COLUMNS, *type(specs[0]).model_fields}
    assert {*tables.measure([], names, [])} <= {*tables.COLUMNS, "seed"}


def test_published_figures_have_these_columns():
    files = sorted(PUBLISHED.glob("figures/*/*.csv"))
    assert files
    for file in files:
        with file.open(newline="", encoding="utf-8") as lines:
            assert next(csv.reader(lines)) == list(style.COLUMNS), file


def test_published_claims_have_these_keys():
    files = sorted(PUBLISHED.glob("claims/*/*.json"))
    assert files
    for file in files:
        assert all(list(row) == list(claims.KEYS) for row in json.loads(file.read_text())), file


def test_every_metric_is_there():
    assert rows("metrics") == set(metrics.known())


@pytest.mark.parametrize("part", dictionary.FILES)
def test_every_name_of_a_file_has_its_row(part):
    assert rows(part) == set(dictionary.FILES[part])
    assert all(len(text) > 10 and text.endswith(".") for text in dictionary.FILES[part].values())


def test_an_unknown_part_is_refused():
    with pytest.raises(UserError, match="no part of the data 'record'"):
        dictionary.data_of("record")


def test_files_of_a_whole_run_hold_nothing_else(made):
    check(made / "results" / "smoke")


def check(results):
    """Every file of a finished scale has described names alone, and each metric is one we list."""
    fields = {k for p in PROCEDURES for m in registry.names("models")
              for k in spec.spec_type(p, m).model_fields}  # fmt: skip
    scalars = {q for p in PROCEDURES for q in procedure_spec(p).SCALARS}
    columns, asked = set(), set()
    for file in results.glob("tables/*/*.parquet"):
        table = pq.read_table(file)
        assert set(table.column_names) <= {*tables.COLUMNS, *fields}, file
        columns |= set(table.column_names)
        asked |= set(table["metric"].unique().to_pylist())
    assert columns >= {*tables.COLUMNS}, "each occurs in some figure"
    for name in asked:
        assert name in scalars or metrics.resolve(name), name
    for file in results.glob("packs/*/records/provenance.json"):
        assert set(json.loads(file.read_text())) <= set(provenance.KEYS), file
    for file in results.glob("claims/*/*.json"):
        assert all(list(row) == list(claims.KEYS) for row in json.loads(file.read_text())), file
    for file in results.glob("figures/*/*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            assert next(csv.reader(lines)) == list(style.COLUMNS), file
