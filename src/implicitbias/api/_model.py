"""The weight matrices of a network in training, and which of them count in the average."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..base.errors import UserError
from . import _matrices
from ._matrices import Matrix
from ._stored import Stored

Choice = str | Sequence[str] | Callable[[str], bool]  # of names: patterns, or a function
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_KERNEL = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Watched:
    """A matrix of a network: how it is read, whether it is in the average, and a note on it."""

    matrix: Matrix
    label: str
    averaged: bool
    note: str


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside `torch.compile`, DistributedDataParallel and DataParallel."""
    wrappers = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    while True:
        inside = getattr(model, "_orig_mod", None)
        if isinstance(inside, nn.Module):
            model = inside
        elif isinstance(model, wrappers):
            model = model.module
        else:
            return model


def watched(
    model: nn.Module,
    matrices: Choice | None = None,
    averaged: Choice | None = None,
    names: Mapping[str, str] | None = None,
    layouts: Mapping[str, str] | None = None,
) -> tuple[list[Watched], list[Matrix]]:
    """Return the matrices of a network, and its parameters that are no matrices, with the reason.

    matrices: which are recorded; by default all. averaged: which count in the average over layers;
    by default all but embeddings, shortcuts and the last layer (`outside`). names: a label in the
    place of a name; by default the name without its last `.weight`. layouts: as in `matrices`.
    """
    tensors = dict(parameters(model))
    buffers = {name for name, _ in model.named_buffers()}
    kinds = {**_layouts(model), **(layouts or {})}
    every = [m for m in _matrices.matrices(tensors, kinds) if _is_weight(m, buffers)]
    _check_names({*tensors, *(m.name for m in every)}, averaged, names or {}, layouts or {})
    reasons, found = outside(model), []
    for m in every:
        if m.reason or not (matrices is None or chosen(m.name, matrices)):
            continue
        why = reasons.get(m.name) or _by_name(m)
        counts = not why if averaged is None else chosen(m.name, averaged)
        plain = m.name.removesuffix(".weight").replace("_orig_mod.", "")
        label = (names or {}).get(m.name, plain)
        note = "; ".join(filter(None, [m.note, why, _further(model, m.name)]))
        found.append(Watched(m, label, counts, note))
    labels = [one.label for one in found]
    for one in found:
        if labels.count(one.label) > 1:
            raise UserError(f"names: {one.label!r} is the name of several matrices")
    return found, [m for m in every if m.reason]


def _check_names(
    there: Collection[str],
    averaged: Choice | None,
    names: Mapping[str, str],
    layouts: Mapping[str, str],
) -> None:
    """Raise UserError for a name, or a pattern of names, that this network does not have."""
    for pattern in layouts:
        if not any(fnmatch(name, pattern) for name in there):
            raise UserError(f"layouts: no parameter of this network matches {pattern!r}")
    for name in names:
        if name not in there:
            raise UserError(f"names: this network has no parameter {name!r}")
    if isinstance(averaged, str) or (averaged and not callable(averaged)):
        for pattern in [averaged] if isinstance(averaged, str) else averaged:
            if not any(fnmatch(name, pattern) for name in there):
                raise UserError(f"averaged: no parameter of this network matches {pattern!r}")


def chosen(name: str, choice: Choice) -> bool:
    """Return whether a choice contains a name."""
    if callable(choice):
        return bool(choice(name))
    return any(fnmatch(name, p) for p in ([choice] if isinstance(choice, str) else choice))


def parameters(model: nn.Module) -> Iterator[tuple[str, Stored]]:
    """Yield every parameter and buffer by name; a parametrised weight as the network sees it."""
    seen = {}
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module):
            for weight in module.parametrizations:
                read = partial(_parametrised, module, str(weight))
                seen[f"{name}.{weight}".lstrip(".")] = Stored(tuple(read().shape), read)
    inner = (f"{name.rpartition('.')[0]}.parametrizations.".lstrip(".") for name in seen)
    skipped = tuple(inner)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if not skipped or not name.startswith(skipped):
            yield name, Stored(tuple(tensor.shape), partial(_current, model, name))
    yield from seen.items()


