"""Config to plan: pure, stable under growth, and wrong before the first job or never."""

import copy
import itertools
import json
from dataclasses import replace
from functools import cache
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from implicitbias.base.errors import UserError
from implicitbias.plan import config, overlays, packs, papers, spec, summary, workflow
from implicitbias.plan.figure import defined
from implicitbias.plan.plan import make_plan, of_results

ROOT = Path(__file__).parents[2]
FIG14, FIG15 = (f"galanti2025rank/fig{n}" for n in (14, 15))


@cache
def resolved(scale):
    return papers.of_scale(scale, root=ROOT)[0].model_dump(mode="json")


def tree(scale="small"):
    return copy.deepcopy(resolved(scale))


def plan_of(merged, results):
    sources = overlays.Sources([(Path("config.yaml"), merged)])
    return make_plan(config.parse(merged, sources), sources, results)


@pytest.mark.parametrize("scale", papers.SCALES)
def test_every_scale_plans_and_writes_nothing(scale, tmp_path):
    plan = plan_of(tree(scale), tmp_path)
    if scale == "published":
        assert not plan.figures  # nothing is trained in an empty directory
    else:
        assert {"galanti2025rank/fig06", "galanti2025rank/fig09"} <= set(plan.figures)
    assert not list(tmp_path.iterdir())
    assert {r for p in plan.packs.values() for r in p.runs} == set(plan.runs)
    # What a job gets on its command line must fit there: 128 KiB in one argument on Linux.
    texts = [p.text for p in plan.packs.values()] + [f.definition for f in plan.figures.values()]
    assert max(map(len, texts), default=0) < 100_000
    for figure in plan.figures.values():
        runs, metrics = defined(figure.definition)
        assert sorted(s.run_id for s in runs) == sorted(figure.runs)
        assert metrics == figure.metrics
    assert "runs" in summary.text(summary.summary(plan))


def test_results_have_the_name_that_the_config_gives_them(tmp_path):
    """Neither runs and packs nor what is compared to find what is out of date depend on it."""
    plain, named = (
        plan_of({**tree("smoke"), "results": name}, tmp_path) for name in (None, "mine")
    )
    assert (plain.results, named.results) == (tmp_path / "smoke", tmp_path / "mine")
    assert plain.packs.keys() == named.packs.keys()
    text = workflow.config_text(named)
    assert workflow.config_text(plain) == text
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "config.json").write_text(text)
    assert of_results(tmp_path / "moved").results == tmp_path / "moved"


def runs_of(plan, figure):
    return [plan.runs[r] for r in plan.figures[f"galanti2025rank/{figure}"].runs]


def test_paper_scale_is_the_papers_grid(tmp_path):
    plan = plan_of(tree("paper"), tmp_path)
    grid = {
        figure: {(s.batch_size, s.lr, s.weight_decay) for s in runs_of(plan, figure)}
        for figure in ("fig06", "fig07", "fig08", "fig09", "fig10", "fig11", "fig16")
    }
    decays = [0, 1e-4, 2e-4, 4e-4, 8e-4, 6e-3]  # 0 is ours
    assert grid["fig07"] == {(b, 0.1, w) for b in (32, 64, 128) for w in decays}
    assert grid["fig08"] == {(b, 0.1, w) for b in (4, 8, 16) for w in decays}
    sizes, rates = (4, 8, 16, 32, 64, 128), (0.01, 0.1, 0.5)
    assert grid["fig09"] == {(b, lr, 4e-4) for b in sizes for lr in rates}
    assert grid["fig06"] == {(6, 0.1, 8e-3)}
    assert grid["fig10"] == {(b, lr, 5e-4) for b in (2, *sizes) for lr in (0.004, 0.008, 0.04)}
    decays = [0, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3]
    assert grid["fig11"] == {(b, 0.04, w) for b in (32, 64, 128) for w in decays}
    decays = [0, 1e-4, 2e-4, 4e-4, 8e-4]  # 0 is ours
    assert grid["fig16"] == {(b, 0.01, w) for b in (16, 32, 64) for w in decays}
    figures = {f"fig{n:02}" for n in range(1, 20)} - {"fig14", "fig15"}  # those have other data
    for figure in sorted(figures & {f.rpartition("/")[2] for f in plan.figures}):
        epochs = (200, (60, 100)) if figure in ("fig10", "fig11") else (500, (60, 100, 200))
        for s in runs_of(plan, figure):
            assert (s.dataset, s.epochs, s.lr_milestones) == ("cifar10", *epochs)
            assert (s.lr_factor, s.preprocessing, s.momentum) == (0.2, "galanti2025rank", 0)
            if s.model == "vit":
                assert (s.patch, s.dim, s.depth, s.heads, s.dropout) == (4, 512, 6, 8, 0.1)


