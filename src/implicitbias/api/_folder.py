"""Checkpoints of several files: folders and indices of sharded models."""

from __future__ import annotations

import json
from pathlib import Path

from ..base.errors import UserError
from ._stored import Checkpoint, read_file

_INDEX = ("*.safetensors.index.json", "*.bin.index.json", "*.index.json")
_WHOLE = ("*.safetensors", "pytorch_model*.bin", "consolidated*.pth", "*.pt", "*.pth", "*.bin",
          "*.ckpt")  # fmt: skip


def read(path: Path) -> Checkpoint:
    """Return the tensors of a file, a folder or the index of a sharded model.

    OSError or UserError where they cannot be read.
    """
    checkpoint = Checkpoint()
    if not path.is_dir() and not path.exists():
        raise UserError(f"{path}: no such file or folder")
    index = _index_of(path)
    promised = _weight_map(index) if index else {}
    for file in _shards(index, promised) if index else _files(path):
        read_file(file, checkpoint)
    for name in promised.keys() - checkpoint.tensors.keys():
        checkpoint.leave_out(name, "the index has it, and no shard does")
    return checkpoint


def _index_of(path: Path) -> Path | None:
    """Return the index of a sharded model: the file itself, or the one in the folder."""
    if path.is_dir():
        return next((f for pattern in _INDEX for f in sorted(path.glob(pattern))), None)
    return path if path.suffix == ".json" else None


def _files(folder: Path) -> list[Path]:
    """Return the files of a checkpoint without an index: the file itself, or those in a folder."""
    if not folder.is_dir():
        return [folder]
    if (folder / ".metadata").exists() or any(folder.glob("*.distcp")):
        raise UserError(
            f"{folder}: a checkpoint of torch.distributed; convert it first: python -m"
            " torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE"
        )
    for pattern in _WHOLE:
        found = sorted(folder.glob(pattern))
        if len(found) == 1 or (found and pattern in _WHOLE[:3]):
            return found
        if found:
            raise UserError(
                f"{folder}: {len(found)} files {pattern}, which may be different checkpoints;"
                " name them one by one"
            )
    raise UserError(f"{folder}: no checkpoint in this folder: no {', '.join(_WHOLE)}")


def _weight_map(index: Path) -> dict[str, str]:
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(name): str(file) for name, file in names.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{index}: not the index of a sharded model: no weight_map") from error


def _shards(index: Path, weight_map: dict[str, str]) -> list[Path]:
    shards = sorted(set(weight_map.values()))
    for name in shards:
        if Path(name).name != name:
            raise UserError(f"{index}: shard {name!r} is not a file beside the index")
        if not (index.parent / name).exists():
            raise UserError(f"{index}: shard {name} is missing; all {len(shards)} are needed")
    return [index.parent / name for name in shards]
