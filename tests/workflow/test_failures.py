"""One job fails: the others go on, and the end says what failed, why, and what is missing."""

import os
import re
import subprocess
import sys
import time

import pytest
import yaml
from dry_run import planned
from one_figure import FIGURE, finish, fresh, start
from smoke import ROOT

from implicitbias.base.errors import UserError
from implicitbias.plan import papers, workflow
from implicitbias.plan.plan import make_plan

OTHER = "galanti2025rank/fig09"


def test_a_figure_whose_data_cannot_be_had_stops_no_other(tmp_path):
    folder = fresh(tmp_path)
    file = folder / "config.yaml"
    tree = yaml.safe_load(file.read_text())
    base = {**tree["sweeps"]["one"]["base"], "dataset": "places365", "n_train": 400}  # only by hand
    tree["sweeps"]["two"] = {"base": base, "grid": {"weight_decay": [0, 0.1]}, "seeds": [0]}
    tree["figures"][OTHER] = {**tree["figures"][FIGURE], "runs": [{"sweep": "two"}]}
    file.write_text(yaml.safe_dump(tree))
    said = finish(start(folder, "--logger", "implicitbias"), code=1)
    assert "CalledProcessError" not in said, "a failure is said once, and in the table"
    assert "failed: data places365; log: results/smoke/logs/data/places365.log" in said
    assert "Select jobs" not in said and "Finished jobid" not in said  # Snakemake's own lines
    assert "CalledProcessError" not in said
    assert (folder / f"results/smoke/figures/{FIGURE}.svg").exists()
    table = said.partition("What failed, and why:")[2]
    assert "data/places365" in table
    assert "is not there, and no package carries it" in table
    assert f"Not made because of it: {OTHER}." in table
    assert "To go on, once the cause is gone: snakemake " in table
    assert "--logger implicitbias" in table
    assert "Traceback" not in said
    assert planned(folder).keys() == {"data", "train", "measure", "figure", "report"}


def test_the_console_shows_progress_and_ends_with_the_report(tmp_path):
    said = finish(start(fresh(tmp_path), "--logger", "implicitbias")).splitlines()
    assert re.fullmatch(r"8 of 8 jobs, \d+ s", said[-3])
    assert said[-1] == "The report: results/smoke/report.html"
    assert len(said) < 10
    again = finish(start(tmp_path, "--logger", "implicitbias"))
    assert "Nothing to be done" in again


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("results/small/figures/galanti2025rank/fig9.svg", "did you mean 'galanti2025rank/fig09'"),
        ("results/small/tables/galanti2025rank/fig77.parquet", "no figure in this config"),
        ("results/small/claims/galanti2025rnak/fig09.json", "did you mean 'galanti2025rank/fig09'"),
        ("results/small/packs/mlp_bn/records/provenance.json", "no pack in this config"),
        ("results/paper/figures/galanti2025rank/fig09.svg", "--config scale=paper"),
        ("data/digitz.npz", "did you mean 'digits'"),
    ],
)
def test_a_target_that_nothing_makes_is_one_line_with_the_nearest_name(target, words, small):
    with pytest.raises(UserError) as error:
        small.check_targets(["--cores", "1", target])
    assert str(error.value).startswith(f"{target}: ")
    assert words in str(error.value)


def test_targets_that_are_made_and_options_pass(small):
    (pack, *_) = small.plan.packs
    small.check_targets([
        "results/small/figures/galanti2025rank/fig09.pdf", f"results/small/packs/{pack}/pack.json",
        "data/digits.npz", "results/small/report.html", "results/snakemake-report.html", "train",
        "--configfile", "results/other/config.json", "results/small/config.json",
    ])  # fmt: skip


def test_a_job_that_ended_without_a_word_is_in_the_table(small, tmp_path, monkeypatch):
    """As one that the system killed for its memory; a log from before says nothing of this time."""
    monkeypatch.chdir(tmp_path)
    logs = small.plan.results / "logs" / "figure" / "galanti2025rank"
    logs.mkdir(parents=True)
    (logs / "fig08.log").write_text("of yesterday")
    os.utime(logs / "fig08.log", (0, 0))
    (logs / "fig09.log").touch()
    old = small.standing.picture("galanti2025rank/fig08")
    old.parent.mkdir(parents=True)
    old.touch()  # made before a part of its runs was lost
    small.began = time.time()
    table, _, rest = small.failures().partition("Not made because of it: ")
    assert "  figure/galanti2025rank/fig09\n    it wrote nothing before it ended" in table
    assert "fig08" not in table
    assert "galanti2025rank/fig08" in rest


def test_a_config_that_expands_without_bound_ends_snakemake_at_once(tmp_path):
    lines = ["a0: &a0 {x: 1}"]
    for n in range(1, 40):
        lines.append(f"a{n}: &a{n} {{" + ", ".join(f"k{i}: *a{n - 1}" for i in range(9)) + "}")
    (fresh(tmp_path) / "config.yaml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "config.yaml: holds more than 100000 values" in done.stdout + done.stderr


def test_what_default_resources_cannot_say_is_warned_of(tmp_path):
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1",
               "--default-resources", "slurm_account=foo"]  # fmt: skip
    done = subprocess.run(command, cwd=fresh(tmp_path), capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "--default-resources slurm_account: has no effect" in said
    assert "set `account` in the section `cluster`" in said


@pytest.fixture(scope="module")
def small():
    plan = make_plan(*papers.of_scale("small", root=ROOT))
    return workflow.Invocation(plan, workflow.Standing(plan, workflow.config_text(plan)))


def test_snakemake_says_it_in_one_line(tmp_path):
    folder = fresh(tmp_path)
    command = [sys.executable, "-m", "snakemake", "-n", "results/smoke/figures/x/fig9.svg"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.count("no figure in this config 'x/fig9'; there are: ") == 1
    assert "Traceback" not in done.stdout + done.stderr
