"""One GPU for each training: a free one of those that are visible, held by a lock.

The kernel releases the lock however the process ends. CUDA_VISIBLE_DEVICES is respected. A single
device that a scheduler has given to its job is taken without a lock, because schedulers may number
the devices of every job from 0.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base import locks
from ..base.errors import UserError
from .progress import say

VISIBLE = "CUDA_VISIBLE_DEVICES"
_SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "KUBERNETES_SERVICE_HOST")
_ASK_EVERY_S, _SAY_EVERY_S = 1.0, 600.0


def visible() -> list[str]:
    """Return the names of the GPUs that this process may use, as in CUDA_VISIBLE_DEVICES."""
    given = os.environ.get(VISIBLE)
    if given is not None:
        names = [name.strip() for name in given.split(",") if name.strip()]
        return names[: names.index("-1")] if "-1" in names else names
    devices = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return sorted((match[1] for match in devices if match), key=int)


@contextmanager
def taken() -> Iterator[str | None]:
    """Hold a free GPU, the only one that CUDA then sees; wait, and report it, while none is free.

    Yields the GPU's name, or None where the GPUs of this machine are not known or a scheduler gave
    one. In these cases CUDA sees the same GPUs as before.
    """
    names = visible()
    if not names or (len(names) == 1 and any(name in os.environ for name in _SCHEDULERS)):
        yield None
        return
    name, path = _first_free(names)
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = name
    try:
        yield name
    finally:
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before
        locks.release(*path)


def _first_free(names: list[str]) -> tuple[str, tuple[locks.Held, Path]]:
    folder = Path(tempfile.gettempdir()) / f"implicitbias-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    said = -_SAY_EVERY_S
    while True:
        for name in names:
            path = folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock"
            try:
                return name, (locks.take(path, f"GPU {name} is in use"), path)
            except UserError as error:
                if not path.exists() and not os.access(folder, os.W_OK):
                    raise UserError(f"no GPU can be reserved: {error}") from None
        if time.monotonic() - said >= _SAY_EVERY_S:
            said = time.monotonic()
            say(f"all of {len(names)} GPUs ({', '.join(names)}) train packs: waiting for one")
        time.sleep(_ASK_EVERY_S)
