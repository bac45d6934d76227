"""Papers, scales and a user's changes over each other: what holds, and where an error came from."""

import re
from pathlib import Path

import pytest
import yaml

from implicitbias.__main__ import main
from implicitbias.base.errors import UserError
from implicitbias.plan import papers, runs, summary, workflow
from implicitbias.plan.files import Overlay, Paper
from implicitbias.plan.overlays import Layer, Sources, merge, merged, read
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[2]
PAPER = "workflow/papers/galanti2025rank.yaml"
FIG07 = "galanti2025rank/fig07"
RANKS = ["rank_fro_3e-2", "rank_fro_1e-3", "train_accuracy", "test_accuracy"]
TEXT = """
metrics:
  ranks: [rank_fro_3e-2, rank_fro_1e-3, train_accuracy, test_accuracy]
protocols:
  net:
    base: {dataset: cifar10, model: mlp_bn, batch_size: 32, epochs: 500, lr: 0.1}
    seeds: [0, 1, 2]
    small: {base: {dataset: digits, epochs: 2}, seeds: [0]}
figures:
  fig07:
    runs: [{sweep: decays}]
    metrics: ranks
    sweeps:
      decays:
        extends: net
        grid: {weight_decay: [0, 0.001]}
    small:
      sweeps:
        decays: {grid: {weight_decay: [0, 0.1]}}
  fig09:
    runs: [{sweep: rates}, {sweep: decays}]
    metrics: ranks
    sweeps:
      rates:
        extends: decays
        base: {weight_decay: 0.002, epochs: 400}
        grid: {lr: [0.2, 0.3]}
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of two figures, from which paths in messages are relative."""
    for folder in ("papers", "scales"):
        (tmp_path / "workflow" / folder).mkdir(parents=True)
    for scale in papers.SCALES:
        (tmp_path / f"workflow/scales/{scale}.yaml").write_text("pack_size: {cpu: 8}")
    (tmp_path / "config.yaml").write_text("scale: paper")
    (tmp_path / PAPER).write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mine(text, *more):
    """The resolved config of the project with a user's overlays."""
    files = [Path(f"mine{i}.yaml") for i in range(1 + len(more))]
    for file, content in zip(files, (text, *more), strict=True):
        file.write_text(content)
    return papers.of_scale(files=files)


def sweep(config, name):
    found = config.sweeps[name]
    return found.base, found.grid, found.seeds


def test_the_file_of_a_paper_is_its_protocol_and_small_changes_it(root):
    paper, small = (papers.of_scale(scale)[0] for scale in ("paper", "small"))
    net = {"dataset": "cifar10", "model": "mlp_bn", "batch_size": 32, "epochs": 500, "lr": 0.1}
    assert sweep(paper, "decays") == (net, {"weight_decay": [0, 0.001]}, [0, 1, 2])
    digits = {**net, "dataset": "digits", "epochs": 2}
    assert sweep(small, "decays") == (digits, {"weight_decay": [0, 0.1]}, [0])
    assert paper.figures[FIG07].metrics == RANKS


def test_what_extends_has_its_own_word_last_and_a_base_takes_the_place_of_a_grid(root):
    del (net := {"dataset": "cifar10", "model": "mlp_bn", "batch_size": 32, "lr": 0.1})["lr"]
    own = {"weight_decay": 0.002, "epochs": 400}
    paper, small = (papers.of_scale(scale)[0] for scale in ("paper", "small"))
    assert sweep(paper, "rates") == ({**net, **own}, {"lr": [0.2, 0.3]}, [0, 1, 2])
    # `small` of what is extended lies below: at small, too, the sweep's own epochs hold.
    assert sweep(small, "rates") == ({**net, **own, "dataset": "digits"}, {"lr": [0.2, 0.3]}, [0])


def test_a_user_changes_extends_removes_and_adds(root):
    config, _ = mine(
        "sweeps: {decays: {seeds: [7]}, mine: {extends: decays, base: {epochs: 3}}, rates: null}",
        f"figures: {{{FIG07}: {{runs: [{{sweep: mine}}]}}, galanti2025rank/fig09: null}}",
    )
    assert list(config.figures) == [FIG07]
    assert list(config.sweeps) == ["decays", "mine"], "decays is changed and, said so, not drawn"
    base, grid, seeds = sweep(config, "mine")
    assert (base["epochs"], grid, seeds) == (3, {"weight_decay": [0, 0.001]}, [7])
    assert config.figures[FIG07].metrics == RANKS