THREES = {(1e-3, 6e-3), (5e-3, 6e-3), (1e-2, 4e-4)}
SIZES, RATES = (4, 8, 16, 32, 64, 128), (0.1, 0.5, 1, 2)


def with_control(points):
    """The points and the same without decay."""
    given = {*points}
    return given | {(b, lr, 0) for b, lr, _ in given}


CONVNETS = {  # figure -> model, slope, points; 0 is ours but in figure 1 (c)
    "fig01": ("resnet18", 0.01, {
        *((b, lr, w) for b in (8, 16) for lr in RATES for w in (1e-4, 3e-4, 5e-4)),
        *((b, 0.5, w) for b in SIZES for w in (0, 2e-3, 4e-3, 6e-3)),
        *((b, lr, 6e-3) for b in SIZES for lr in (0.001, 0.2, 0.5, 0.7, 1)),
    }),
    "fig02": ("resnet18", 0.01, with_control((b, lr, 5e-4) for b in (4, 8, 16) for lr in RATES)),
    "fig03": ("resnet18", 0, with_control(
        (b, 1.5, w) for b in (8, 16, 32) for w in (1e-4, 2e-4, 4e-4, 8e-4, 6e-3))),
    "fig04": ("resnet18", 0, with_control((b, *p) for b in SIZES for p in THREES)),
    "fig05": ("resnet18", 0, with_control((8, lr, 5e-4) for lr in (0.01, 0.1, 0.5, 1))),
    "fig12": ("resnet18", 0, with_control(
        (b, 1.5, w) for b, w in [*itertools.product((4, 8), (1e-4, 2e-4, 4e-4, 8e-4)), (8, 6e-3)])),
    "fig13": ("vgg16", None, with_control(
        (b, *p) for b in SIZES for p in {(1e-3, 6e-3), (5e-3, 5e-4), (1e-2, 4e-4)})),
    "fig17": ("vgg16", None, with_control((b, 5e-3, 5e-4) for b in (8, 16, 32, 64))),
    "fig18": ("resnet18", 0, with_control((b, 5e-3, 6e-3) for b in SIZES)),
    "fig19": ("vgg16", None, with_control((b, 1e-2, 4e-4) for b in SIZES)),
}  # fmt: skip


def test_paper_scale_is_the_papers_grid_of_convolutional_networks(tmp_path):
    plan = plan_of(tree("paper"), tmp_path)
    seen = set()
    for figure, (model, slope, points) in CONVNETS.items():
        runs = runs_of(plan, figure)
        assert {(s.batch_size, s.lr, s.weight_decay) for s in runs} == points, figure
        assert len(runs) == 2 * len(points)  # two seeds
        seen |= {s.run_id for s in runs}
        for s in runs:
            assert (s.model, getattr(s, "negative_slope", None)) == (model, slope)
            assert (s.width, s.stem_stride, s.n_train, s.record_every) == (64, 1, None, 10)
    # Figures 18 and 4, 19, 17 and 13, 1 and 2 share runs: counted once.
    counts = {m: sum(plan.runs[r].model == m for r in seen) for m in ("resnet18", "vgg16")}
    assert counts == {"resnet18": 2 * 151, "vgg16": 2 * 36}


