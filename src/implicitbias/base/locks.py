"""Locks: a file of its own for each, which names its holder and is gone when nobody holds it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from .errors import UserError

Held = IO[str]  # the open file of a lock
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
_ASK_EVERY_S, _SAY_EVERY_S = 0.5, 600.0


@contextmanager
def held(path: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock `path`, a file of its own, whose folder exists; `what` says what is locked.

    If another process holds the lock, raise the UserError `<what> by <host>, process <id>, since
    <time>`, or, with `wait`, print this line on stderr and wait until it is released. The kernel
    releases a lock however its process ends. Between machines the lock works if the file system
    forwards flock (NFS and most cluster file systems do). On a file system without locks, such as
    Lustre without its option, a message says so and no process is excluded.
    """
    file = take(path, what, wait)
    try:
        yield
    finally:
        release(file, path)


def take(path: Path, what: str, wait: bool = False) -> Held:
    """Take a lock as `held` does and return its open file; `release` gives it back."""
    said = -_SAY_EVERY_S
    while True:
        try:
            file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closed by `release`)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sentence = f"{what} by {owner(path)}"
            file.close()
            if not wait:
                raise UserError(f"{sentence}; wait for it, or end it") from None
            if time.monotonic() - said >= _SAY_EVERY_S:
                said = time.monotonic()
                _warn(f"{sentence}: waiting for it")
            time.sleep(_ASK_EVERY_S)
            continue
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                file.close()
                raise
            _warn(f"warning: {path}: no locks on this file system ({error.strerror}); going on")
        if _is_at(file, path):
            _sign(file)
            return file
        file.close()  # its holder has removed it meanwhile


def release(file: Held, path: Path) -> None:
    """Remove the file of a lock that this process holds, and release it."""
    with suppress(OSError):
        if _is_at(file, path):
            path.unlink()
    with suppress(OSError):
        file.close()


def owner(path: Path) -> str:
    """Return who holds a lock, from its file: host, process and since when."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return f"{facts['host']}, process {facts['process']}, since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"  # which is about to sign, or about to end


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _sign(file: IO[str]) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {"host": socket.gethostname(), "process": os.getpid(), "since": since}
    with suppress(OSError):  # a full disk: the lock holds without a name
        file.truncate(0)
        file.write(json.dumps(facts))
        file.flush()


def _warn(text: str) -> None:
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
