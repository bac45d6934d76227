"""Live progress of the packs that are in training, from the files beside them."""

from __future__ import annotations

import time
from pathlib import Path

from . import progress

STALE_S = 60.0


def lines(results: Path) -> list[str]:
    """One line a running pack, of every scale under `results`; a silent one is said to be."""
    found = []
    for path in sorted(results.glob("*/packs/*/progress.json")):
        state = progress.read(path)
        if state is None:
            continue
        silent = time.time() - state.updated
        note = f" (no sign of life for {silent / 60:.0f} min)" if silent > STALE_S else ""
        found.append(f"[{path.parts[-4]}] {progress.line(state)}{note}")
    return found or ["no pack is in training"]