def test_small_scale_has_the_papers_decay_exponents_at_the_points_that_it_keeps(tmp_path):
    """Within 5%, figures 7 to 9: the decays are 40 times the paper's for 40 times fewer steps."""
    small, paper = (plan_of(tree(s), tmp_path) for s in ("small", "paper"))
    for figure in ("fig07", "fig08", "fig09"):
        theirs = {(s.batch_size, s.lr, s.weight_decay): s for s in runs_of(paper, figure)}
        ours = [
            (s, (s.batch_size, s.lr, round(s.weight_decay / 40, 9))) for s in runs_of(small, figure)
        ]
        kept = [(s, theirs[point]) for s, point in ours if point in theirs]
        assert len(kept) >= len(ours) / 2
        for s, of_paper in kept:
            assert s.decay_exponent() == pytest.approx(of_paper.decay_exponent(), rel=0.05)


# At scale small: the tolerance at which a sentence is judged, for each figure of ranks.
SCALED = {
    **dict.fromkeys(("fig01", "fig02", "fig03", "fig04", "fig10", "fig11", "fig12", "fig13"), 0.07),
    "fig07": 0.03, "fig08": 0.03, "exp_equal_steps": 0.03, "fig16": 0.15, "exp_decay": 0.07,
}  # fmt: skip


@pytest.mark.parametrize("figure", SCALED)
def test_small_scale_decays_away_the_initialisation_somewhere_and_has_three_seeds(figure, tmp_path):
    """Pure decay leaves e^-exponent: in a figure's strongest run less than its tolerance."""
    runs = list(runs_of(plan_of(tree("small"), tmp_path), figure))
    assert {s.seed for s in runs} == {0, 1, 2}
    assert max(s.decay_exponent() for s in runs) > -log(SCALED[figure])
    assert min(s.decay_exponent() for s in runs if s.weight_decay) < 3


def test_figures_of_one_network_share_their_runs_at_small_scale(tmp_path):
    """Figures 1 to 5, 12, 14, 15 and 18 are cuts through one grid of 40 settings."""
    plan = plan_of(tree("small"), tmp_path)
    names = ("fig01", "fig02", "fig03", "fig04", "fig05", "fig12", "fig18", "exp_decay")
    grid = {s.run_id for s in runs_of(plan, "fig01")} | {s.run_id for s in runs_of(plan, "fig04")}
    assert len(grid) == 3 * 40
    for name in names:
        assert {s.run_id for s in runs_of(plan, name)} <= grid, name


def test_the_halves_of_equal_steps_have_them(tmp_path):
    """At both scales, within 3% of those of batch size 16; exponents likewise."""
    for scale in ("small", "paper"):
        runs = list(runs_of(plan_of(tree(scale), tmp_path), "exp_equal_steps"))
        (epochs,) = {s.epochs for s in runs if s.batch_size == 16}
        steps = {s.steps for s in runs if s.batch_size == 16}.pop()
        equal = [s for s in runs if s.epochs != epochs]
        assert {s.batch_size for s in equal} == {8, 32, 64}
        for s in equal:
            assert s.steps == pytest.approx(steps, rel=0.03)


# ---- packs ---------------------------------------------------------------------------------------


def members(values, seeds=(0, 1)):
    base = {
        "procedure": "sgd", "dataset": "digits", "model": "mlp_bn", "batch_size": 16, "epochs": 1,
    }  # fmt: skip
    runs = [spec.make({**base, "lr": v, "seed": s}) for v in values for s in seeds]
    return {s.run_id: s for s in runs}


def records(folder):
    """The files of a finished training, without content."""
    (folder / "records").mkdir(exist_ok=True)
    for name in ("scalars.parquet", "arrays.parquet", "provenance.json"):
        (folder / "records" / name).touch()


values = st.lists(st.integers(1, 60).map(lambda i: i / 16), min_size=1, max_size=12, unique=True)


