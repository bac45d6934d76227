"""A SLURM job's script and the books on its members, without Snakemake and without SLURM."""

import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_implicitbias_slurm import Executor, _slurm
from snakemake_executor_plugin_implicitbias_slurm._shared import Member, Shared


def shared_of(folder, commands, inputs=(), **resources):
    jobs = [
        SimpleNamespace(
            threads=1, name="train", jobid=i, attempt=1, wildcards={"pack": f"p{i}"},
            is_group=lambda: False, resources={"runtime": 7, "mem_mb": 100 * (i + 1), **resources},
        )
        for i in range(len(commands))
    ]  # fmt: skip
    pairs = zip(jobs, commands, strict=True)
    return Shared(folder / "job", [Member(job, command, [*inputs], 0.0) for job, command in pairs])


def start(shared):
    return subprocess.Popen(["bash", shared.folder / "members.sh"], start_new_session=True)


def codes(shared):
    return [shared.code(i) for i in range(len(shared.members))]


def test_members_run_one_after_another_and_each_leaves_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared = shared_of(tmp_path, ["echo 1 >> order", "echo 2 >> order; exit 3", "echo 3 >> order"])
    shared.write(0)
    assert start(shared).wait(60) == 1
    assert codes(shared) == [0, 3, 0]
    assert start(shared).wait(60) == 1, "SLURM starts the job again"
    assert (tmp_path / "order").read_text().split() == ["1", "2", "3"], "nothing runs twice"


def test_a_member_waits_for_its_inputs_and_one_that_was_stopped_leaves_no_code(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    stopped = "touch begun; exec sleep 60"
    shared = shared_of(tmp_path, ["cat late", stopped, "true"], ["late"])
    shared.write(60)
    process = start(shared)
    time.sleep(0.5)
    assert codes(shared) == [None] * 3
    (tmp_path / "late").touch()
    while not (tmp_path / "begun").exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert codes(shared) == [0, None, None]
    assert [shared.began(i) for i in range(3)] == [True, True, False]


def test_a_job_asks_for_the_time_of_all_and_for_the_memory_of_one(tmp_path):
    options = shared_of(tmp_path, ["true"] * 3, gpu=1, gpu_model="a100", slurm_account="lab")
    asked = options.request()
    assert {"--time=21", "--mem=300", "--gpus=a100:1", "--account=lab"} <= {*asked}
    assert "--signal=TERM@120" in asked
    assert not any("partition" in option for option in asked)


def bare(shared):
    """An executor that has submitted one job."""
    executor = Executor.__new__(Executor)
    executor.submitted, executor.waiting = {"7": shared}, []
    shared.id, shared.log = "7", shared.folder / "7.log"
    executor.not_before, executor.ends = 0.0, []
    executor.report_job_error = lambda info, **said: executor.ends.append((info.job.jobid, said))
    executor.report_job_success = lambda info: executor.ends.append((info.job.jobid, None))
    return executor


def test_members_that_had_not_begun_are_submitted_again_without_a_retry(tmp_path):
    shared = shared_of(tmp_path, ["true"] * 4)
    shared.write(0)
    (shared.folder / "0.ended").write_text("0\n")
    for index in (0, 1):
        (shared.folder / f"{index}.began").touch()
    executor = bare(shared)
    executor._look(shared)
    executor._over(shared, "TIMEOUT")
    assert [job for job, _ in executor.ends] == [0, 1]
    assert "TIMEOUT" in executor.ends[1][1]["msg"]
    assert executor.waiting == shared.members[2:]
    assert not executor.submitted


def test_a_job_none_of_whose_members_began_has_failed(tmp_path):
    shared = shared_of(tmp_path, ["true"] * 2)
    shared.write(0)
    executor = bare(shared)
    executor._over(shared, "NODE_FAIL")
    assert [job for job, _ in executor.ends] == [0, 1]
    assert executor.waiting == []


POLICY = "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ...)"


@pytest.mark.parametrize(
    ("words", "others", "error"),
    [
        ("Batch job submission failed: Socket timed out on send/recv operation", False, "Busy"),
        ("Batch job submission failed: Unable to contact slurm controller", False, "Busy"),
        ("Slurm temporarily unable to accept job, sleeping and retrying", False, "Busy"),
        (f"AssocMaxSubmitJobLimit {POLICY}", False, "Busy"),
        (POLICY, True, "Busy"),
        (POLICY, False, "Refused"),
        ("invalid partition specified: nope", True, "Refused"),
        ("Batch job submission failed: Requested node configuration is not available", True,
         "Refused"),
    ],
)  # fmt: skip
def test_what_passes_is_told_from_what_does_not(tmp_path, monkeypatch, words, others, error):
    (tmp_path / "sbatch").write_text(f'#!/bin/sh\necho "sbatch: error: {words}" >&2\nexit 1\n')
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(getattr(_slurm, error), match=words.split()[0]):
        _slurm.submit([], "true", others)
