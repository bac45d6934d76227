"""`implicitbias init`: a study that trains and draws, and is in the wheel."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import implicitbias
from implicitbias.__main__ import _unexpected, main
from implicitbias.base import studies
from implicitbias.figures import style
from implicitbias.plan import papers
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[2]
SMALL = "sweeps={decay: {base: {epochs: 1}, seeds: [0]}}"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A new study, in which the test runs; what was in use is in use again afterwards."""
    monkeypatch.setattr(studies, "_USED", [])
    folder = tmp_path / "my_study"
    assert main(["init", str(folder)]) == 0
    monkeypatch.chdir(folder)
    return folder


def test_it_trains_draws_and_is_loaded(study):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", SMALL]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study / "results/small/report.html").is_file()
    results = implicitbias.load(study / "results/small")
    assert set(results.runs["model"]) == {"perceptron"}
    assert set(results.figures) == {"mine/ranks", "own/training"}
    assert results.figures["mine/ranks"].pictures.keys() == {"svg", "png", "pdf"}
    (claim,) = results.claims["id"]
    assert claim == "falls-with-decay"
    plotted = results.figures["own/training"].plotted
    assert set(plotted["x"]) == {0, 1}
    again = subprocess.run(
        [*command, "--dry-run"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert "Nothing to be done" in again.stdout + again.stderr


def test_its_plan_and_runs_are_those_of_the_sweep(study, capsys):
    assert main(["plan", "--quiet"]) == 0
    assert "2 figures, 1 sweep, 12 runs in 1 pack" in capsys.readouterr().out
    assert main(["runs", "decay", "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 13


def test_a_sweep_that_no_figure_uses_is_trained_by_its_name(study):
    text = Path("config.yaml").read_text()
    Path("config.yaml").write_text(text.partition("figures:")[0])
    plan = make_plan(*papers.of_scale())
    assert not plan.runs
    assert "config.yaml: sweeps.decay: no figure takes runs from it" in plan.warnings[0]
    asked = make_plan(*papers.of_scale(sweep="decay"))
    assert [*asked.figures] == ["own/decay"] and len(asked.runs) == 12
    Path("config.yaml").write_text(text.partition("figures:")[0] + "train: [decay]\n")
    assert make_plan(*papers.of_scale()).runs.keys() == asked.runs.keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("studies: [nope]", "config.yaml: studies.0: nope: no such folder"),
        ("studies: [results]", "config.yaml: studies.0: results: no such folder"),
        ("train: [dekay]", "config.yaml: train.0: no sweep 'dekay' (did you mean 'decay'?)"),
        ("figures: {own/x: {runs: [{sweep: decay}], metrics: [stable_rank], draw: {x: lrr}}}",
         "config.yaml: figures.own/x.draw.x: no field 'lrr' (did you mean 'lr'?)"),
        ("figures: {mine/ranks: {runs: [{sweep: decay}], metrics: [rank_fro_1e-2, train_accuracy],"
         " draw: {x: lr}}}", "draw: is for figures own/<name>"),
        ("sweeps: {decay: {base: {model: perceptrom}}}",
         "sweeps.decay.base.model: no model 'perceptrom' (did you mean 'perceptron'?)"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_its_config_is_one_line(study, change, said, capsys):
    if change.startswith("studies"):
        text = Path("config.yaml").read_text().replace("studies: [.]", change)
        Path("config.yaml").write_text(text)
        more = []
    else:
        Path("more.yaml").write_text(change)
        more = ["--configfile", "more.yaml"]
        said = said.replace("config.yaml", "more.yaml")
    assert main(["plan", *more]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_other_fields_that_vary_are_lines_of_the_figure(study):
    code = runpy.run_path(str(study / "figures/mine/ranks.py"))
    rows = [
        {"run": f"{decay}-{width}-{seed}", "pack": "p", "seed": seed, "diverged_step": float("nan"),
         "weight_decay": decay, "width": width, "depth": width // 16, "epoch": 1, "step": 9,
         "layer": layer, "metric": metric, "value": value}
        for decay in (0.0, 0.01) for width in (16, 32) for seed in range(3)
        for metric, layer, value in (("rank_fro_1e-2", "average", width / (1 + 50 * decay)),
                                     ("train_accuracy", "network", 1.0))
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    (claim,) = code["claims"](table)
    assert claim.value == pytest.approx(1 / 1.5)
    with style.look():
        plotted = style.plotted(code["draw"](table))
    assert set(plotted["n"]) == {3} and plotted["series"].nunique() == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def draw", "def drow", "ranks.py: defines no function draw(table)"),
        ("def claims", "def clams", "ranks.py: defines no function claims(table)"),
    ],
)
def test_a_figure_without_its_functions_is_refused(study, old, new, said, capsys):
    file = study / "figures/mine/ranks.py"
    file.write_text(file.read_text().replace(old, new))
    assert main(["plan"]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_package_that_is_not_there_is_said_while_planning(study, capsys):
    file = study / "models/perceptron.py"
    file.write_text(file.read_text().replace("from torch", "import torhc\nfrom torch", 1))
    line = file.read_text().splitlines().index("import torhc") + 1
    assert main(["plan"]) == 1
    said = capsys.readouterr().err
    assert f"{file}:{line}: there is no package 'torhc' to import" in said
    assert said.count("\n") == 1


def test_an_error_in_the_code_of_a_study_names_its_file_and_line(study, capsys):
    studies.use(["."])
    try:
        exec(compile("\n\n1 / 0", str(study / "figures/mine/ranks.py"), "exec"))
    except ZeroDivisionError as error:
        said = _unexpected(error)
    assert said.startswith(f"{study}/figures/mine/ranks.py:3: ZeroDivisionError")
    assert "a fault of this program" not in said


def test_a_folder_that_is_there_is_not_written_to(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 1
    assert "is there already; name a new folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_the_wheel_has_the_study_and_the_workflow(tmp_path):
    """Built from what the container recipe copies, which the ignore file lets pass."""
    recipe = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    names = [name for line in recipe for name in line.split()]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert {*names} == kept and {"constraints.txt", "src", "workflow"} < kept
    for name in names:
        source, copy = ROOT / name, tmp_path / name
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, copy)
    code = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wheel = zipfile.ZipFile(tmp_path / done.stdout.split()[-1])
    names = {name for name in wheel.namelist() if not name.endswith("/")}
    inside = {
        f"implicitbias/snakemake/{path.relative_to(ROOT).as_posix()}"
        for path in [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }
    template = ROOT / "src/implicitbias/api/_study"
    inside |= {
        path.relative_to(ROOT / "src").as_posix()
        for path in template.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside - names == set()
    scripts = next(name for name in names if name.endswith("entry_points.txt"))
    assert "implicitbias = implicitbias.__main__:main" in wheel.read(scripts).decode()
