"""The profile for schedulers without a plugin, on a stand-in for PBS (scheduler.py)."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import one_figure
import pytest
from smoke import ROOT

PROFILE = "workflow/profiles/pbs"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with the workflow of one figure, and the stand-in's commands on the path."""
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("qsub", "qstat", "qdel"):
        text = Path(__file__).with_name("scheduler.py").read_text()
        (bin / name).write_text(f"#!{sys.executable}\n{text}")
        (bin / name).chmod(0o755)
    path = [str(bin), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    return one_figure.fresh(tmp_path / "folder", one_figure.HOSTILE)


def run(folder, *options):
    command = [sys.executable, "-m", "snakemake", "--profile", PROFILE, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def asked(folder):
    """The options of every job that was submitted."""
    files = sorted(folder.parent.glob("bin/jobs/*/options.json"))
    return [json.loads(file.read_text()) for file in files]


# What the first job makes is seen three seconds after the job has ended.
SLOW_DISK = """#!/bin/sh
sh "$1"
status=$?
if mkdir late 2> /dev/null; then
  mv results/smoke/packs/*/records late
  (sleep 3; mv late/records results/smoke/packs/*/) &
fi
exit $status
"""


def test_the_workflow_runs_on_a_slow_disk_and_gives_the_tables_of_a_local_run(
    cluster, tmp_path, monkeypatch
):
    shell = tmp_path / "shell"
    shell.write_text(SLOW_DISK)
    shell.chmod(0o755)
    monkeypatch.setenv("STANDIN_SHELL", str(shell))
    code, said = run(cluster, "--seconds-between-status-checks", "1")
    assert code == 0, said
    assert (cluster / "late").exists()
    jobs = asked(cluster)
    assert 0 < len(jobs) <= 4, "training, and what the figure needs"
    assert not list(tmp_path.rglob("injected"))
    for options in jobs:
        assert options[options.index("-N") + 1].startswith("implicitbias")
        assert any(word.startswith("select=1:ncpus=1:mem=") for word in options)
        assert not any("ngpus" in word for word in options), "a CPU is enough for all of it"
    local = one_figure.fresh(tmp_path / "local")
    one_figure.finish(one_figure.start(local))
    tables = sorted(p.relative_to(local) for p in local.glob("results/smoke/tables/*/*.parquet"))
    assert tables
    for table in tables:
        assert (cluster / table).read_bytes() == (local / table).read_bytes()


def test_a_job_that_fails_is_tried_again_and_then_is_an_error(cluster, monkeypatch):
    monkeypatch.setenv("STANDIN_SHELL", "false")
    code, said = run(cluster, "--seconds-between-status-checks", "1", "--config", "retries=1")
    assert code != 0
    assert "Trying to restart" in said
    assert len(asked(cluster)) == 2


def pbs():
    spec = importlib.util.spec_from_file_location("pbs", ROOT / PROFILE / "pbs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_a_job_asks_for_is_said_to_qsub():
    resources = {
        "mem_mb": 2048,
        "runtime": 135,
        "gpu": 1,
        "slurm_partition": "long",
        "slurm_account": "",
    }
    options = pbs().request({"threads": 2, "resources": resources, "wildcards": {"pack": "p-1"}})
    assert options == [
        "-N", "implicitbias-p-1", "-j", "oe", "-o", "logs/pbs/",
        "-l", "select=1:ncpus=2:mem=2048mb:ngpus=1", "-l", "walltime=2:15:00", "-q", "long",
    ]  # fmt: skip
