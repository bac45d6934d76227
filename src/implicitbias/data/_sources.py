"""The look-up: placed files, then the publisher's URL, then a package; the first right hash wins.

A file that is there but wrong is reported with both hashes, and the look-up goes on.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ._routes import Attempt, Placed, Route, SourceError
from ._spec import DataError, Report

# What a truncated, foreign or hostile file makes a reader raise.
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, tarfile.TarError)


def look_up(
    wanted: Mapping[str, str], routes: Sequence[Route], folder: Path, report: Report
) -> dict[str, bytes]:
    """Return the content of each wanted file (name to sha256 of the decompressed content), or
    DataError.
    """
    contents: dict[str, bytes] = {}
    tried: list[str] = []
    for route in routes:
        if len(contents) == len(wanted):
            break
        with tempfile.TemporaryDirectory(prefix="implicitbias-") as temporary:
            missing = [name for name in wanted if name not in contents]
            try:
                for attempt in route.attempts(folder, Path(temporary), missing):
                    tried += _examine(attempt, wanted, contents, report)
            except SourceError as error:
                tried.append(str(error))
                report(f"not from {error}")
    missing = [name for name in wanted if name not in contents]
    if missing:
        raise DataError(_nothing_right(folder, missing, tried, routes))
    return contents


def _examine(
    attempt: Attempt, wanted: Mapping[str, str], contents: dict[str, bytes], report: Report
) -> list[str]:
    """Add files with the right hash to ``contents``; return a message about the other files."""
    where, path, reader = attempt
    wrong: list[str] = []
    missing = [name for name in wanted if name not in contents]
    right = 0
    try:
        for name, content in reader(path, missing):
            digest = hashlib.sha256(content).hexdigest()
            if digest == wanted[name]:
                contents.setdefault(name, content)
                right += 1
            else:
                wrong.append(f"{where}: {name} has sha256 {digest}, wanted {wanted[name]}")
    except _UNREADABLE as error:
        wrong.append(f"{where}: unreadable ({error})")
    if right:
        report(f"{right} file(s) with the right hash from {where}")
    elif missing and not wrong:
        wrong.append(f"{where}: holds none of the missing files")
    for line in wrong:
        report(f"not from {line}")
    return wrong


def _nothing_right(
    folder: Path, missing: Sequence[str], tried: Sequence[str], routes: Sequence[Route]
) -> str:
    accepted = [
        name for route in routes if isinstance(route, Placed) for name in route.files
        if not name.startswith("..")
    ]  # fmt: skip
    return (
        f"no source yields {', '.join(missing)} with the right sha256. Tried: "
        + "".join(f"\n- {line}" for line in tried)
        + f"\nTo place them by hand, put them into {folder} under any of these names: "
        + ", ".join(accepted)
    )
