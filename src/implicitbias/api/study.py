"""A new study is written from the files in `_study`, which are a whole one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..base import registry
from ..base.errors import UserError

_PROFILE = "workflow/profiles/default/config.yaml"  # of Snakemake: the workflow's own is copied


def init(folder: Path) -> None:
    """Write a study into a new folder, whole or not at all; UserError where something is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; name a new folder")
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".init-") as temporary:
        made = Path(temporary) / "study"
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(Path(__file__).with_name("_study"), made, ignore=ignored)
        (made / _PROFILE).parent.mkdir(parents=True)
        shutil.copyfile(registry.PACKAGE / "snakemake" / _PROFILE, made / _PROFILE)
        made.rename(folder)
