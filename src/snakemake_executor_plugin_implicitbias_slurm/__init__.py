"""An executor of Snakemake for SLURM: `--executor implicitbias-slurm`.

Jobs that the plan has put together run in one SLURM job, and each of them succeeds or fails on its
own. A job's commands run without a further Snakemake. Their ends are seen in files that they leave,
within seconds. Where SLURM takes no job at the moment the executor waits, and where it refuses a
request for good the workflow stops with SLURM's words.
"""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake.shell import shell
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from . import _slurm
from ._settings import ExecutorSettings, common_settings
from ._shared import Member, Shared

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

LOOK_S = 2  # between two looks at the files of members
QUIET_S = 5.0  # without a new member, while nothing else runs, before a SLURM job is submitted
SURE, UNSURE = 2, 3  # answers in a row by which a job is over whose members left no exit code
_LEAST_WAIT_S, _MOST_WAIT_S = 5.0, 120.0  # before sbatch is tried again
# After these SLURM may start the job again, or files of members may not be visible yet.
_UNSURE = (None, "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "COMPLETED")


class Executor(RemoteExecutor):
    """Submits jobs to SLURM, many of them in one SLURM job, and reports their ends."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        """Start with an empty queue; the thread that looks at jobs starts in here."""
        self.name = f"implicitbias-{uuid.uuid4()}"
        self.waiting: list[Member] = []
        self.submitted: dict[str, Shared] = {}
        self.stopped = False
        self.number = 0
        self.asked, self.not_before, self.wait_s = 0.0, 0.0, _LEAST_WAIT_S
        self.said = ""
        super().__init__(workflow, logger)
        self.next_seconds_between_status_checks = LOOK_S
        logger.info(f"SLURM jobs of this run are named {self.name}.")

    def run_jobs(self, jobs: list[Any]) -> None:
        """Let jobs wait for others that share their SLURM job."""
        for job in jobs:
            self.run_job_pre(job)
            self.run_job(job)

    def run_job(self, job: Any) -> None:
        """Let a job wait for others that share its SLURM job."""
        inputs = [str(path) for path in job.get_wait_for_files()]
        self.waiting.append(Member(job, self._command(job), inputs, time.monotonic()))

    def additional_general_args(self) -> str:
        """Return nothing: a Snakemake in a job, where one is needed, runs the job itself."""
        return ""

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report jobs that have ended, yield the others, and submit what is ready."""
        every = self.workflow.remote_execution_settings.seconds_between_status_checks
        if self.submitted and time.monotonic() - self.asked >= every:
            self._ask()
        for shared in list(self.submitted.values()):
            self._look(shared)
        for info in active_jobs:
            shared, index = info.aux["shared"], info.aux["index"]
            if index not in shared.reported:
                yield info
        if not self.stopped:
            self._submit_what_is_due()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel every SLURM job, and submit no more."""
        self.stopped = True
        _slurm.cancel(list(self.submitted))

    def shutdown(self) -> None:
        """Stop looking; a job that was submitted while all were cancelled is cancelled, too."""
        super().shutdown()
        if self.stopped:
            _slurm.cancel(list(self.submitted))

    def _command(self, job: Any) -> str:
        """Return the command of a job; only one that needs an environment starts a Snakemake."""
        if (
            job.is_group()
            or not job.is_shell
            or self.workflow.deployment_settings.deployment_method
        ):
            return str(self.format_job_exec(job))
        threads = " ".join(
            f"{name}_NUM_THREADS={job.threads}" for name in ("OMP", "GOTO", "OPENBLAS", "MKL")
        )
        return f"export {threads}; {shell._get_process_prefix('bash')}{job.shellcmd}"

    def _ask(self) -> None:
        """Ask SLURM for the states of all jobs, and report the members of jobs that have ended."""
        self.asked = time.monotonic()
        states = _slurm.states(self.name, self.submitted)
        for id, state in (states or {}).items():
            shared = self.submitted[id]
            self._look(shared)  # once more: its last member may have ended before SLURM answered
            if state in _slurm.ALIVE:
                shared.doubts, shared.last = 0, None
            elif shared.id in self.submitted:
                shared.doubts, shared.last = shared.doubts + 1, state or shared.last
                if shared.doubts >= (UNSURE if shared.last in _UNSURE else SURE):
                    self._over(shared, shared.last)

    def _look(self, shared: Shared) -> None:
        """Report the members of a SLURM job that have left their exit code."""
        for index in shared.open():
            if (code := shared.code(index)) is not None:
                self._report(shared, index, "" if code == 0 else f"exit code {code}")

    def _over(self, shared: Shared, state: str | None) -> None:
        """Deal with the members that have not ended, of a SLURM job that has.

        Those that had begun have failed. The others are submitted again, unless none had begun.
        """
        open = shared.open()
        any_began = any(map(shared.began, range(len(shared.members))))
        for index in open:
            if any_began and not shared.began(index):
                shared.reported.add(index)
                shared.members[index].ready = -math.inf  # it has waited for others already
                self.waiting.append(shared.members[index])
            else:
                self._report(shared, index, state or "SLURM does not know it any more")
        self.submitted.pop(shared.id, None)

    def _report(self, shared: Shared, index: int, failure: str) -> None:
        shared.reported.add(index)
        info = SubmittedJobInfo(shared.members[index].job, shared.id)
        if failure:
            said = f"SLURM job {shared.id}: {failure}. "
            self.report_job_error(info, msg=said, aux_logs=[str(shared.log)])
        else:
            self.report_job_success(info)
        if not shared.open():
            self.submitted.pop(shared.id, None)
            self.not_before = 0.0  # there may be room for another
            if not any(shared.code(i) for i in range(len(shared.members))):
                shared.log.unlink(missing_ok=True)

    def _due(self) -> list[list[Member]]:
        """Return the members that need not wait any longer, by SLURM job; the first first."""
        groups: dict[tuple[str, str], list[Member]] = {}
        for member in self.waiting:
            groups.setdefault(member.key, []).append(member)
        now, settings = time.monotonic(), self.workflow.executor_settings
        idle = len(self.workflow.scheduler.running) <= len(self.waiting)
        due = [
            members for members in groups.values()
            if len(members) >= members[0].expected
            or now - members[-1].ready >= (QUIET_S if idle else settings.gather_seconds)
        ]  # fmt: skip
        return sorted(due, key=lambda members: -max(one.job.priority for one in members))

    def _submit_what_is_due(self) -> None:
        if time.monotonic() < self.not_before:
            return
        for members in self._due():
            if self.stopped or len(self.submitted) >= self.workflow.executor_settings.queue:
                return
            try:
                self._submit(members)
            except _slurm.Busy as error:
                self._wait(str(error))
                return
            except _slurm.Refused as error:
                self._refused(members, str(error))
                return
            except OSError as error:  # of a folder of theirs
                self._failed(members, str(error))

    def _submit(self, members: list[Member]) -> None:
        self.number += 1
        shared = Shared(Path(self.tmpdir) / f"job{self.number}", members)
        for one in members:
            for path in map(Path, [*one.job.output, *one.job.log]):
                path.parent.mkdir(parents=True, exist_ok=True)
            for path in map(Path, one.job.output):
                path.unlink(missing_ok=True)  # as Snakemake does before it runs a job
        script = shared.write(int(self.workflow.execution_settings.latency_wait))
        logs = Path(self.workflow.executor_settings.logdir).absolute()
        logs.mkdir(parents=True, exist_ok=True)
        options = [
            f"--job-name={self.name}", f"--comment={shared.label}", f"--output={logs}/%j.log",
            "--open-mode=append", "--export=ALL", "--requeue", f"--chdir={os.getcwd()}",
            *shared.request(),
        ]  # fmt: skip
        shared.id = _slurm.submit(options, script, others=bool(self.submitted))
        shared.log = logs / f"{shared.id}.log"
        if lost := self.submitted.get(shared.id):  # a SLURM that lost its state counts anew
            self._over(lost, None)
        self.submitted[shared.id] = shared
        self.wait_s = _LEAST_WAIT_S
        for one in members:
            self.waiting.remove(one)
        names = (
            f"Job {members[0].job.jobid} has" if len(members) == 1 else f"{len(members)} jobs have"
        )
        self.logger.info(
            f"{names} been submitted with SLURM jobid {shared.id}"
            f" ({shared.label}; log: {shared.log})."
        )
        for index, one in enumerate(members):
            aux = {"shared": shared, "index": index}
            self.report_job_submission(SubmittedJobInfo(one.job, shared.id, aux))

    def _wait(self, said: str) -> None:
        """Try again later, and say so once."""
        self.not_before = time.monotonic() + self.wait_s
        self.wait_s = min(2 * self.wait_s, _MOST_WAIT_S)
        if said != self.said:
            self.said = said
            self.logger.warning(
                f"sbatch says: {said}. It is tried again until SLURM takes the job."
            )

    def _refused(self, members: list[Member], said: str) -> None:
        """Stop the workflow with SLURM's words; what it runs is cancelled and can be resumed.

        A further attempt asks for more. If only that is refused, the attempt has failed.
        """
        words = f"SLURM refuses a job ({Shared(Path(), members).label}): {said}"
        if any(one.job.attempt > 1 for one in members):
            self._failed(members, words)
            return
        self.cancel_jobs([])
        self.workflow.scheduler.executor_error_callback(WorkflowError(words))

    def _failed(self, members: list[Member], words: str) -> None:
        for one in members:
            self.waiting.remove(one)
            self.report_job_error(SubmittedJobInfo(one.job), msg=f"{words}. ")
