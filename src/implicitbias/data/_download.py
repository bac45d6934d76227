"""Download a file over a line that breaks: each attempt goes on where the one before ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ATTEMPTS, PAUSE_S = 5, 2.0  # the pause doubles from one attempt to the next
TIMEOUT_S = 10.0  # of a socket operation: a dead host must not hold up the next source
BUSY = {408, 429, 500, 502, 503, 504}  # answers that pass
CHUNK = 1 << 18


class BrokenOff(OSError):
    """The server ended its answer before the length that it had announced."""


def download(url: str, target: Path) -> None:
    """Save `url` as `target`; OSError or ValueError if it cannot be had.

    After an attempt that brought something, or that met a busy server, there is another, up to
    ATTEMPTS: by `Range` from the byte where the last one ended, and by `If-Range` from the start
    again where the file has changed in the meantime or the server does not say.
    """
    import http.client  # here, since planning imports this package and must stay quick
    import urllib.error

    target.unlink(missing_ok=True)
    transfer = _Transfer(url, target)
    for attempt in range(1, ATTEMPTS + 1):
        before = _size(target)
        try:
            transfer.go_on()
            return
        except (OSError, http.client.HTTPException) as error:
            busy = isinstance(error, urllib.error.HTTPError) and error.code in BUSY
            if attempt == ATTEMPTS or not (busy or _size(target) > before):
                raise OSError(f"{error} (attempt {attempt})") from error
        time.sleep(PAUSE_S * 2 ** (attempt - 1))


class _Transfer:
    """A file on its way; `version` is the server's name for its content, if it gives one."""

    def __init__(self, url: str, target: Path) -> None:
        self.url, self.target, self.version = url, target, ""

    def go_on(self) -> None:
        """Append the missing bytes to the target."""
        import urllib.request

        start = _size(self.target) if self.version else 0
        asked = {"Range": f"bytes={start}-", "If-Range": self.version} if start else {}
        request = urllib.request.Request(self.url, headers=asked)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            start = start if getattr(answer, "status", None) == 206 else 0
            length = answer.headers.get("Content-Length")
            whole = start + int(length) if length is not None else None
            self.version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            mode = "ab" if start else "wb"
            with self.target.open(mode) as file, _bar(self.url, start, whole) as advance:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    advance(len(chunk))
        if whole is not None and _size(self.target) < whole:
            said = f"the connection ended after {_size(self.target)} of {whole} bytes"
            raise BrokenOff(said)


def _size(path: Path) -> int:
    return os.path.getsize(path) if path.exists() else 0


@contextmanager
def _bar(url: str, start: int, whole: int | None) -> Iterator[Any]:
    """Show a bar with size, rate and time left, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(),
        progress.DownloadColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn(),
    )  # fmt: skip
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(url.rpartition("/")[2], completed=start, total=whole)
        yield lambda n: bars.advance(task, n)
