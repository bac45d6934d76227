"""The workflow itself, at scale smoke, from an empty directory; then what a user does to it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import one_figure
import pandas as pd
import pytest
import yaml
from smoke import ROOT, fresh, jobs, snakemake

from implicitbias.plan import papers
from implicitbias.plan.plan import make_plan
from implicitbias.plan.resources import Resources

FIGURES = ("fig06", "fig07", "fig08", "fig09")
PAPER = "galanti2025rank"


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_every_promised_file_is_there(made):
    results = made / "results" / "smoke"
    for figure in FIGURES:
        for kind in ("svg", "png", "pdf", "csv"):
            assert (results / "figures" / PAPER / f"{figure}.{kind}").stat().st_size > 500
        claims = json.loads((results / "claims" / PAPER / f"{figure}.json").read_text())
        assert claims
        assert all(c["figure"] == f"{PAPER}/{figure}" for c in claims)
        assert any(c["n"] >= 2 for c in claims)  # 0 where no network learnt
        table = pd.read_parquet(results / "tables" / PAPER / f"{figure}.parquet")
        assert {"run", "seed", "pack", "epoch", "step", "layer", "metric", "value"} <= set(table)
        assert 0 in set(table["epoch"])
    assert (results / "report.html").stat().st_size > 10_000
    assert not list(results.rglob("*.part"))
    assert not list(results.rglob("checkpoint*"))


def test_tables_hold_every_planned_run_and_averages_are_means_over_the_papers_layers(made):
    table = pd.read_parquet(made / "results/smoke/tables" / PAPER / "fig07.parquet")
    assert table["run"].nunique() == 3 * 3 * 2
    ranks = table[(table["metric"] == "rank_fro_1e-3") & (table["epoch"] == 2)]
    for _, rows in ranks.groupby("run"):
        by_layer = rows.set_index("layer")["value"]
        hidden = by_layer[[f"layer{i}" for i in range(6)]]
        assert by_layer["average"] == pytest.approx(hidden.mean())
        everything = [*hidden, by_layer["head"]]
        assert by_layer["average_all"] == pytest.approx(sum(everything) / 7)


def test_the_longest_pack_starts_first_and_a_figure_as_soon_as_it_can_be_made(tmp_path):
    asked = [f"results/small/figures/{PAPER}/{figure}.svg" for figure in ("fig07", "fig08")]
    done = snakemake(fresh(tmp_path), "--dry-run", *asked, scale="small")
    found = {}  # (rule, pack) -> priority
    for block in re.split(r"\n\s*(?:local)?rule ", done.stdout + done.stderr)[1:]:
        priority = int(re.search(r"priority: (\d+)", block)[1])
        pack = re.search(r"pack=([\w-]+)", block)
        found[block.partition(":")[0], pack and pack[1]] = priority
    plan = make_plan(*papers.of_scale("small", root=ROOT), tmp_path / "results")
    seconds = {name: Resources(plan).seconds(name) for rule, name in found if rule == "train"}
    by_size = sorted(seconds, key=seconds.__getitem__)
    sizes = [name.partition("-mnist5k-b")[2].split("-")[0] for name in by_size]
    assert sizes == ["128", "64", "32", "16", "8"]
    for rule in ("pack", "train"):
        order = [found[rule, name] for name in by_size]
        assert order == sorted(set(order)), rule
    first = {found[rule, None] for rule in ("data", "measure", "figure")}
    assert min(first) > max(found["train", name] for name in by_size)


def test_touching_nothing_is_nothing_to_do(made):
    done = snakemake(made, "--dry-run")
    assert jobs(done) == {}
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_new_grid_value_trains_only_the_new_runs(made):
    """Dry, so that the module's results stay as they are."""
    mine = made / "mine.yaml"
    grid = [0, 0.04, 0.4, 0.2]
    mine.write_text(yaml.safe_dump({"sweeps": {"mlp_bn": {"grid": {"weight_decay": grid}}}}))
    done = snakemake(made, "--dry-run", "--configfile", "mine.yaml")
    counts = jobs(done)
    assert counts["train"] == counts["pack"] == 5  # one new pack of two seeds per batch size
    mine.write_text(yaml.safe_dump({"sweeps": {"mlp_bn": {"grid": {"weight_decay": [0, 0.04]}}}}))
    assert "train" not in jobs(snakemake(made, "--dry-run", "--configfile", "mine.yaml"))


