"""A checkpoint of a pack in training is checksummed and read without running code.

Two generations are kept. They lie at paths that the workflow does not declare, because declared
outputs are deleted when a job fails, and are removed once the pack's records are written. A file is
the sha256 of the rest, then what `torch.save` writes.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import UserError
from ..base.files import replacing

if TYPE_CHECKING:  # a second to load, which a procedure without torch need not wait for
    import torch

NAME = "checkpoint.pt"  # in the folder of a pack
_ZIP = b"PK\x03\x04"  # the first bytes of a checkpoint from before checksums, still read
_DIGEST = hashlib.sha256().digest_size


def previous(path: Path) -> Path:
    """Return the path of the generation before the newest."""
    return path.with_name(f"{path.name}.previous")


def save(path: Path, state: dict[str, Any]) -> None:
    """Save tensors, numbers, strings, lists and dicts; the checkpoint before this one is kept.

    The folder must exist: one that has vanished is an error, not a place to start anew.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    with replacing(path, make_folders=False) as temporary:
        with open(temporary, "wb") as file:
            file.write(hashlib.sha256(buffer.getbuffer()).digest())
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.replace(path, previous(path))


def load(path: Path, device: torch.device | str) -> dict[str, Any] | None:
    """Return the newest whole state, or None if there is none; warn of a damaged newest one."""
    damaged = []
    for file in (path, previous(path)):
        try:
            state = _read(file, device)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, MemoryError) as error:
            why = getattr(error, "strerror", None) or "memory does not suffice"
            raise UserError(
                f"{file}: cannot be read ({why}); it may well be whole, so nothing is trained until"
                " it can be read or is moved away"
            ) from error
        except Exception as error:  # torch documents no narrower set of errors for damaged files
            damaged.append(f"{file} ({type(error).__name__})")
            continue
        if damaged:
            said = f"warning: damaged checkpoint {damaged[0]}; going on from the one before"
            with suppress(OSError):
                print(said, file=sys.stderr, flush=True)
        return state
    if damaged:
        raise UserError(
            f"{' and '.join(damaged)}: no checkpoint is whole; move them away to train the pack"
            " from its beginning"
        )
    return None


def _read(path: Path, device: torch.device | str) -> dict[str, Any]:
    """Read a checkpoint without executing code: torch.load with `weights_only`."""
    content = memoryview(path.read_bytes())
    if content[: len(_ZIP)] != _ZIP:
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError("checksum")
    import torch

    file = io.BytesIO(content)
    state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
    return state


def exists(path: Path) -> bool:
    """Return whether there is a checkpoint of either generation."""
    return path.exists() or previous(path).exists()


def remove(path: Path) -> None:
    """Remove both generations of a checkpoint."""
    for file in (path, previous(path)):
        file.unlink(missing_ok=True)
