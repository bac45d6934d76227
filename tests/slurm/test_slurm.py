"""The workflow on a real SLURM cluster of one machine (one_machine.py)."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import one_machine
import pytest
from login_node import PROFILE, finished, queue, said, waited

# A group of its own: on another process, while that of `made` is being made.
pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

# One pack of about 20 s in a job of its own, with a checkpoint every second.
LONG = """\
checkpoint_seconds: 1
retries: 1
cluster: {short_minutes: 0}
sweeps: {mlp_bn_wide: {base: {epochs: 400, record_every: 100}, seeds: [0]}}
"""
OPTIONS = ("--profile", PROFILE, "--configfile", "mine.yaml")
IMPLICITBIAS = (sys.executable, "-m", "implicitbias")
RECORDS = ("scalars.parquet", "arrays.parquet")


def pack_of(login, text):
    """The pack of figure 6 under a config of one's own, and its provenance as a target."""
    (login.folder / "mine.yaml").write_text(text)
    options = ("--scale", "smoke", "--configfile", "mine.yaml")
    facts = json.loads(finished(login.run(*IMPLICITBIAS, "plan", "--json", *options)))
    (pack,) = [name for name in facts["packs"] if name.startswith("mlp_bn-digits-b6-")]
    return pack, f"results/smoke/packs/{pack}/records/provenance.json"


class Training:
    """The training of a pack, as seen from outside."""

    def __init__(self, login, pack):
        self.login, self.last = login, None
        self.folder = login.folder / "results" / "smoke" / "packs" / pack
        self.log = login.folder / "results" / "smoke" / "logs" / "train" / f"{pack}.log"

    def process(self):
        """The id of a process that was not there before."""
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_text().split("\0")
                here = (entry / "cwd").readlink() == self.login.folder
            except (OSError, UnicodeDecodeError):
                continue
            ours = words[1:4] == ["-m", "implicitbias", "train"] and words[4].startswith("results/")
            if here and ours and int(entry.name) != self.last:
                return int(entry.name)
        return None

    def frozen(self, snakemake, resumed):
        """Wait for a new process and a checkpoint of its own, then stop its clock.

        SLURM's signals wake it again; without this a fast machine would be done too soon.
        """
        self.last = waited(self.process, snakemake)
        how = ", resumed" if resumed else ", from the beginning"
        waited(lambda: self.log.exists() and how in self.log.read_text(), snakemake)
        state = self.folder / "checkpoint.pt"
        before = state.stat().st_mtime_ns if resumed else 0
        waited(lambda: state.exists() and state.stat().st_mtime_ns > before, snakemake)
        os.kill(self.last, signal.SIGSTOP)

    def alone(self):
        """The same pack trained without SLURM and without interruption, meanwhile."""
        folder = self.login.folder / "alone" / self.folder.name
        folder.mkdir(parents=True)
        shutil.copy(self.folder / "pack.json", folder)
        return folder, self.login.run(*IMPLICITBIAS, "train", str(folder / "pack.json"))


def test_a_pack_lives_through_whatever_a_cluster_does_to_it(cluster, login):
    """Preempted, its node lost, cancelled; started again by hand, stopped by its time limit."""
    pack, target = pack_of(login, LONG)
    snakemake, training = login.start(target, *OPTIONS), Training(login, pack)
    training.frozen(snakemake, resumed=False)
    ((job, _, comment, minutes, _, name),) = queue()
    assert comment == f"rule_train_wildcards_{pack}"
    assert name.startswith("implicitbias")
    assert "gres" not in said("scontrol", "show", "job", job), "a CPU is enough for it"
    assert f"[smoke] {pack}: 1 runs" in finished(login.run(*IMPLICITBIAS, "status"))
    folder, alone = training.alone()

    urgent = ("sbatch", "-p", "urgent", "-c", str(one_machine.CPUS), "-o", "/dev/null")
    said(*urgent, "--wrap", "true")
    training.frozen(snakemake, resumed=True)
    assert [j[0] for j in queue()] == [job], "preempted: SLURM started the same job again"

    one_machine.lose_node(cluster)
    one_machine.restore_node()
    training.frozen(snakemake, resumed=True)
    # A node lost: SLURM starts it again, or Snakemake does, where it asked in between.
    jobs = [in_queue()]
    said("scancel", jobs[-1])
    while waited(lambda: training.process() or snakemake.poll()) != 1:
        training.frozen(snakemake, resumed=True)
        jobs.append(in_queue())
        said("scancel", jobs[-1])
    assert len(set(jobs)) == len(jobs) <= 2, "Snakemake tries again, as often as it was told"
    output = finished(snakemake, well=False)
    assert f"{jobs[-1]}.log" in output, "the error names SLURM's log"
    assert training.log.name in output, "and the rule's"

    snakemake = login.start(target, *OPTIONS)
    training.frozen(snakemake, resumed=True)
    second = in_queue()
    said("scontrol", "update", f"JobId={second}", "EndTime=now+1")
    third = waited(lambda: [j for j in queue() if j[0] != second], snakemake)
    assert in_minutes(third[0][3]) == 2 * in_minutes(minutes), "more time for the second attempt"
    assert "TIMEOUT" in finished(snakemake)
    assert json.loads((login.folder / target).read_text())["resumed"] is True

    finished(alone)
    for records in RECORDS:
        there, here = (f / "records" / records for f in (training.folder, folder))
        assert there.read_bytes() == here.read_bytes(), "as if nothing had happened"


def in_queue():
    """The id of the only job."""
    ((job, *_),) = queue()
    return job


def in_minutes(text):
    """squeue's [days-][hours:]minutes:seconds."""
    days, _, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    hours = parts[-3] if len(parts) == 3 else 0
    return int(days or 0) * 1440 + hours * 60 + parts[-2]


def test_a_job_that_wants_a_gpu_waits_until_one_is_free(cluster, login):
    hold = ("sbatch", "--parsable", f"--gpus={one_machine.GPUS}", "-o", "/dev/null")
    holder = said(*hold, "--wrap", "sleep 300")
    _, target = pack_of(login, "cluster: {short_minutes: 0, cpu: {partition: gpu}}\n")
    snakemake = login.start(target, *OPTIONS, "--set-resources", "train:gpu=1")
    waiting = waited(
        lambda: [j for j in queue() if "rule_train" in j[2] and j[4] == "Resources"], snakemake
    )
    ((job, state, *_),) = waiting
    assert state == "PENDING"
    assert "TresPerJob=gres:gpu:1" in said("scontrol", "show", "job", job)
    said("scancel", holder)
    finished(snakemake)
    assert (login.folder / target).exists()
