"""The progress of training, read from the plan of each scale and the files beside its packs."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from ..base import provenance
from ..base.errors import UserError, counted, printable
from ..plan.forecast import spoken
from ..plan.plan import Plan, of_results
from ..plan.resources import Resources
from . import progress, queued
from .progress import Progress

STALE_S = 60.0


def lines(results: Path) -> list[str]:
    """Return lines on what every scale under `results` has done, is training, and what failed.

    For a scale that the workflow has begun, one line says how many of all packs are done and how
    long the others take. A line follows for each pack in training, and for each pack that failed. A
    pack that no longer reports is called silent. The last lines are on jobs that wait in SLURM's
    queue. UserError where there is no such folder.
    """
    if not results.is_dir():
        raise UserError(f"{results}: no such folder of results")
    said: list[str] = []
    training = 0
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        running, failed = _running(folder), _failed(folder)
        training += len(running)
        said += _whole(folder, running, failed)
        said += [f"[{folder.name}] {line}" for _, line in running.values()]
        said += [f"[{folder.name}] {name}: failed: {why}" for name, why in failed.items()]
    said += queued.lines()
    return said if training else [*said, "no pack is in training"]


def _running(folder: Path) -> dict[str, tuple[Progress, str]]:
    """Return the state and the line of each pack of a scale that has a progress file."""
    found = {}
    for path in sorted(folder.glob("packs/*/progress.json")):
        state, silent = progress.read(path), _age(path)
        if state is None or silent is None:
            continue
        note = f" (no sign of life for {silent / 60:.0f} min)" if silent > STALE_S else ""
        if not (note and _failure(folder, path.parent.name)):
            found[path.parent.name] = state, f"{progress.line(state)}{note}"
    return found


def _failed(folder: Path) -> dict[str, str]:
    """Return why packs of a scale failed that are neither complete nor in training again."""
    names = sorted(path.stem for path in (folder / "logs" / "train").glob("*.log"))
    found = {name: _failure(folder, name) for name in names}
    return {name: why for name, why in found.items() if why}


def _whole(
    folder: Path, running: Mapping[str, tuple[Progress, str]], failed: Collection[str]
) -> list[str]:
    """Return the line of a scale that the workflow has begun."""
    file = folder / "config.json"
    if not file.is_file():
        return []
    try:
        plan = of_results(folder)
        left = _left(plan, running)
    except UserError as error:
        return [f"[{folder.name}] {printable(str(error))}"]
    counts = {
        "done": sum(map(plan.trained, plan.packs)),
        "in training": len(running),
        "failed": len([name for name in failed if name in plan.packs]),
    }
    counts["to come"] = max(0, len(plan.packs) - sum(counts.values()))
    of = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "done")
    return [f"[{folder.name}] {counted(len(plan.packs), 'pack')}: {of}{left}"]


def _left(plan: Plan, running: Mapping[str, tuple[Progress, str]]) -> str:
    """Return how long the remaining packs take, with as many at once as are in training now."""
    seconds = Resources(plan).seconds
    left = {name: seconds(name) for name in plan.packs if not plan.trained(name)}
    for name, (state, _) in running.items():
        if math.isfinite(state.remaining_s):
            left[name] = state.remaining_s
    if not left:
        return ""
    at_once = max(1, len(running))
    return f"; about {spoken(sum(left.values()) / at_once)} left with {at_once} at once"


def _failure(folder: Path, name: str) -> str:
    """Return the error with which the log of an incomplete pack's training ends, or ""."""
    if provenance.there(folder / "packs" / name):
        return ""
    path = folder / "logs" / "train" / f"{name}.log"
    try:
        said = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    last = said[-1] if said else ""
    return (
        f"{printable(last.removeprefix('error: '))} (log: {path})"
        if last.startswith("error: ")
        else ""
    )


def _age(path: Path) -> float | None:
    """Return the seconds since `path` was written, with both times by the clock of its file system.

    The clocks of the node that trains and of the host that asks may differ. None if the file is
    gone.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parents[3]) as file:
            now = Path(f"/proc/self/fd/{file.fileno()}").stat().st_mtime
    except OSError:
        now = time.time()
    try:
        return now - path.stat().st_mtime
    except OSError:
        return None