@settings(max_examples=60, deadline=None)
@given(values=values, size=st.integers(1, 7), data=st.data())
def test_whatever_has_been_written_the_rest_is_cut_alike(values, size, data):
    wanted = members(values)
    first, home = packs.assign(wanted, {}, size)
    sizes = [len(p.runs) for p in first.values()]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-len(wanted) // size)
    done = data.draw(st.sets(st.sampled_from(sorted(first))))
    written = {n: packs.Pack(p.name, p.runs, p.text, True) for n, p in first.items() if n in done}
    again, home_again = packs.assign(wanted, written, size)
    assert home == home_again
    assert {n: p.text for n, p in again.items()} == {n: p.text for n, p in first.items()}


@settings(max_examples=60, deadline=None)
@given(old=values, new=values, size=st.integers(1, 7))
def test_growth_adds_packs_and_moves_no_run(old, new, size):
    before = members(old)
    first, home = packs.assign(before, {}, size)
    written = {n: packs.Pack(p.name, p.runs, p.text, True) for n, p in first.items()}
    after = {**before, **members(new)}
    packs_after, home_after = packs.assign(after, written, size)
    assert all(home_after[r] == home[r] for r in before)
    fresh = {r for p in packs_after.values() if not p.written for r in p.runs}
    assert fresh == after.keys() - before.keys()


def test_the_order_of_the_config_does_not_matter():
    one, _ = packs.assign(members([0.1, 0.2, 0.3]), {}, 4)
    other, _ = packs.assign(members([0.3, 0.1, 0.2], seeds=(1, 0)), {}, 4)
    assert {n: p.text for n, p in one.items()} == {n: p.text for n, p in other.items()}


def test_of_several_packs_with_a_run_one_that_has_records_is_its_home(tmp_path):
    """As in results that were merged: whatever the other packs are called, nothing is repeated."""
    wanted = members([0.1])
    others = [members([0.1], (0, 1, seed)).values() for seed in range(2, 12)]
    for pack in [packs.Pack.of(wanted.values()), *map(packs.Pack.of, others)]:
        packs.write(tmp_path / pack.name / "pack.json", pack.text)
    for name in packs.written(tmp_path):
        records(tmp_path / name)
        used, home = packs.assign(wanted, packs.written(tmp_path), 4)
        assert (set(used), set(home.values())) == ({name}, {name})
        (tmp_path / name / "records" / "arrays.parquet").unlink()


def test_a_published_pack_that_lost_records_is_left_out_and_named(tmp_path):
    whole = plan_of(tree("smoke"), tmp_path)
    names = sorted(whole.packs)[:2]
    for name in names:
        packs.write(whole.pack_folder(name) / "pack.json", whole.packs[name].text)
        records(whole.pack_folder(name))
    published = {**tree("smoke"), "trained_only": True}
    assert plan_of(published, tmp_path).packs.keys() == {*names}
    lost = whole.pack_folder(names[0]) / "records"
    (lost / "arrays.parquet").unlink()
    plan = plan_of(published, tmp_path)
    assert plan.packs.keys() == {names[1]}
    assert [said for said in plan.warnings if said.startswith(f"{lost}: a part of the records")]


def test_a_pack_is_written_once_and_read_back(tmp_path):
    (pack,) = packs.assign(members([0.1]), {}, 4)[0].values()
    path = tmp_path / pack.name / "pack.json"
    packs.write(path, pack.text)
    packs.write(path, pack.text)
    assert packs.read(path).runs == pack.runs
    assert [s.run_id for s in packs.specs_of(path)] == list(pack.runs)
    with pytest.raises(UserError, match="never changed"):
        packs.write(path, pack.text.replace("0.1", "0.2"))
    path.write_text(pack.text.replace('"lr": 0.1', '"lr": 0.2'))
    with pytest.raises(UserError, match="not the run of its own spec"):
        packs.specs_of(path)
    for damage in ("", "{}", "[1]", pack.text[:-9], '{"pack": "x", "runs": {"a": {}}}'):
        path.write_text(damage)
        with pytest.raises(UserError, match="not a pack"):
            packs.read(path)


