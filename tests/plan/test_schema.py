"""Every key of the config is described, and the JSON schema says what the types say."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from implicitbias.base import registry
from implicitbias.base.errors import UserError
from implicitbias.plan import config, keys, schema
from implicitbias.plan.overlays import Sources
from implicitbias.plan.sweeps import expand

ROOT = Path(__file__).parents[2]
PROCEDURES, MODELS = registry.names("plan/specs"), registry.names("models")
FILES = {
    **dict.fromkeys([ROOT / "config.yaml", *sorted(ROOT.glob("workflow/scales/*.yaml"))], "config"),
    **dict.fromkeys(sorted(ROOT.glob("workflow/papers/*.yaml")), "paper"),
}
UNIT = re.compile(r" \[[^]]+\]\.$")


@pytest.fixture(scope="module")
def validators():
    whole = {file: schema.schema(file) for file in schema.FILES}
    files = {f"{file}.schema.yaml": Resource.from_contents(s) for file, s in whole.items()}
    for one in whole.values():
        Draft7Validator.check_schema(one)
    registry = Registry().with_resources(files.items())
    return {file: Draft7Validator(one, registry=registry) for file, one in whole.items()}


@pytest.fixture(scope="module")
def validator(validators):
    return validators["config"]


def numeric(key):
    """Whether a key takes numbers, alone or in a list."""
    kinds = {*([key["type"]] if isinstance(key.get("type"), str) else key.get("type", ()))}
    return bool(kinds & {"integer", "number"}) or ("items" in key and numeric(key["items"]))


OF_RUNS = {
    **{f"{p}.{k}": v for p in PROCEDURES for k, v in keys.spec_keys(p).items()},
    **{f"{m}.{k}": v for m in MODELS for k, v in keys.model_keys(m).items()},
}
OF_CONFIG = {
    f"{kind.__name__}.{key}": value
    for root in schema.FILES.values()
    for kind in schema.kinds(root)
    for key, value in keys.keys(kind).items()
}


@pytest.mark.parametrize("name", OF_RUNS)
def test_every_key_of_a_run_is_described_and_every_number_has_a_unit(name):
    key = OF_RUNS[name]
    assert len(key.get("description", "")) > 10, f"{name}: Field(description=...) or Keys: of build"
    if numeric(key) and name.partition(".")[2] != "classes":
        assert UNIT.search(key["description"]), f"{name}: a number ends with its unit, [1] for none"


@pytest.mark.parametrize("name", OF_CONFIG)
def test_every_key_of_the_config_is_described_and_every_number_has_a_unit(name):
    key = OF_CONFIG[name]
    assert len(key.get("description", "")) > 8, f"{name}: Field(description=...)"
    if numeric(key):
        assert UNIT.search(key["description"]), f"{name}: a number ends with its unit, [1] for none"


def test_a_field_without_a_description_is_found():
    class Spec(keys.procedure_spec("rvsm")):
        mine: int = 0

    assert "description" not in keys.keys(Spec)["mine"]
    assert keys.keys(Spec)["beta"]["description"]


@pytest.mark.parametrize("file", schema.FILES)
def test_the_stored_schema_is_in_step_with_the_types(file):
    stored = ROOT / "workflow" / "schemas" / f"{file}.schema.yaml"
    assert yaml.safe_load(stored.read_text()) == schema.schema(file), (
        f"python -m implicitbias schema {file} > {stored.relative_to(ROOT)}"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_schema_accepts_the_files_of_the_project(validators, path):
    tree = yaml.safe_load(path.read_text())
    assert [e.message for e in validators[FILES[path]].iter_errors(tree)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_first_line_of_a_file_tells_an_editor_its_schema(path):
    first = path.read_text().partition("\n")[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    stored = ROOT / "workflow" / "schemas" / f"{FILES[path]}.schema.yaml"
    assert (path.parent / name).resolve() == stored


def test_the_schema_of_a_paper_knows_the_keys_of_runs(validators):
    sweep = {"base": {"epoch": 2}, "seeds": [0]}
    figure = {"runs": [{"sweep": "s"}], "metrics": "ranks", "sweeps": {"s": sweep}}
    assert not validators["paper"].is_valid({"figures": {"fig07": figure}})
    sweep["base"] = {"epochs": 2}
    assert validators["paper"].is_valid({"figures": {"fig07": figure}})


MLP = {"dataset": "digits", "model": "mlp_bn", "batch_size": 32, "epochs": 2, "lr": 0.1}
RVSM = {"procedure": "rvsm", "penalty": "l1"}
SQUARE = {**MLP, "procedure": "square_sgd", "dataset": "mnist5k", "model": "conv4_fc"}
ACCEPTED = [
    (MLP, {}),
    ({**MLP, "procedure": "sgd", "width": 8, "n_train": None}, {"depth": [1, 2]}),
    ({**MLP, "lr_milestones": [2], "record": ["movement"]}, {"weight_decay": [0, 1.0e-3]}),
    ({k: v for k, v in MLP.items() if k != "model"}, {"model": ["mlp_bn", "mlp_relu"]}),
    (RVSM, {"start_angle": [0.5, None], "stop": [0]}),
    ({**SQUARE, "targets": "centred", "pooling": "stride"}, {"init_norm": [1, 2.5]}),
]
REFUSED = {
    "a misspelt key": ({**MLP, "epoch": 2}, {}),
    "a misspelt key of a grid": (MLP, {"weight_decays": [0]}),
    "text for a number": ({**MLP, "lr": "1e-1"}, {}),
    "text in a grid": (MLP, {"lr": [0.1, "1e-1"]}),
    "a number out of its range": ({**MLP, "momentum": 1.0}, {}),
    "a fraction of an epoch": ({**MLP, "epochs": 2.5}, {}),
    "no list": (MLP, {"lr": 0.2}),
    "an empty list": (MLP, {"weight_decay": []}),
    "an unknown procedure": ({**RVSM, "procedure": "rsvm"}, {}),
    "an unknown model": ({**MLP, "model": "mlp"}, {}),
    "an unknown data set": ({**MLP, "dataset": "cifar"}, {}),
    "a key of another procedure": ({**RVSM, "lr": 0.1}, {}),
    "an argument of another model": ({**MLP, "procedure": "sgd", "patch": 4}, {}),
    "a choice that there is not": ({**SQUARE, "targets": "onehot"}, {}),
    "a record of another procedure": ({**SQUARE, "record": ["gradients"]}, {}),
    "null for what is never missing": (RVSM, {"beta": [None]}),
    "the seed in the base": ({**RVSM, "seed": 1}, {}),
}


def typed(base, grid):
    """Whether the types take such a sweep."""
    tree = {"scale": "small", "figures": {}, "sweeps": {"s": {"base": base, "grid": grid}}}
    tree["sweeps"]["s"]["seeds"] = [0]
    try:
        expand("s", config.parse(tree, Sources()).sweeps["s"], Sources())
    except UserError:
        return False
    return True


def in_schema(validator, base, grid):
    return validator.is_valid({"sweeps": {"s": {"base": base, "grid": grid, "seeds": [0]}}})


@pytest.mark.parametrize(("base", "grid"), ACCEPTED)
def test_the_schema_accepts_what_the_types_accept(validator, base, grid):
    assert typed(base, grid)
    assert in_schema(validator, base, grid)


@pytest.mark.parametrize(("base", "grid"), REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses_what_the_types_refuse(validator, base, grid):
    assert not typed(base, grid)
    assert not in_schema(validator, base, grid)


@pytest.mark.parametrize(
    "tree",
    [{"devise": "cpu"}, {"device": "gpu"}, {"retries": -1}, {"cluster": {"gpu": {"gpus": 1}}},
     {"figures": {"galanti2025rank/fig07": {"metrics": []}}}],
)  # fmt: skip
def test_the_schema_refuses_other_keys_and_values(validator, tree):
    assert not validator.is_valid(tree)


def choices(part):
    """Every `enum` within a schema."""
    if isinstance(part, dict):
        yield from [part["enum"]] if isinstance(part.get("enum"), list) else []
    for inner in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from choices(inner)


def test_no_choice_is_named_twice():
    """The YAML language server refuses a schema that has one; jsonschema does not."""
    found = list(choices(schema.schema()))
    assert len(found) > 50
    assert all(len({str(v) for v in values}) == len(values) for values in found)
