"""The training of a pack, from its pack.json to records and provenance.

Checkpoint and progress files are beside the pack.json.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import data
from ..base import provenance
from ..base.allocator import uncollected
from ..base.errors import UserError
from ..base.locks import held
from ..plan import packs
from ..plan.spec import RunSpec
from . import checkpoint, gpus, procedures, progress
from .progress import say


def train(
    pack_file: Path,
    data_dir: Path,
    device: str,
    threads: int,
    checkpoint_seconds: float,
    wait: bool = False,
    scratch: Path | None = None,
) -> None:
    """Write `records/` beside pack.json; resume from the checkpoint there, if there is one.

    The data sets are read from `data_dir`, or from copies that are made in `scratch`.

    A pack whose records are complete is left unchanged. If another process trains the pack, this
    raises UserError or, with `wait`, waits for that training.
    """
    folder = pack_file.parent
    if _finished(pack_file):
        return
    with held(folder / ".lock", f"pack {folder.name} is being trained", wait):
        if _finished(pack_file):  # by the one that had the lock
            return
        specs = packs.specs_of(pack_file)
        if len({str(s.shape()) for s in specs}) != 1:
            raise UserError(f"{pack_file}: its runs are not of one procedure and one shape")
        near = _near(specs, data_dir, scratch) if scratch else data_dir
        with gpus.taken() if device == "cuda" else nullcontext():
            if device == "cuda":
                _check_cuda()
            _train(pack_file, specs, near, device, threads, checkpoint_seconds)


def _check_cuda() -> None:
    """Raise UserError if torch cannot use a GPU here."""
    import torch

    if not torch.cuda.is_available():
        raise UserError("device: 'cuda', but torch sees no CUDA device here; set device: cpu")


def _near(specs: Sequence[RunSpec], data_dir: Path, scratch: Path) -> Path:
    """Return `scratch` with copies of the data sets, or, with a warning, `data_dir`."""
    try:
        for name in {name for spec in specs for name in spec.datasets}:
            data.copy_near(name, data_dir, scratch)
    except UserError as error:
        say(f"warning: {error}; data are read from {data_dir}")
        return data_dir
    return scratch


def _finished(pack_file: Path) -> bool:
    """Return whether the pack's records are complete, and if so print it."""
    packs.read(pack_file)
    facts = provenance.complete(pack_file.parent)
    if facts is None:
        return False
    with suppress(OSError):  # what a process left that was killed between its records and its end
        checkpoint.remove(pack_file.parent / checkpoint.NAME)
        (pack_file.parent / progress.NAME).unlink(missing_ok=True)
    say(f"{pack_file.parent.name}: complete, trained {facts.get('started')}; nothing to do")
    return True


def _train(
    pack_file: Path, specs: Sequence[RunSpec], data_dir: Path, device: str, threads: int,
    checkpoint_seconds: float,
) -> None:  # fmt: skip
    folder = pack_file.parent
    if why := provenance.unpublishable():
        say(f"warning: {why}")
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
    provenance.write(folder / "records", facts)
    checkpoint.remove(job.checkpoint)
    job.progress.unlink(missing_ok=True)
    say(f"{folder.name}: complete after {seconds / 60:.1f} min")
