"""A thousand mutated configs: a plan that can be carried out, or one message with the place."""

import datetime
import json
import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from implicitbias.base import errors
from implicitbias.base.errors import UserError
from implicitbias.plan import config, overlays, papers, spec, summary, workflow
from implicitbias.plan.figure import defined
from implicitbias.plan.overlays import Layer
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[2]
NET = {"dataset": "digits", "model": "mlp_bn", "depth": 2, "width": 6, "epochs": 2, "lr": 0.1}
CONV = {"dataset": "mnist5k", "epochs": 2, "lr": 0.1, "n_train": 200, "batch_size": 50}
CONFIG = {
    "scale": "small",
    "data_dir": "data",
    "device": "cpu",
    "pack_size": {"cpu": 24, "cuda": 64},
    "checkpoint_seconds": 60,
    "figures": {
        "galanti2025rank/fig07": {
            "runs": [{"sweep": "net", "where": {"weight_decay": [0.1]}}, {"sweep": "net"}],
            "metrics": ["rank_fro_3e-2", "rank_fro_1e-3", "train_accuracy", "test_accuracy"],
        },
        "chou2024weightnorm/exp_phase": {
            "runs": [{"sweep": "diagonal"}],
            "metrics": ["reconstruction_error", "bp_error"],
        },
        "dinh2020rvsm/exp_samples": {
            "runs": [{"sweep": "patches"}],
            "metrics": ["angle", "true_positives", "off_support"],
        },
        "xu2023dynamics/fig05": {
            "runs": [{"sweep": "square"}],
            "metrics": ["fro_norm", "train_accuracy", "test_accuracy"],
        },
    },
    "sweeps": {
        "net": {
            "base": {"procedure": "sgd", **NET, "lr_milestones": [2]},
            "grid": {"weight_decay": [0, 0.1], "batch_size": [16, 32]},
            "seeds": [0, 1],
        },
        "diagonal": {
            "base": {"procedure": "weight_norm_flow", "dimension": 20, "measurements": 10},
            "grid": {"rate_ratio": [None, 5], "sparsity": [1, 3]},
            "seeds": [0],
        },
        "patches": {
            "base": {"procedure": "rvsm", "beta": 0.004, "gradient": "full_batch"},
            "grid": {"penalty": ["none", "l1"]},
            "seeds": [1],
        },
        "square": {
            "base": {"procedure": "square_sgd", **CONV, "model": "conv4", "classes": [1, 2]},
            "grid": {"init_norm": [0.5, 5]},
            "seeds": [0],
        },
        "flow": {
            "base": {"procedure": "lm_flow"},
            "grid": {"lr": [None, 0.1]},
            "seeds": [0],
        },
        "splitting": {
            "base": {"procedure": "splitting_sgd", **CONV, "model": "conv_small", "penalty": "l1"},
            "seeds": [0],
        },
    },
}
NASTY = [
    None, True, False, 0, -1, 1, 2, 3.5, 2**31, 2**63, 10**400, -(10**30), 1e308, 5e-324, math.nan,
    math.inf, -math.inf, "", " ", "1e-1", "0.1", "{}", "{pack}", "a b'c\"d", "two\nlines", "\x07",
    "../x", "-x", "/", "ü", "null", "~", "cuda", "none", "sgd", "lm_flow", "net", "conv4",
    "rank_fro_1e-3", "nc1", "rho", [], {}, [[]], [None], {"a": 1}, {1: 2}, [0.1, 0.1], [1, "1"],
    datetime.date(2024, 1, 1), b"bytes", [0, 1, 2, 3] * 3, list(range(300)),
]  # fmt: skip
KEYS = [
    "lr", "epoch", "sweeps", "metrics", "where", "seed", "seeds", "gird", "base", "width", "x y",
    "model", "procedure", "version", "rtol", "dataset", 3, True, None, "", "a.b",
]  # fmt: skip


NAMES = ["digits", "mnist5k", "cifar10", "mlp_bn", "mlp_relu", "conv4", "conv4_fc", "conv_small",
         "l1", "l0", "tl1", "rvsm", "weight_norm_flow", "square_sgd", "splitting_sgd", "square",
         "stable_rank", "train_loss", "rank_spec_5e-1", "smoke", "paper"]  # fmt: skip
