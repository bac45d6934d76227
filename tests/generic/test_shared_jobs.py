"""The executor for SLURM on a stand-in for its commands (slurm_commands.py)."""

import importlib.util
import os
import re
import sys
import time
from pathlib import Path

import one_figure
import pytest
from dry_run import planned
from one_figure import FIGURE, OTHER, finish, packs_by_batch, several, train_log

OPTIONS = ("--profile", "workflow/profiles/slurm", "--seconds-between-status-checks", "2")
COMMANDS = Path(__file__).with_name("slurm_commands.py")


class Cluster:
    """The stand-in's commands, and folders with workflows that are submitted to it."""

    def __init__(self, tmp_path):
        self.bin, self.folder = tmp_path / "bin", tmp_path / "folder"
        self.bin.mkdir()
        for name in ("sbatch", "squeue", "sacct", "scancel", "srun"):
            (self.bin / name).write_text(f"#!{sys.executable}\n{COMMANDS.read_text()}")
            (self.bin / name).chmod(0o755)

    def set(self, name, value=1):
        (self.bin / name).write_text(str(value))

    def start(self, *options):
        path = os.pathsep.join([str(self.bin), "/usr/local/bin:/usr/bin:/bin"])
        return one_figure.start(self.folder, *OPTIONS, *options, where=("env", f"PATH={path}"))

    def submitted(self):
        """The comments of all jobs."""
        files = sorted(self.bin.glob("jobs/*/options"), key=lambda path: int(path.parent.name))
        return [re.search(r"--comment=(.*)", file.read_text())[1] for file in files]

    def requeue(self, job):
        path = self.bin / "commands.py"
        path.write_text(COMMANDS.read_text())
        spec = importlib.util.spec_from_file_location("commands", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.requeue(job)


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def until(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_a_member_that_fails_stops_no_other_and_nothing_complete_is_trained_again(cluster):
    several(cluster.folder)
    process = cluster.start()
    bad = until(lambda: packs_by_batch(cluster.folder).get(64), process)
    (bad / ".lock").mkdir()
    said = finish(process, code=1)
    jobs = cluster.submitted()
    assert jobs[0] == "short_cpu_packs_1, rule train"
    assert sum("train" in job for job in jobs) == 2, "the second is a retry of the bad one alone"
    packs = packs_by_batch(cluster.folder)
    for size in (16, 32):
        assert train_log(packs[size]).count("complete after") == 1
        assert "nothing to do" not in train_log(packs[size])
    figures = cluster.folder / "results/smoke/figures"
    assert (figures / f"{FIGURE}.svg").exists()
    assert not (figures / f"{OTHER}.svg").exists()
    table = said.partition("What failed, and why:")[2]
    assert f"train/{bad.name}" in table
    assert "Is a directory" in table
    assert f"Not made because of it: {OTHER}." in table

    (bad / ".lock").rmdir()
    assert planned(cluster.folder)["train"] == 1
    finish(cluster.start())
    assert train_log(packs[16]).count("complete after") == 1
    assert (figures / f"{OTHER}.svg").exists()


def test_a_job_that_starts_again_goes_on_with_the_member_that_was_stopped(cluster):
    folder = several(cluster.folder, epochs=1000)
    process = cluster.start()
    until(lambda: list(folder.glob(".snakemake/tmp.*/job1/0.ended")), process)
    until(lambda: list(folder.glob("results/smoke/packs/*/checkpoint.pt")), process)
    cluster.requeue("1")
    finish(process)
    logs = [train_log(pack) for pack in packs_by_batch(folder).values()]
    assert len(logs) == 3
    assert all(log.count("complete after") == 1 for log in logs)
    assert all(log.count("from the beginning") == 1 for log in logs)
    assert sum("resumed" in log for log in logs) == 1
    assert sum("train" in job for job in cluster.submitted()) == 1


@pytest.mark.parametrize("accounting", [False, True])
def test_submission_waits_and_jobs_that_the_queue_forgets_are_seen(cluster, accounting):
    several(cluster.folder)
    cluster.set("busy", 2)
    cluster.set("most", 1)
    cluster.set("forgetful")
    if accounting:
        cluster.set("accounting")
    said = finish(cluster.start("--config", "cluster={short_minutes: 0}"))
    assert said.count("Socket timed out") == 1
    assert "AssocMaxSubmitJobLimit" in said
    assert "Trying to restart" not in said, "no retry is spent"
    assert sum("rule_train" in job for job in cluster.submitted()) == 3
    assert (cluster.folder / "results/smoke/report.html").exists()


def test_a_request_that_is_refused_stops_with_the_schedulers_words_once(cluster):
    several(cluster.folder)
    words = (
        "Batch job submission failed: Invalid account or account/partition combination specified"
    )
    cluster.set("refuse", words)
    said = finish(cluster.start(), code=1)
    assert said.count(words) == 1
    assert "Trying to restart" not in said
    assert cluster.submitted() == []