def _current(model: nn.Module, name: str) -> Tensor:
    """Return the tensor that has the name now: the object may have been replaced since."""
    owner, _, last = name.rpartition(".")
    tensor: Tensor = getattr(model.get_submodule(owner), last)
    return tensor.detach()


@torch.no_grad()
def _parametrised(module: nn.Module, weight: str) -> Tensor:
    """Return the effective weight in evaluation mode, in which no power iteration takes a step."""
    with _evaluating(module.parametrizations[weight]):  # type: ignore[index, arg-type]
        tensor: Tensor = getattr(module, weight)
        return tensor.detach()


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = {m: m.training for m in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for m, mode in modes.items():
            m.training = mode


def outside(model: nn.Module) -> dict[str, str]:
    """Return the names that by default are not in the average, with the reason.

    As in the papers' average, this is the classifier's last layer, here the last linear or
    convolutional layer, whatever its name. Embeddings are left out because they are tables, and no
    maps between layers.
    """
    maps = (nn.Linear, *_KERNEL, *_TRANSPOSED)
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, maps) or type(module).__name__ == "Conv1D"  # of transformers
    ]
    last, tied = "", None
    if layers:
        last, tied = layers[-1][0], layers[-1][1]._parameters.get("weight")
    found = {f"{last}.weight".lstrip("."): "the last layer, not averaged"}
    for name, module in model.named_modules():
        for inner, parameter in module.named_parameters(recurse=False):
            whole = f"{name}.{inner}".lstrip(".")
            if isinstance(module, nn.Embedding | nn.EmbeddingBag):
                found[whole] = "an embedding, not averaged"
            elif parameter is tied:
                found[whole] = "the last layer, not averaged"
    return found


def _by_name(matrix: Matrix) -> str:
    if matrix.layout == "embedding":
        return "an embedding, not averaged"
    shortcut = "shortcut" in matrix.name or "downsample" in matrix.name
    return "a shortcut, not averaged" if shortcut else ""


def _layouts(model: nn.Module) -> dict[str, str]:
    kinds = dict.fromkeys(_TRANSPOSED, "transposed") | dict.fromkeys(_KERNEL, "kernel")
    return {
        f"{name}.weight".lstrip("."): kind
        for name, module in model.named_modules()
        for cls, kind in kinds.items()
        if isinstance(module, cls)
    }


def _is_weight(matrix: Matrix, buffers: set[str]) -> bool:
    """Return whether a part of a matrix is, or could be, trained: buffers alone are no weights."""
    return not matrix.parts or any(part not in buffers for part in matrix.parts)


def _further(model: nn.Module, name: str) -> str:
    """Return the other names of a parameter, and whether it is frozen."""
    every = dict(model.named_parameters(remove_duplicate=False))
    if name not in every:
        return ""
    others = [n for n, p in every.items() if p is every[name] and n != name]
    tied = f"also {', '.join(others)}" if others else ""
    return "; ".join(filter(None, [tied, "" if every[name].requires_grad else "frozen"]))


def row(one: Watched) -> dict[str, Any]:
    """Return the entry of a matrix in recorder.json."""
    matrix = one.matrix
    return {
        "layer": one.label, "parameter": matrix.name, "shape": list(matrix.shape),
        "rows": matrix.rows, "cols": matrix.cols, "layout": matrix.layout,
        "averaged": one.averaged, "note": one.note,
    }  # fmt: skip


def copied(matrix: Matrix) -> Tensor:
    """Return a copy of a matrix (rows, cols) in the memory of the CPU, in its own type."""
    assert matrix.read is not None
    with torch.no_grad():
        return matrix.read().detach().to("cpu", copy=True)


def of_copy(matrix: Matrix, copy: Tensor) -> Matrix:
    """Return a matrix that is read from a copy of it."""
    return replace(matrix, read=lambda: copy)


def head(model: nn.Module) -> Callable[[], Tensor] | None:
    """Return a function that reads the last linear layer's weight; None if there is none."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        return None
    module = model.get_submodule(linear[-1])
    if parametrize.is_parametrized(module, "weight"):
        return partial(_parametrised, module, "weight")
    return partial(_current, model, f"{linear[-1]}.weight".lstrip("."))
