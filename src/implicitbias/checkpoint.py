"""Checkpoints of a pack in training: one file, renamed into place, read without running code.

It lies at a path that the workflow does not declare, because declared outputs are deleted when a
job fails, and is removed once the pack's records are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .errors import UserError
from .files import replacing


def save(path: Path, state: dict[str, Any]) -> None:
    """Tensors, numbers, strings, lists and dicts."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state, or None if there is none. `weights_only`: unpickling cannot execute code."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch documents no narrower set of errors for damaged files
        raise UserError(
            f"{path}: this checkpoint is damaged ({type(error).__name__}); delete it to train the"
            " pack from its beginning"
        ) from error
    return state
