"""These functions write a file whole or not at all, lock it, and hash values for names."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import UserError


@contextmanager
def replacing(path: Path, make_folders: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; if the block ends well, it becomes `path`, after fsync.

    A reader sees the old file or the new one, never a part; a failed block leaves the old one.
    """
    # Not the process id: on another machine of a shared disk there may be the same.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if make_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync a folder to disk, so that a new name in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, make_folders: bool = True) -> None:
    """Write the text as the whole content of `path`, or nothing."""
    with replacing(path, make_folders) as temporary:
        temporary.write_text(text, encoding="utf-8")


def digest(value: Any) -> str:
    """Return 12 hex digits of the sha256 of the value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
