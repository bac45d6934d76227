"""Packs that share a job, on a real SLURM cluster of one machine."""

import shutil

import pytest
import yaml
from login_node import PROFILE, finished, queue, said, waited
from one_figure import FIGURE, OTHER, packs_by_batch, several, train_log

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]


@pytest.fixture
def three(login):
    """A login node with a workflow of three packs of some seconds."""
    profile = (login.folder / PROFILE / "config.yaml").read_text()
    shutil.rmtree(login.folder / "workflow")
    (login.folder / "profiles").unlink()
    several(login.folder, epochs=1000)
    (login.folder / PROFILE / "config.yaml").write_text(profile)
    return login


def test_a_job_that_is_started_again_with_a_member_that_fails_loses_nothing(cluster, three):
    snakemake = three.start("--profile", PROFILE)
    packs = waited(lambda: len(found := packs_by_batch(three.folder)) == 3 and found, snakemake)
    (packs[16] / ".lock").mkdir()
    ((job, _, comment, *_),) = waited(queue, snakemake)
    assert comment == "short_cpu_packs_1, rule train"
    waited(lambda: any("complete after" in train_log(p) for p in packs.values()), snakemake)
    waited(lambda: any((p / "checkpoint.pt").exists() for p in packs.values()), snakemake)
    said("scontrol", "requeue", job)
    output = finished(snakemake, well=False)
    assert packs[16].name in output.partition("What failed, and why:")[2]
    logs = [train_log(packs[32]), train_log(packs[64])]
    assert [log.count("from the beginning") for log in logs] == [1, 1]
    assert [log.count("complete after") for log in logs] == [1, 1]
    assert sum("resumed" in log for log in logs) == 1
    figures = three.folder / "results/smoke/figures"
    assert not (figures / f"{FIGURE}.svg").exists()
    assert (figures / f"{OTHER}.svg").exists()
    (packs[16] / ".lock").rmdir()
    finished(three.start("--profile", PROFILE))
    assert [train_log(packs[32]), train_log(packs[64])] == logs, "nothing complete is trained again"


def test_a_partition_that_does_not_exist_is_said_once(cluster, three):
    file = three.folder / "config.yaml"
    tree = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**tree, "cluster": {"cpu": {"partition": "nope"}}}))
    output = finished(three.start("--profile", PROFILE), well=False)
    assert output.count("invalid partition specified: nope") == 1
    assert "Trying to restart" not in output