FIELDS = [
    ("epochs", 10**9), ("width", 10**6), ("depth", 1), ("batch_size", 7), ("batch_size", 199),
    ("n_train", 3), ("momentum", 0.9), ("momentum", 1.5), ("lr_milestones", [2, 3]),
    ("lr_milestones", [3, 2]), ("record_every", 1), ("classes", [0, 1]), ("classes", [0, 99]),
    ("classes", []), ("label_noise", 0.5), ("label_noise", 2), ("targets", "sign"),
    ("record", ["margins", "spectra"]), ("record", ["margins", "margins"]), ("record", ["x"]),
    ("record_at", [1, 99]), ("lr_schedule", "cosine"), ("precision", "float64"), ("loss", "square"),
    ("normalisation", "none"), ("head_norm", 0.0), ("form", "flow"), ("depth", 3), ("signed", True),
    ("polar_pairs", 2), ("rate_ratio", None), ("sparsity", 10**6), ("horizon", 1e300),
    ("record_points", 0), ("record_points", 10**9), ("iterations", 10**9), ("eta", 1e-300),
    ("stop", 0.5), ("rtol", 1e-3), ("lr", 1e-300), ("lr", 1e300), ("activation", "relu"),
    ("prune_share", 0.5), ("prune_epoch", 1), ("cutoff", 1.0), ("version", 2),
    ("preprocessing", "x"),
]  # fmt: skip


def paths(tree, at=()):
    """Every place of a tree."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in below:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*at, key))


def copied(tree):
    """Lists and dicts anew, the rest as it is."""
    if isinstance(tree, dict):
        return {k: copied(v) for k, v in tree.items()}
    return [copied(v) for v in tree] if isinstance(tree, list) else tree


def plausible(data, old):
    """Another value of the same kind: most of these get past the types."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return data.draw(st.sampled_from([0, 1, 2, 5, 33, 200, 10**6, 2**31, 10**12, 10**4000]))
    if isinstance(old, float):
        return data.draw(st.sampled_from([0.0, 1e-300, 1e-3, 0.5, 1.0, 30.0, 1e300, math.inf]))
    return data.draw(st.sampled_from([n for n in NASTY if isinstance(n, str)] + NAMES))


def mutate(data, tree):
    """One change somewhere: another value, a key more, less or renamed, an item twice."""
    at = data.draw(st.sampled_from(list(paths(tree))))
    *above, last = at
    place = tree
    for key in above:
        place = place[key]
    if isinstance(place[last], bool | int | float | str) and data.draw(st.booleans()):
        place[last] = plausible(data, place[last])
        return
    if last in ("base", "grid") and isinstance(place[last], dict) and data.draw(st.booleans()):
        field, value = data.draw(st.sampled_from(FIELDS))
        place[last][field] = [value] if last == "grid" else value
        return
    value = data.draw(st.one_of(st.sampled_from(NASTY), st.integers(), st.floats(), st.text()))
    change = data.draw(st.sampled_from(["value", "value", "delete", "key", "rename", "twice"]))
    if change == "delete":
        del place[last]
    elif change == "key" and isinstance(place, dict):
        place[data.draw(st.sampled_from(KEYS))] = copied(value)
    elif change == "rename" and isinstance(place, dict):
        place[data.draw(st.sampled_from(KEYS))] = place.pop(last)
    elif change == "twice" and isinstance(place, list):
        place.append(copied(place[last]))
    else:
        place[last] = copied(value)


def can_be_carried_out(plan):
    """What the jobs will be told is what was planned, and fits on their command lines."""
    assert "{" not in plan.config.data_dir
    asked = workflow.Resources(plan)
    for pack in plan.packs.values():
        assert len(pack.text) < 128 * 1024
        for run_id, fields in json.loads(pack.text)["runs"].items():
            assert spec.make(fields).run_id == run_id
        assert asked.minutes(pack.name) > 0
        assert asked.megabytes(pack.name) > 0
        assert set(workflow.datasets(plan, pack.name)) <= {"digits", "mnist5k", "mnist", "cifar10"}
    for figure in plan.figures.values():
        assert len(figure.definition) < 128 * 1024
        runs, metrics = defined(figure.definition)
        assert {s.run_id for s in runs} == set(figure.runs)
        assert metrics == figure.metrics
        assert len(set(metrics)) == len(metrics)
    json.loads(summary.as_json(summary.summary(plan)))
    json.loads(workflow.config_text(plan))