def test_the_users_files_lie_over_the_scale_whatever_names_it(root):
    Path("workflow/scales/small.yaml").write_text("pack_size: {cpu: 5, cuda: 6}")
    config, _ = mine("scale: small", "pack_size: {cpu: 4}")
    assert (config.scale, config.pack_size) == ("small", {"cpu": 4, "cuda": 6})
    assert config.sweeps["decays"].seeds == [0], "what small changes"
    assert papers.of_scale("paper", [Path("mine0.yaml")])[0].sweeps["decays"].seeds == [0, 1, 2]


def test_papers_names_papers_and_single_figures(root):
    assert list(mine(f"papers: [{FIG07}]")[0].figures) == [FIG07]
    assert list(mine(f"papers: [{FIG07}]")[0].sweeps) == ["decays"]
    assert list(mine("papers: [galanti2025rank]")[0].figures) == [FIG07, "galanti2025rank/fig09"]
    config, _ = mine(f"papers: []\nfigures: {{{FIG07}: {{runs: [{{sweep: rates}}]}}}}")
    assert (list(config.figures), list(config.sweeps)) == ([FIG07], ["rates"])


def test_a_sweep_that_no_figure_takes_runs_from_is_said(root, capsys):
    config, sources = mine("sweeps: {mine: {extends: decays}}")
    said = "mine0.yaml: sweeps.mine: no figure takes runs from it; `train: [mine]` trains it anyway"
    plan = make_plan(config, sources)
    assert plan.warnings == (said,)
    assert f"warning: {said}" in summary.text(summary.summary(plan))
    assert main(["runs", FIG07, "--configfile", "mine0.yaml"]) == 0
    assert capsys.readouterr().err == f"{said}\n"
    text = TEXT.replace("      rates:", "      idle: {extends: net}\n      rates:")
    (root / PAPER).write_text(text)
    plan = make_plan(*mine("{}"))
    (said,) = plan.warnings
    assert said.startswith(f"{PAPER}: figures.fig09.sweeps.idle: no figure takes runs from it")
    (root / PAPER).write_text(TEXT)
    assert make_plan(*mine(f"papers: [{FIG07}]", "sweeps: {rates: {seeds: [1]}}")).warnings == ()


PAPERS = {
    "an unknown name": (("extends: net", "extends: nett"), "figures.fig07.sweeps.decays.extends",
                        "no protocol or sweep 'nett' (did you mean 'net'?)"),
    "a cycle": (("  net:\n", "  net:\n    extends: rates\n"),
                "figures.fig09.sweeps.rates.extends", "extends itself"),
    "an unknown list": (("metrics: ranks", "metrics: rank"), "figures.fig07.metrics",
                        "no list of metrics 'rank' (did you mean 'ranks'?)"),
    "an unknown key": (("seeds: [0, 1, 2]", "seed: [0]"), "protocols.net.seed",
                       "did you mean 'seeds'"),
    "a wrong type": (("grid: {lr: [0.2, 0.3]}", "grid: {lr: 0.2}"),
                     "figures.fig09.sweeps.rates.grid.lr", "0.2 (float)"),
    "a wrong value of what is extended": (
        ("batch_size: 32", "batch_size: 0"), "protocols.net.base.batch_size", "greater than 0"),
    "a wrong value of small": (
        ("{dataset: digits, epochs: 2}", "{dataset: digits, epochs: 0}"),
        "protocols.net.small.base.epochs", "greater than 0"),
    "a wrong metric": (("[rank_fro_3e-2,", "[rank_fo_3e-2,"), "metrics.ranks.0", "rank_fo_3e-2"),
    "a key beside a missing one": (
        ("epochs: 500, lr: 0.1}", "epoch: 500, lr: 0.1}"), "protocols.net.base.epoch: ",
        "no key 'epoch' (did you mean 'epochs'?)"),
    "a sweep twice": (("      rates:", "      decays:"), "figures.fig09.sweeps.decays",
                      "another figure has a sweep of this name"),
    "small of another sweep": (
        ("decays: {grid: {weight_decay: [0, 0.1]}}", "decay: {base: {lr: 1.0}}"),
        "figures.fig07.small.sweeps.decay: ", "did you mean 'decays'"),
    "a list that is not there": (("  ranks: [", "  rank: ["), "figures.fig07.metrics", "'rank'"),
    "a figure without a file": (("  fig09:", "  fig99:"), "figures.fig99", "fig09"),
}  # fmt: skip