def test_another_tolerance_trains_nothing(made):
    mine = made / "mine.yaml"
    metrics = [
        "rank_fro_3e-2",
        "rank_fro_1e-3",
        "rank_spec_2e-2",
        "train_accuracy",
        "test_accuracy",
    ]
    mine.write_text(yaml.safe_dump({"figures": {f"{PAPER}/fig07": {"metrics": metrics}}}))
    counts = jobs(snakemake(made, "--dry-run", "--configfile", "mine.yaml"))
    assert (counts.get("train"), counts["measure"], counts["figure"]) == (None, 1, 1)


def test_forcing_train_trains_again(made):
    packs = list((made / "results/smoke/packs").iterdir())
    assert jobs(snakemake(made, "--dry-run", "--forcerun", "train"))["train"] == len(packs)


def test_device_and_checkpoint_interval_do_not_train_again(made):
    done = snakemake(made, "--dry-run", "--configfile", "workflow/scales/smoke.yaml")
    assert jobs(done) == {}
    mine = made / "mine.yaml"
    mine.write_text("checkpoint_seconds: 5\n")
    assert "train" not in jobs(snakemake(made, "--dry-run", "--configfile", "mine.yaml"))


def test_training_again_gives_the_same_bytes(made):
    pack = next((made / "results/smoke/packs").glob("*-b64-*"))
    before = {n: (pack / "records" / n).read_bytes() for n in ("scalars.parquet", "arrays.parquet")}
    target = f"results/smoke/packs/{pack.name}/records/provenance.json"
    done = snakemake(made, target, "--forcerun", "train")
    assert "Finished jobid" in done.stdout + done.stderr
    assert before == {n: (pack / "records" / n).read_bytes() for n in before}


def test_lost_records_are_made_again(made):
    """Also when everything after them is up to date, as after an interrupted --forcerun."""
    before = jobs(snakemake(made, "--dry-run"))
    assert "train" not in before
    pack = next((made / "results/smoke/packs").glob("*-b64-*"))
    kept = (pack / "records").rename(pack / "kept")
    assert jobs(snakemake(made, "--dry-run"))["train"] == 1
    kept.rename(pack / "records")
    assert jobs(snakemake(made, "--dry-run")) == before


