"""The live progress of the packs in training is read from the files beside them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ..base.errors import UserError
from . import progress

STALE_S = 60.0


def lines(results: Path) -> list[str]:
    """Return one line a running pack, of every scale under `results`; a silent one is said to be.

    UserError where there is no such folder.
    """
    if not results.is_dir():
        raise UserError(f"{results}: no such folder of results")
    running = []
    for path in sorted(results.glob("*/packs/*/progress.json")):
        state = progress.read(path)
        silent = _age(path)
        if state is None or silent is None:
            continue
        note = f" (no sign of life for {silent / 60:.0f} min)" if silent > STALE_S else ""
        running.append(f"[{path.parts[-4]}] {progress.line(state)}{note}")
    return running or ["no pack is in training"]


def _age(path: Path) -> float | None:
    """Return the seconds since `path` was written, both times by the clock of its file system.

    The clock of the node that trains and of the host that asks may differ. None if it is gone.
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