@pytest.mark.parametrize("case", PAPERS)
def test_an_error_names_the_file_of_the_paper_and_the_key_in_it(root, case):
    (old, new), key, said = PAPERS[case]
    assert old in TEXT
    (root / PAPER).write_text(TEXT.replace(old, new, 1))
    scale = "paper" if case == "a key beside a missing one" else "small"
    with pytest.raises(UserError) as error:
        make_plan(*papers.of_scale(scale))
    message = str(error.value)
    assert message.startswith(f"{PAPER}: {key}"), message
    assert said in message
    assert "\n" not in message


USERS = {
    "scale: smol": ("scale", "did you mean"),
    "papers: [galanti2025]": ("papers.0", "did you mean 'galanti2025rank'"),
    "papers: [galanti2025rank/fig7]": ("papers.0", "did you mean 'galanti2025rank/fig07'"),
    "papers: galanti2025rank": ("papers", "list"),
    "sweeps: {decay: {seeds: [1]}}": ("sweeps.decay", "did you mean 'decays'"),
    "sweeps: {decay: {base: {lr: 0.1}}}": ("sweeps.decay", "did you mean 'decays'"),
    "sweeps: {decays: {base: {record: [wndows]}}}": ("sweeps.decays.base.record.0: ", "'windows'"),
    "sweeps: {decays: {seeds: [4294967296]}}": ("sweeps.decays.seeds: 4294967296", "more than"),
    "sweeps: {decays: {grid: {seed: [5, 6]}}}": ("sweeps.decays.grid.seed", "seeds"),
    f"figures: {{{FIG07}: {{runs: [{{sweep: decays, where: {{lrr: [1]}}}}]}}}}": (
        f"figures.{FIG07}.runs.0.where.lrr", "did you mean 'lr'"),
    "protocols: {net: {base: {lr: 1}}}": ("protocols.net: ", "no sweep beside it"),
    "cluster: {headroom: .inf}": ("cluster.headroom", "finite"),
    "sweeps: {mine: {extends: decay}}": ("sweeps.mine.extends", "did you mean 'decays'"),
    "sweeps: {a: {extends: b}, b: {extends: a}}": ("sweeps.", "extends itself"),
    "sweeps: {decays: {base: {lr: 1e-1}}}": ("sweeps.decays.base.lr", "write 0.1 or 1.0e-1"),
    "sweeps: {decays: {base: {epochs: '16'}}}": ("sweeps.decays.base.epochs", "in quotes it is"),
    "sweeps: {decays: {grid: {weight_decays: [1]}}}": (
        "sweeps.decays.grid.weight_decays: ", "no key 'weight_decays' (did you mean"),
    "figures: {galanti2025rank/fig8: {metrics: [ranks]}}": (
        "figures.galanti2025rank/fig8", "did you mean 'galanti2025rank/fig0"),
    "figures: {galanti2025rank/fig07: {sweep: decays}}": (
        "figures.galanti2025rank/fig07.sweep", "runs"),
}  # fmt: skip


@pytest.mark.parametrize("text", USERS)
def test_an_error_names_the_file_of_the_user(root, text):
    key, said = USERS[text]
    with pytest.raises(UserError) as error:
        make_plan(*mine("device: cpu", text))
    assert str(error.value).startswith(f"mine1.yaml: {key}"), str(error.value)
    assert said in str(error.value)


def test_an_error_says_also_where_the_values_are_from(root):
    here = "sweep: decays, where: {weight_decay: [5]}"
    with pytest.raises(UserError) as error:
        make_plan(*mine(f"figures: {{{FIG07}: {{runs: [{{{here}}}]}}}}"))
    assert str(error.value).startswith(f"mine0.yaml: figures.{FIG07}.runs.0.where.weight_decay: 5")
    assert f"({PAPER}: figures.fig07.sweeps.decays.grid.weight_decay)" in str(error.value)


def test_a_key_that_another_files_model_lacks_names_both_files(root):
    (root / PAPER).write_text(TEXT.replace("epochs: 500", "epochs: 500, depth: 3"))
    with pytest.raises(UserError) as error:
        make_plan(*mine("sweeps: {decays: {base: {model: resnet18}}}"))
    said = str(error.value)
    assert said.startswith(f"{PAPER}: protocols.net.base.depth: no key 'depth'")
    assert said.endswith(" (mine0.yaml: sweeps.decays.base.model)")
    with pytest.raises(UserError) as error:
        make_plan(*mine("sweeps: {decays: {base: {epoch: 1}}}"))
    assert PAPER not in str(error.value)