# ---- bad input -----------------------------------------------------------------------------------


def at(*keys, value):
    """The small config with one place changed."""
    merged = tree()
    place = merged
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return merged


FIG = ("figures", "galanti2025rank/fig07")
BAD = {
    "unknown key": (at("pack_sise", value=3), ["pack_sise", "did you mean 'pack_size'"]),
    "unknown sweep key": (at("sweeps", "mlp_bn", "seed", value=[1]), ["seed", "seeds"]),
    "misspelt model": (at("sweeps", "mlp_bn", "base", "model", value="mpl_bn"), ["mlp_bn"]),
    "misspelt dataset": (at("sweeps", "mlp_bn", "base", "dataset", value="mnst"), ["mnist"]),
    "misspelt metric": (at(*FIG, "metrics", value=["rank_fo_1e-3"]), ["rank_fo_1e-3", "rank_fro"]),
    "unrecorded metric": (at(*FIG, "metrics", value=["nc1"]), ["nc1", "class_gram", "sgd"]),
    "a metric too few": (at(*FIG, "metrics", value=["rank_fro_1e-3", "train_accuracy"]),
                         ["test_accuracy", "galanti2025rank/fig07 draws"]),
    "a metric twice": (at(*FIG, "metrics", value=[*tree()["figures"][FIG[1]]["metrics"],
                                                  "rank_fro_3e-2"]), ["names one twice"]),
    "misspelt sweep": (at(*FIG, "runs", value=[{"sweep": "mlp"}]), ["mlp", "mlp_bn"]),
    "misspelt figure": (at("figures", "galanti2025rank/fig70", value=tree()["figures"][FIG[1]]),
                        ["fig70", "fig07"]),
    "misspelt paper": (at("figures", "galanti2024/fig07", value=tree()["figures"][FIG[1]]),
                       ["galanti2024", "galanti2025rank"]),
    "a run nothing makes": (
        at(*FIG, "runs", value=[{"sweep": "mlp_bn", "where": {"batch_size": [33]}}]),
        ["batch_size", "33", "128"]),
    "a field nothing has": (
        at(*FIG, "runs", value=[{"sweep": "mlp_bn", "where": {"batchsize": [32]}}]),
        ["batchsize"]),
    "lr as text": (at("sweeps", "mlp_bn", "base", "lr", value="1e-1"), ["lr", "'1e-1'", "1.0e-1"]),
    "grid as text": (at("sweeps", "mlp_bn_lr", "grid", "lr", value=["1e-2"]), ["lr", "'1e-2'"]),
    "negative lr": (at("sweeps", "mlp_bn", "base", "lr", value=-0.1), ["lr", "-0.1"]),
    "too large a batch": (at("sweeps", "mlp_bn", "grid", "batch_size", value=[32, 4001]),
                          ["batch_size", "4001", "4000"]),
    "no epochs": (at("sweeps", "mlp_bn", "base", "epochs", value=0), ["epochs", "0"]),
    "empty grid": (at("sweeps", "mlp_bn", "grid", "batch_size", value=[]), ["batch_size", "[]"]),
    "no seeds": (at("sweeps", "mlp_bn", "seeds", value=[]), ["seeds"]),
    "a seed twice": (at("sweeps", "mlp_bn", "seeds", value=[1, 1]), ["seeds", "twice"]),
    "a value twice": (at("sweeps", "mlp_bn", "grid", "batch_size", value=[4, 4]), ["twice"]),
    "base and grid": (
        at("sweeps", "mlp_bn", "base", "batch_size", value=4), ["batch_size", "grid"]),
    "a wrong scale": (at("scale", value="huge"), ["scale", "huge", "paper"]),
    "another scale's folder": (at("results", value="paper"), ["results", "'paper'", "of a scale"]),
    "a folder elsewhere": (at("results", value="../mine"), ["results", "../mine"]),
    "a hidden folder": (at("results", value=".."), ["results", "'..'"]),
    "too large a pack": (at("pack_size", value={"cpu": 257}), ["pack_size", "257", "256"]),
    "a wrong device": (at("device", value="gpu"), ["device", "gpu", "cuda"]),
    "no mapping": (at("sweeps", value=[1]), ["sweeps"]),
    "no figures": (at("figures", value=None), ["figures"]),
    "a number for a name": (at("sweeps", "mlp_bn", "base", "model", value=3), ["model", "3"]),
    "a list for a number": (at("sweeps", "mlp_bn", "base", "lr", value=[0.1]), ["lr", "[0.1]"]),
    "braces in a path": (at("data_dir", value="{}"), ["data_dir", "'{}'", "without {"]),
    "a command in a path": (at("data_dir", value="$(id)"), ["data_dir", "'$(id)'", "$, `"]),
    "a file as a folder": (at("data_dir", value=__file__), ["data_dir", "is no folder"]),
    "an enormous integer": (
        at("sweeps", "mlp_bn", "base", "epochs", value=10**30), ["epochs", "1000", "2147483647"]),
    "a value not finite": (
        at("sweeps", "mlp_bn", "base", "momentum", value=float("nan")), ["momentum", "nan"]),
    "no size for the device": (at("pack_size", value={"cuda": 8}), ["pack_size", "'cpu'"]),
    "too many runs": (
        at("sweeps", "mlp_bn", "seeds", value=list(range(20001))), ["grid", "runs", "20000"]),
    "images too small": (at("sweeps", "splitting_none", "base", "dataset", value="digits"),
                         ["'conv_small'", "13 x 13", "8 x 8"]),
    "a precision of GPUs": (at("sweeps", "mlp_bn", "base", "precision", value="tf32"),
                            ["sweeps.mlp_bn", "tf32", "device: cuda"]),
    "a path as a name": (at("sweeps", "../x", value=tree()["sweeps"]["mlp_bn"]), ["../x"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_with_file_and_key(case, tmp_path):
    merged, words = BAD[case]
    with pytest.raises(UserError) as error:
        plan_of(merged, tmp_path)
    message = str(error.value)
    assert message.startswith("config.yaml: ")
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_the_message_names_the_file_that_has_the_last_word():
    overlay = {"sweeps": {"mlp_bn": {"base": {"lr": "1e-1"}}}}
    trees = [(Path("config.yaml"), tree()), (Path("mine.yaml"), overlay)]
    sources = overlays.Sources(trees)
    with pytest.raises(UserError, match=r"^mine.yaml: sweeps.mlp_bn.base.lr: "):
        merged = overlays.merge(tree(), overlay)
        make_plan(config.parse(merged, sources), sources, Path("nowhere"))


def test_summary_is_json(tmp_path):
    facts = json.loads(summary.as_json(summary.summary(plan_of(tree("smoke"), tmp_path))))
    assert facts["new_runs"] == facts["runs"]


# ---- data that may be absent ---------------------------------------------------------------------


def test_runs_are_left_out_where_their_data_are_absent_and_only_where_they_may_be(tmp_path):
    merged = {**tree("paper"), "data_dir": str(tmp_path / "data")}
    plan = plan_of(merged, tmp_path)
    assert plan.figures[FIG14].runs == ()
    assert defined(plan.figures[FIG14].definition)[0] == []
    points = 4 * 2 * 2  # learning rates, decays, seeds
    there = {s.dataset for s in runs_of(plan, "fig15")}
    assert (there, len(plan.figures[FIG15].runs)) == ({"mnist", "fashion_mnist"}, 2 * points)
    (tmp_path / "data" / "svhn").mkdir(parents=True)
    assert plan_of(merged, tmp_path).figures[FIG14].runs == (), "an empty folder"
    (tmp_path / "data" / "svhn" / "train_32x32.mat").touch()
    (tmp_path / "data" / "places365.npz").touch()
    plan = plan_of(merged, tmp_path)
    for figure, wanted in (("fig14", {"svhn"}), ("fig15", {"mnist", "fashion_mnist", "places365"})):
        runs = runs_of(plan, figure)
        assert {s.dataset for s in runs} == wanted
        assert len(runs) == points * len(wanted)
        asked, _ = defined(plan.figures[f"galanti2025rank/{figure}"].definition)
        assert {s.run_id for s in asked} == {s.run_id for s in runs}


def test_a_run_that_another_selection_needs_is_never_left_out(tmp_path):
    merged = {**tree("paper"), "data_dir": str(tmp_path / "data")}
    selections = merged["figures"][FIG15]["runs"]
    selections.append({**selections[0], "optional": True})
    plan = plan_of(merged, tmp_path)
    assert {s.dataset for s in runs_of(plan, "fig15")} == {"mnist", "fashion_mnist"}
    selections[0] = {**selections[0], "optional": True}
    assert plan_of(merged, tmp_path).figures[FIG15].runs == ()


def test_paper_scale_is_the_papers_grid_on_other_data(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("svhn", "food101", "imagenette", "places365"):
        (tmp_path / "data" / f"{name}.npz").touch()
    plan = plan_of({**tree("paper"), "data_dir": str(tmp_path / "data")}, tmp_path)
    wanted = {
        "fig14": {"svhn": "galanti2025rank", "food101": "standard", "imagenette": "standard"},
        "fig15": {"mnist": "galanti2025rank", "fashion_mnist": "galanti2025rank",
                  "places365": "standard"},
    }  # fmt: skip
    for figure, datasets in wanted.items():
        runs = runs_of(plan, figure)
        assert {s.dataset: s.preprocessing for s in runs} == datasets
        points = {(s.dataset, s.batch_size, s.lr, s.weight_decay) for s in runs}
        assert points == {(d, 16, lr, w) for d in datasets for lr in RATES for w in (0, 5e-4)}
        assert len(runs) == 2 * len(points)
        for s in runs:
            assert (s.model, s.width, s.stem_stride, s.negative_slope) == ("resnet18", 64, 1, 0)
            assert (s.n_train, s.epochs, s.lr_milestones) == (None, 500, (60, 100, 200))


# ---- memory --------------------------------------------------------------------------------------


def wide(n):
    """Runs of ResNet-18 at the paper's width: 45 MB of weights each."""
    fields = {"procedure": "sgd", "dataset": "digits", "model": "resnet18", "batch_size": 64,
              "epochs": 1, "lr": 0.1}  # fmt: skip
    return {s.run_id: s for s in (spec.make({**fields, "seed": k}) for k in range(n))}


def test_a_pack_that_would_not_fit_is_split_before_it_starts():
    wanted = wide(12)
    one = next(iter(wanted.values()))
    fits_five = spec.BASE_MB + one.estimated_megabytes(5)
    found, home = packs.assign(wanted, {}, 24, fits_five)
    assert sorted(len(p.runs) for p in found.values()) == [4, 4, 4]
    assert home.keys() == wanted.keys()
    assert [len(p.runs) for p in packs.assign(wanted, {}, 24)[0].values()] == [12]
    # Written packs stay as they are, whatever the memory now.
    written = {n: replace(p, written=True) for n, p in found.items()}
    assert packs.assign(wanted, written, 24, fits_five / 2)[0].keys() == found.keys()


def test_a_run_that_does_not_fit_alone_is_an_error_of_the_config(tmp_path):
    with pytest.raises(UserError, match="needs about"):
        packs.assign(wide(2), {}, 24, spec.BASE_MB)
    with pytest.raises(UserError, match=r"config.yaml: memory_mb.cpu: 1 is too little: one run of"):
        plan_of(at("memory_mb", "cpu", value=1), tmp_path)
