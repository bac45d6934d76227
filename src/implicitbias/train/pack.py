"""A pack is trained from its pack.json to records and provenance.

Checkpoint and progress lie beside it.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..base import provenance
from ..base.allocator import uncollected
from ..base.errors import UserError
from ..base.files import claimed, write_text
from ..plan import packs
from . import checkpoint, procedures
from .progress import say


def train(
    pack_file: Path, data_dir: Path, device: str, threads: int, checkpoint_seconds: float
) -> None:
    """Write `records/` beside pack.json; resume from the checkpoint that lies there, if any."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("device: 'cuda', but torch sees no CUDA device here; set device: cpu")
    with claimed(pack_file, "is being trained"):
        _train(pack_file, data_dir, device, threads, checkpoint_seconds)


def _train(
    pack_file: Path, data_dir: Path, device: str, threads: int, checkpoint_seconds: float
) -> None:
    specs = packs.specs_of(pack_file)
    folder = pack_file.parent
    for part in folder.glob(".*.part"):  # of killed processes: the lock says that none is alive
        part.unlink(missing_ok=True)
    with uncollected():
        run = procedures.load(specs[0].procedure)
    torch: Any = sys.modules.get("torch")  # loaded by the procedures that use it, only by them
    if torch is not None:
        torch.set_num_threads(threads)
    job = procedures.Job(folder.name, folder, data_dir, device, checkpoint_seconds)
    resumed = checkpoint.exists(job.checkpoint)
    say(f"{folder.name}: {len(specs)} runs, " + ("resumed" if resumed else "from the beginning"))
    started, start = datetime.now(UTC), time.monotonic()
    records = run(specs, job)
    seconds = time.monotonic() - start
    if not pack_file.exists():
        raise UserError(f"{folder}: vanished while its pack was trained; nothing is written")
    records.write(folder / "records")
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    facts = {
        "pack": folder.name,
        "runs": len(specs),
        "samples": sum(s.samples for s in specs),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),  # of this process
        "resumed": resumed,  # then `seconds` counts since the last checkpoint before the resume
        "sha256": provenance.hashes(folder / "records"),
        **records.facts,
        **provenance.here(name, threads),
    }
    write_text(folder / "records" / "provenance.json", json.dumps(facts, indent=1) + "\n")
    checkpoint.remove(job.checkpoint)
    job.progress.unlink(missing_ok=True)
    say(f"{folder.name}: complete after {seconds / 60:.1f} min")