def test_metrics_that_another_files_runs_lack_name_both_files(root):
    flow = "{base: {procedure: lm_flow, n_examples: 4}, seeds: [0]}"
    change = f"sweeps: {{flow: {flow}}}", f"figures: {{{FIG07}: {{runs: [{{sweep: flow}}]}}}}"
    with pytest.raises(UserError) as error:
        make_plan(*mine(*change))
    said = str(error.value)
    assert said.startswith(f"{PAPER}: metrics.ranks.0: 'rank_fro_3e-2' needs 'spectrum', which")
    assert said.endswith(f" (mine1.yaml: figures.{FIG07}.runs)")


def test_values_inside_brackets_of_the_command_line_have_their_types(root):
    """Snakemake parses them as text; a value of its own has a type already."""
    values = {
        "retries": 3,
        "sweeps": {"decays": {"grid": {"weight_decay": ["0", "1.0e-2"]}, "seeds": ["5"]}},
        "papers": [FIG07],
        "cluster": {"account": "null", "cpu": {"partition": "2024-01-01"}},
    }
    plan = workflow.plan({"scale": "paper", **values}, ["config.yaml"], (), values)
    assert sweep(plan.config, "decays")[1:] == ({"weight_decay": [0, 0.01]}, [5])
    assert plan.config.cluster.account is None
    assert plan.config.cluster.cpu.partition == "2024-01-01"
    assert list(plan.figures) == [FIG07]


def test_a_null_in_a_papers_file_takes_an_entry_away_and_one_in_scale_the_choice(root):
    tree = yaml.safe_load(TEXT)
    tree["figures"]["fig09"] = tree["protocols"]["none"] = tree["metrics"]["none"] = None
    (root / PAPER).write_text(yaml.safe_dump(tree))
    config, _ = mine("scale: null")
    assert config.scale == "small"
    assert [*config.figures] == [FIG07]


def test_hidden_files_beside_the_papers_are_not_read(root):
    """Emacs leaves a link to nowhere there while a file is edited."""
    (root / PAPER).with_name(".#galanti2025rank.yaml").symlink_to("me@here.1")
    assert FIG07 in mine("device: cpu")[0].figures


def test_where_knows_lists_among_the_values(root):
    made = "{decays: {grid: {lr_milestones: [[1], [3, 4]], weight_decay: null}, base: {epochs: 5}}}"
    where = "{sweep: decays, where: {lr_milestones: [[3, 4]]}}"
    made = made.replace("[1]", "[2]")
    plan = make_plan(*mine(f"sweeps: {made}", f"figures: {{{FIG07}: {{runs: [{where}]}}}}"))
    runs_of = plan.figures[FIG07].runs
    assert {plan.runs[run].lr_milestones for run in runs_of} == {(3, 4)}


@pytest.mark.parametrize("file", [PAPER, "workflow/scales/small.yaml", "config.yaml"])
def test_a_missing_file_is_one_message_that_names_it(root, file):
    (root / file).unlink()
    with pytest.raises(UserError) as error:
        mine("{scale: small, papers: [galanti2025rank]}")
    assert Path(file).stem in str(error.value)
    assert "\n" not in str(error.value)


def test_layers_are_merged_at_their_places_and_found_again():
    file = Path("f.yaml")
    layers = [
        Layer(file, {"a": 1, "b": [2]}, ("x", "y"), ("p",)),
        Layer(file, [3, 4], ("x", "y", "b"), ("q", 0)),
        Layer(Path("g.yaml"), {"x": {"z": None}}),
    ]
    assert merged(layers) == {"x": {"y": {"a": 1, "b": [3, 4]}, "z": None}}
    sources = Sources(layers)
    assert sources.place(("x", "y", "a")) == (file, ("p", "a"))
    assert sources.place(("x", "y", "b", 1)) == (file, ("q", 0, 1))
    assert sources.place(("x", "z")) == (Path("g.yaml"), ("x", "z"))
    assert sources.place(("x", "y", "c")) == (file, ("p", "c")), "where it would stand"
    assert merge({"a": {"b": 1}}, {"a": None}) == {"a": None}


# ---- the files of the project --------------------------------------------------------------------

FILES = sorted((ROOT / "workflow").glob("[ps]*/*.yaml"))