def names_the_place(message, files, tree):
    """One line: a file of ours, a key, what is wrong there, and the value if it is a plain one."""
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 3000
    file, _, rest = message.partition(": ")
    assert file in map(str, files), message
    key, _, said = rest.partition(": ")
    assert re.match(r"[\w./ +-]*$", key), message
    assert said
    if said == "is missing" or said.startswith("no key"):  # then there is no value to name
        return
    for part in key.split("."):
        try:
            tree = tree[int(part) if isinstance(tree, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return
    if not isinstance(tree, dict | list):
        shown = (errors.shortened(tree), repr(tree)[:40], str(tree)[:40], repr(part))
        assert any(s in said for s in shown), message


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=800, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=st.data())
def test_a_mutated_config_is_a_plan_or_one_message(folder, data):
    ours = data.draw(st.booleans())
    tree = copied(CONFIG)
    overlay = (
        {}
        if ours
        else {
            k: copied(tree[k]) for k in data.draw(st.sets(st.sampled_from(list(tree)), min_size=1))
        }
    )
    for _ in range(data.draw(st.integers(1, 3))):
        if target := (tree if ours else overlay):
            mutate(data, target)
    files = [folder / "config.yaml", folder / "mine.yaml"]
    for file, content in zip(files, (tree, overlay), strict=True):
        file.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper), encoding="utf-8")
    try:
        plan = make_plan(*config.load(files), folder / "results")
    except UserError as error:
        names_the_place(str(error), files, overlays.merge(tree, overlay))
    else:
        can_be_carried_out(plan)


OVERLAY = {
    "papers": ["galanti2025rank/fig07", "xu2023dynamics"],
    "pack_size": {"cpu": 4},
    "protocols": {"slow": {"base": {"lr": 0.01}, "seeds": [1]}},
    "sweeps": {
        "mlp_bn": {"extends": "slow", "grid": {"weight_decay": [0, 0.1]}},
        "mine": {"extends": "mlp_bn", "base": {"momentum": 0.9}},
    },
    "figures": {
        "galanti2025rank/fig07": {"runs": [{"sweep": "mine"}]},
        "galanti2025rank/fig09": None,
    },
}


@settings(max_examples=100, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=st.data())
def test_a_mutated_overlay_over_the_papers_is_a_config_or_one_message(folder, data):
    overlay, file = copied(OVERLAY), folder / "mine.yaml"
    for _ in range(data.draw(st.integers(1, 3))):
        if overlay:
            mutate(data, overlay)
    try:
        papers.resolve(overlay, [Layer(file, overlay)], ROOT)
    except UserError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(f"{file}: ")


@settings(max_examples=200, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=st.data())
def test_a_mutated_text_is_a_plan_or_one_message(folder, data):
    """The file itself: characters lost, lines moved, YAML's own syntax in the wrong place."""
    text = yaml.dump(CONFIG, Dumper=yaml.CSafeDumper)
    for _ in range(data.draw(st.integers(1, 3))):
        a = data.draw(st.integers(0, len(text)))
        b = min(len(text), a + data.draw(st.integers(0, 40)))
        wanted = st.sampled_from(["", ":", "\n", "  ", "- ", "&a ", "*a",
                                  "!!python/name:os.system ", "[", "{", "#", "\t", "'",
                                  "9" * 5000, "2024-99-99"])  # fmt: skip
        text = text[:a] + data.draw(wanted) + text[b:]
    file = folder / "text.yaml"
    file.write_text(text)
    try:
        plan = make_plan(*config.load([file]), folder / "results")
    except UserError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(f"{file}: ")
    else:
        can_be_carried_out(plan)


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "a: &a [*a]", "a: &a {b: *a}", "x: " + "9" * 5000, "x: 2024-99-99", "", "\0",
     "- 1", "\ufeff%&", "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
         f"{k}: &{k} [{','.join(['*' + chr(ord(k) - 1)] * 9)}]\n" for k in "bcdefghijklmnop")],
)  # fmt: skip
def test_a_hostile_file_is_one_message(tmp_path, text):
    """Endless nesting, files that contain themselves, a bomb of aliases; never a hang."""
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        make_plan(*config.load([file]), tmp_path / "results")
    assert str(error.value).startswith(f"{file}: ")
    assert len(str(error.value)) < 1000
