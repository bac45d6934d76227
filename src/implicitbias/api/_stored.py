"""Tensors of a checkpoint that are read one at a time, and the trees that they stand in."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..base.errors import UserError
from . import _content

_DEEPEST = 64  # levels of a tree; nothing that people save comes near
_OPTIMISER = re.compile(r"optim|optimizer|scheduler|lr_sched|grad_scaler", re.IGNORECASE)
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: its shape, how to read it, and why it has no matrix, if that is known.

    kinds: once `read` has put the tensor together, the types of the stored numbers.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    reason: str = ""
    kinds: list[str] = field(default_factory=list)


@dataclass
class Checkpoint:
    """The tensors of a checkpoint by name, and what was left out of it by name, with the reason."""

    tensors: dict[str, Stored] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, stored: Stored) -> None:
        """Add a tensor; a name that is taken gets `#2`, so that both are there."""
        self.tensors[_free(printable(name), self.tensors)] = stored

    def leave_out(self, name: str, reason: str) -> None:
        """Note what is not read."""
        self.left_out[_free(printable(name), self.left_out)] = reason


def printable(name: str) -> str:
    """A name without characters that a terminal acts on: they are escaped as in Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _free(name: str, taken: dict[str, Any]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}#{number}"
    return found


def read_file(path: Path, into: Checkpoint) -> None:
    """Add what a file holds. It never runs code from it; UserError says why it cannot be read."""
    kind = _content.kind(path)
    if kind == "safetensors":
        return _safetensors(path, into)
    # mmap: pages of a tensor come from the file when it is computed with, and go again.
    tree = _tree(path, mmap=kind == "zip")
    for name, value in walked(tree, into):
        into.add(name, stored(value))
    return None


def stored(tensor: Tensor) -> Stored:
    """A tensor that is in memory, or mapped to it."""
    if tensor.is_nested:
        return Stored((), lambda: tensor, "a nested tensor: pieces of different sizes")
    dense = tensor.layout == torch.strided
    return Stored(tuple(tensor.shape), lambda: tensor if dense else tensor.to_dense())


def _safetensors(path: Path, into: Checkpoint) -> None:
    try:
        file: Any = safe_open(path, framework="pt")
        for name in file.keys():  # noqa: SIM118, a safe_open is no mapping
            shape = tuple(file.get_slice(name).get_shape())
            into.add(name, Stored(shape, partial(_of_safetensors, path, name)))
    except SafetensorError as error:
        raise UserError(f"{path}: a damaged or cut off safetensors file: {error}") from error


def _of_safetensors(path: Path, name: str) -> Tensor:
    """One tensor; the file is opened anew, so that what was mapped for another is given back."""
    file: Any = safe_open(path, framework="pt")
    tensor: Tensor = file.get_tensor(name)
    return tensor


def _tree(path: Path, mmap: bool) -> Any:
    try:
        # Indices of sparse tensors are checked: made dense, false ones would write anywhere.
        checked: Any = torch.sparse.check_sparse_tensor_invariants
        with warnings.catch_warnings(), checked():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, error)) from error
    except OSError:
        raise
    except Exception as error:  # of a damaged pickle torch raises whatever its parts do
        first = str(error).partition("\n")[0]
        raise UserError(f"{path}: damaged or cut off; torch says: {first}") from error


def _refusal(path: Path, error: Exception) -> str:
    """What in a pickle is more than tensors, found without running it."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError, pickle.UnpicklingError, EOFError, KeyError, IndexError):
        names = []
    names = names or _REFUSED.findall(str(error))
    held = ", ".join(sorted({printable(name) for name in names}))
    return (
        f"{path}: refused: it holds more than tensors{': ' if held else ''}{held}, and reading that"
        " could run code; where it was written, save the weights alone:"
        " torch.save(model.state_dict(), file)"
    )


def walked(
    tree: Any, into: Checkpoint, name: str = "", depth: int = 0, seen: dict[int, str] | None = None
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of nested mappings and lists, by its dotted name; states of optimisers left out.

    An optimiser's state is told by its keys `state` and `param_groups`, or by its name. What stands
    in several places, or in itself, is taken from the first.
    """
    seen = {} if seen is None else seen
    if isinstance(tree, Tensor):
        yield name or "tensor", tree
    elif isinstance(tree, dict | list | tuple | set):
        if name and (_is_optimiser(tree) or _OPTIMISER.search(name.rpartition(".")[2])):
            into.leave_out(name, "state of an optimiser or schedule")
        elif id(tree) in seen and tree:
            into.leave_out(name, f"the same object as {seen[id(tree)] or 'the whole'}")
        elif depth == _DEEPEST:
            into.leave_out(name, f"more than {_DEEPEST} levels deep")
        else:
            seen[id(tree)] = printable(name)
            items = tree.items() if isinstance(tree, dict) else enumerate(tree)
            for key, value in items:
                inner = f"{name}.{key}" if name else str(key)
                yield from walked(value, into, inner, depth + 1, seen)


def _is_optimiser(tree: Any) -> bool:
    return isinstance(tree, dict) and {"state", "param_groups"} <= tree.keys()