@pytest.mark.parametrize("file", [ROOT / "config.yaml", *FILES], ids=lambda p: p.name)
def test_files_have_no_aliases_and_stand_in_order(file):
    """What several figures share has a name; figures stand in the order of their numbers."""
    events = yaml.parse(file.read_text(), yaml.SafeLoader)
    assert not [e for e in events if isinstance(e, yaml.AliasEvent)]
    if file.parent.name == "papers":
        figures = list(read(file)["figures"])
        numbered = [f for f in figures if f.startswith("fig")]
        assert figures[: len(numbered)] == sorted(numbered)


def test_both_scales_of_a_figure_stand_on_one_screen():
    for file in (ROOT / "workflow/papers").glob("*.yaml"):
        body = file.read_text().partition("\nfigures:\n")[2]
        blocks = re.split(r"\n  (?=\w+:)", body)
        lines = {block.partition(":")[0]: block.count("\n") for block in blocks}
        assert max(lines.values()) < 72, lines
        assert lines.get("fig12", 0) < 40
    assert len((ROOT / "config.yaml").read_text().splitlines()) <= 45


def test_the_example_in_config_yaml_plans(tmp_path):
    text = (ROOT / "config.yaml").read_text().partition("For example:\n#\n")[2]
    file = tmp_path / "mine.yaml"
    file.write_text(re.sub(r"^# ?", "", text, flags=re.MULTILINE))
    before, after = (make_plan(*papers.of_scale(None, f, ROOT)) for f in ((), [file]))
    assert after.warnings == ()
    assert {*before.runs} < {*after.runs}


def test_the_types_of_files_know_the_keys_of_the_config():
    assert {"figures", "sweeps"} <= set(Overlay.model_fields)
    assert {"figures", "protocols", "metrics"} == set(Paper.model_fields)


# ---- runs ----------------------------------------------------------------------------------------


def test_the_runs_of_a_figure_vary_in_columns_and_share_the_rest(root, capsys):
    plan = make_plan(*papers.of_scale("paper"))
    found = runs.rows(plan, FIG07)
    shared, columns = runs.split(found)
    assert columns == ["seed", "weight_decay", "run", "pack"]
    assert (shared["dataset"], shared["epochs"], shared["lr"]) == ("cifar10", 500, 0.1)
    assert [(r["weight_decay"], r["seed"]) for r in found] == [
        (w, s) for w in (0, 0.001) for s in (0, 1, 2)
    ]
    assert [r["run"] for r in found] == list(plan.figures[FIG07].runs)
    assert all(r["run"] in plan.packs[r["pack"]].runs for r in found)
    assert main(["runs", FIG07]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{FIG07} at scale paper: 6 runs in 1 pack"
    assert "  dataset: cifar10" in lines
    assert lines[-7].split() == columns
    assert main(["runs", FIG07, "--scale", "small", "--csv"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert dict(zip(head.split(","), rows[1].split(","), strict=False))["dataset"] == "digits"
    assert main(["runs", "galanti2025rank/fig7"]) == 1
    assert "did you mean 'fig07'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("fig7", "'fig7': a figure is <paper>/<figure>, here galanti2025rank/fig07,"),
        ("galanti2025rank", "a figure is <paper>/<figure>, here galanti2025rank/exp_certificate,"),
        ("galanti2025rank/fig19", "not made at scale small: the config leaves it out; there are:"),
        ("nope", "no paper 'nope'"),
    ],
)  # fmt: skip
def test_a_figure_that_is_not_there_is_told_from_one_that_is_not_made(key, words, root, capsys):
    assert main(["runs", key, "--scale", "small"]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "did you mean" not in said


def test_the_scales_of_a_figure_stand_side_by_side(root, capsys):
    assert main(["runs", FIG07, "--scale", "small", "--scale", "paper"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert cells[FIG07] == ["small", "paper"]
    assert cells["runs"] == ["2", "6"]
    assert cells["dataset"] == ["digits", "cifar10"]
    assert cells["weight_decay"] == ["0.0, 0.1", "0.0, 0.001"]
    assert cells["seed"] == ["0", "0, 1, 2"]
    assert max(len(cell) for row in cells.values() for cell in row) <= runs.WIDEST
    assert main(["runs", FIG07, "--scale", "small", "--scale", "paper", "--csv"]) == 1
    assert "--csv: of one --scale at a time" in capsys.readouterr().err
