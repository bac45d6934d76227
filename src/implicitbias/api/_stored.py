"""Tensors of a checkpoint, which are read one at a time, and the nested structures around them."""

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
    """A tensor of a file: its shape, how it is read, and, if known, why it has no matrix.

    kinds: once `read` has put the tensor together, the types of the stored numbers.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    reason: str = ""
    kinds: list[str] = field(default_factory=list)


@dataclass
class Checkpoint:
    """The tensors of a checkpoint by name, and by name the reason for what was left out."""

    tensors: dict[str, Stored] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, stored: Stored) -> None:
        """Add a tensor; if its name is taken, it gets the suffix `#2`, so that both are there."""
        self.tensors[_free(printable(name), self.tensors)] = stored

    def leave_out(self, name: str, reason: str) -> None:
        """Note a tensor that is not read, and the reason."""
        self.left_out[_free(printable(name), self.left_out)] = reason


def printable(name: str) -> str:
    """Return a name with the characters on which a terminal acts escaped, as in Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _free(name: str, taken: dict[str, Any]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}#{number}"
    return found


def read_file(path: Path, into: Checkpoint) -> None:
    """Add the tensors of a file; none of its code is ever run.

    UserError says why a file cannot be read.
    """
    kind = _content.kind(path)
    if kind == "safetensors":
        return _safetensors(path, into)
    # mmap: pages of a tensor come from the file when it is computed with, and go again.
    tree = _tree(path, mmap=kind == "zip")
    for name, value in walked(tree, into):
        into.add(name, stored(value))
    return None


def stored(tensor: Tensor) -> Stored:
    """Return the entry of a tensor that is in memory, or mapped to it."""
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
    """Return one tensor.

    The file is opened anew, so that memory mapped for another tensor is given back.
    """
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
    """Return what a pickle holds besides tensors, found without running it."""
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
    """Yield every tensor of nested mappings and lists by its dotted name, but no optimiser state.

    An optimiser's state is recognised by its keys `state` and `param_groups`, or by its name. An
    object that stands in several places, or in itself, is taken only from the first place.
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
