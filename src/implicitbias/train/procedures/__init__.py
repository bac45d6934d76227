"""Each procedure has a file with `run(specs, job) -> Records`, for specs of one shape."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.registry import known, names
from ...plan.spec import RunSpec
from .. import checkpoint, progress
from ..records import Records


@dataclass(frozen=True)
class Job:
    """The settings of where and how a pack is trained; none of them can change a number."""

    pack: str
    folder: Path  # of the pack: checkpoint and progress live here
    data_dir: Path
    device: str = "cpu"
    checkpoint_seconds: float = 60.0

    @property
    def checkpoint(self) -> Path:
        """Return the path of the checkpoint."""
        return self.folder / checkpoint.NAME

    @property
    def progress(self) -> Path:
        """Return the path of the progress file."""
        return self.folder / progress.NAME


Procedure = Callable[[Sequence[RunSpec], Job], Records]


def load(name: str) -> Procedure:
    """Return the `run` of procedures/<name>.py."""
    module = importlib.import_module(
        f".{known('procedure', name, names('train/procedures'))}", __package__
    )
    procedure: Procedure = module.run
    return procedure