def test_editing_a_figure_redraws_that_figure_only(tmp_path, monkeypatch):
    """With the package on a path of its own, so that a figure's file can really be edited."""
    folder = one_figure.fresh(tmp_path)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    monkeypatch.setenv("PYTHONPATH", str(folder / "src"))
    snakemake(folder)
    code = folder / "src/implicitbias/figures" / PAPER
    edit(code / "fig09.py", "against batch size", "against the batch size")
    assert jobs(snakemake(folder, "--dry-run")) == {}, "not a figure of this config"
    edit(code / "fig07.py", '"""', '"""Edited. ')
    counts = jobs(snakemake(folder, "--dry-run"))
    assert (counts["figure"], counts["report"]) == (1, 1)
    assert {"train", "measure", "pack"}.isdisjoint(counts)
    edit(
        folder / "src/implicitbias/metrics/numerical_rank.py",
        "Numerical rank counts",
        "The rank counts",
    )
    counts = jobs(snakemake(folder, "--dry-run"))
    assert counts["measure"] == 1
    assert "train" not in counts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pack_sise: 3", ["mine.yaml", "pack_sise", "pack_size"]),
        ("sweeps: {mlp_bn: {base: {lr: 1e-1}}}", ["mine.yaml", "lr", "'1e-1'"]),
        ("sweeps: {mlp_bn: {base: {model: mpl_bn}}}", ["mine.yaml", "mpl_bn", "mlp_bn"]),
        ("figures: {galanti2025rank/fig99: {runs: [{sweep: mlp_bn}], metrics: [stable_rank]}}",
         ["mine.yaml", "fig99", "fig09"]),
    ],
)  # fmt: skip
def test_bad_config_stops_before_the_first_job(tmp_path, text, words):
    folder = fresh(tmp_path)
    (folder / "mine.yaml").write_text(text)
    done = snakemake(folder, "--configfile", "mine.yaml", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    assert not (folder / "results").exists()


def test_a_wrong_scale_is_one_message(tmp_path):
    folder = fresh(tmp_path)
    edit(folder / "config.yaml", "scale: small", "scale: smol")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "config.yaml: scale: no scale 'smol' (did you mean" in said
    assert "paper" in said
    assert "Traceback" not in said


def test_the_scale_decides_wherever_it_is_set_and_wherever_results_go(tmp_path):
    """Files are found from the workflow's own folder, not from --directory."""
    (tmp_path / "flow").mkdir()
    folder, mine = fresh(tmp_path / "flow"), tmp_path / "mine.yaml"
    mine.write_text("scale: paper\npapers: [galanti2025rank/fig12]\nsweeps: {a: {extends: mlp_bn}}")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--directory",
               str(tmp_path / "out"), "--configfile"]  # fmt: skip
    plan = make_plan(*papers.of_scale("paper", [mine], ROOT), tmp_path / "results")
    for more in ([mine], [folder / "config.yaml", mine, "--config", "scale=smoke"]):
        done = subprocess.run(
            [*command, *map(str, more)], cwd=folder, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        if len(more) == 1:
            assert all(f"results/paper/packs/{name}/pack.json" in said for name in plan.packs)
            assert jobs(done)["train"] == len(plan.packs)
        assert ("resnet18-digits" in said) == (len(more) > 1)
        assert f"{mine}: sweeps.a: no figure takes runs from it" in said
    (folder / "workflow/scales/paper.yaml").unlink()
    done = subprocess.run([*command, str(mine)], cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0
    assert "workflow/scales/paper.yaml: cannot be read" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_published_runs_are_drawn_and_nothing_is_trained(tmp_path, made):
    """A pack is published; the figures of that scale take its runs and leave out the others."""
    folder = fresh(tmp_path)
    whole = papers.of_scale("smoke", root=ROOT)[0].model_dump(mode="json", exclude_none=True)
    for file in (folder / "workflow/papers").iterdir():
        file.unlink()  # here the papers' protocol is that of scale smoke
    tree = {"trained_only": True, **{k: whole[k] for k in ("pack_size", "figures", "sweeps")}}
    (folder / "workflow/scales/published.yaml").write_text(yaml.safe_dump(tree))
    (folder / "config.yaml").write_text("papers: []\n")
    packs = sorted((made / "results/smoke/packs").glob("*-b64-*"))
    run = [sys.executable, "-m", "implicitbias", "publish", *map(str, packs)]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True)
    if "names no commit" in done.stderr:
        pytest.skip("the code is not in a git repository, and nothing is published from there")
    assert done.returncode == 0, done.stderr
    snakemake(folder, scale="published")
    table = pd.read_parquet(folder / "results/published/tables" / PAPER / "fig07.parquet")
    assert set(table["batch_size"]) == {64}
    assert not (folder / "results/published/figures" / PAPER / "fig08.svg").exists()
    assert jobs(snakemake(folder, "--dry-run", scale="published")) == {}


def test_a_results_directory_that_cannot_be_written_is_known_before_the_first_job(tmp_path):
    folder = fresh(tmp_path)
    (folder / "results").write_text("a file where the folder should be")
    done = snakemake(folder, check=False)
    assert done.returncode != 0
    assert "results cannot be written" in done.stdout + done.stderr
    assert "rule pack" not in done.stdout + done.stderr


def test_a_data_file_with_the_wrong_content_is_an_error_that_names_it(tmp_path):
    folder = fresh(tmp_path)
    (folder / "data").mkdir()
    (folder / "data" / "digits.npz").write_bytes(b"not data")
    done = snakemake(folder, f"results/smoke/tables/{PAPER}/fig07.parquet", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "digits.npz" in said
    assert not list((folder / "results").glob("*/packs/*-digits-*/records/scalars.parquet"))


def test_snakemakes_own_lint_and_format_are_clean():
    for tool in (["snakemake", "--lint"], ["snakefmt", "--check", "."]):
        done = subprocess.run(
            [Path(sys.executable).parent / tool[0], *tool[1:]],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
