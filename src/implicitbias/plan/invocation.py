"""One call of `snakemake` on a plan: its targets, its lock, and its message after a failure."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Any

from .. import data
from ..base import locks, provenance, registry
from ..base.errors import UserError
from .plan import Plan
from .resources import Resources
from .standing import Standing


def forced(settings: Any) -> bool:
    """Return whether Snakemake's `dag_settings` ask for existing outputs to be made again."""
    return bool(settings.forceall or settings.forcetargets or settings.forcerun)


# Resources of jobs that the section `cluster` of the config decides, also where it has no value.
_OF_CLUSTER = {"slurm_account": "account", "slurm_partition": "partition",
               "constraint": "constraint"}  # fmt: skip


def overruled(defaults: Collection[str]) -> list[str]:
    """Return a warning for each resource in `--default-resources` that the config decides."""
    return [
        f"--default-resources {name}: has no effect on the jobs of this workflow;"
        f" set `{key}` in the section `cluster` of the config"
        for name, key in _OF_CLUSTER.items()
        if name in defaults
    ]


CURRENT: Invocation | None = None  # of this process, for the console that shows its progress


class Invocation:
    """What the hooks of the workflow need."""

    def __init__(self, plan: Plan, standing: Standing) -> None:
        self.plan, self.standing = plan, standing
        self.lock: IO[str] | None = None

    def check_writable(self) -> None:
        """Refuse results that cannot be written, before the first job, unless all is made."""
        if self.standing.report in self.standing.right:
            return
        folder = self.plan.results
        there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"{folder}: results cannot be written here ({there} is not writable)")

    def check_targets(self, words: Sequence[str]) -> None:
        """Refuse words of the command line that are files of results or data that nothing makes."""
        results, kinds = self.plan.results.parts, ("figures", "tables", "claims", "packs")
        for word in words:
            parts = Path(word).parts
            if parts[: len(results)] == results:
                self._check(word, parts[len(results) :])
            elif len(parts) > 3 and parts[0] == results[0] and parts[2] in kinds:
                raise UserError(
                    f"{word}: the scale is {self.plan.config.scale};"
                    f" ask for another with --config scale={parts[1]}"
                )
            elif Path(word).parent == Path(self.plan.config.data_dir) and word.endswith(".npz"):
                registry.known("data set", Path(word).stem, data.names(), word)

    def _check(self, target: str, inside: tuple[str, ...]) -> None:
        match inside:
            case ("figures" | "tables" | "claims", paper, file):
                self.plan.check_figure(f"{paper}/{file.partition('.')[0]}", target)
            case ("packs", pack, *_):
                registry.known("pack in this config", pack, tuple(self.plan.packs), target)

    def begin(self, settings: Any) -> None:
        """Take the lock of results/<scale>, and let packs be trained again that are forced to."""
        global CURRENT
        CURRENT = self
        again = {*settings.forcerun, *(settings.targets if settings.forcetargets else ())}
        folder = self.plan.results
        folder.mkdir(parents=True, exist_ok=True)
        self.began = time.time()
        self.lock = locks.take(folder / ".lock", f"{folder} is being made")
        for name in self.plan.packs:
            if settings.forceall or again & {"train", str(self.standing.provenance(name))}:
                provenance.forget(self.plan.pack_folder(name))

    def planned_seconds(self) -> dict[str, float]:
        """Return the estimated seconds of each training that is to be done."""
        estimates = Resources(self.plan)
        new = (name for name in self.plan.packs if not self.plan.trained(name))
        return {name: estimates.seconds(name) for name in new}

    def end(self) -> None:
        """Release the lock of results/<scale>."""
        if self.lock is not None:
            locks.release(self.lock, self.plan.results / ".lock")

    def failures(self) -> str:
        """Return a table of failures, causes and missing outputs, and the command to continue."""
        logs = self.plan.results / "logs"
        standing = Standing(self.plan, self.standing.config_text)  # as it is now
        wanted = {
            **{f"data/{name}": Path(self.plan.config.data_dir) / f"{name}.npz"
               for one in self.plan.runs.values() for name in one.datasets},
            **{f"train/{name}": standing.provenance(name) for name in self.plan.packs},
            **{f"measure/{key}": standing.table(key) for key in self.plan.figures},
            **{f"figure/{key}": standing.picture(key) for key in self.plan.figures},
            "report": standing.report,
        }  # fmt: skip
        lacking = {
            path
            for key, one in self.plan.figures.items()
            if not all(map(self.plan.trained, one.packs))
            for path in (standing.table(key), standing.picture(key))
        } | standing.stale  # what is there of an earlier time
        missing = [job for job, path in wanted.items() if not path.exists() or path in lacking]
        rows = ["What failed, and why:"]
        for job in missing:
            log = logs / f"{job}.log"
            if (said := last_lines(log, self.began)) is not None:
                said = said or ["it wrote nothing before it ended; it may have been killed"]
                rows += [f"  {job}", *(f"    {line}" for line in said), f"    log: {log}"]
        figures = [job.partition("/")[2] for job in missing if job.startswith("figure/")]
        if figures:
            rows.append(f"Not made because of it: {', '.join(figures)}.")
        command = shlex.join(["snakemake", *sys.argv[1:]])
        rows.append(f"What is finished stays. To go on, once the cause is gone: {command}")
        return "\n".join(rows)


def last_lines(path: Path, since: float, most: int = 3) -> list[str] | None:
    """Return the last lines of a log that was written since a time; None for an older one."""
    try:
        if path.stat().st_mtime < since - 2:  # clocks of file systems
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return ["".join(c if c.isprintable() else "?" for c in s) for s in text.splitlines()[-most:]]
