"""A new study is a copy of the complete study in `_study`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..base import registry
from ..base.errors import UserError

_PROFILE = "workflow/profiles/default/config.yaml"  # of Snakemake: the workflow's own is copied


def init(folder: Path) -> None:
    """Write a study into a new folder, completely or not at all.

    UserError where there is a file, or a folder that is not empty.
    """
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
