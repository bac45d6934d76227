"""From a weight of any shape to the matrices that have ranks, or to the reason why it has none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base import registry
from ._stored import Stored
from ._weights import Weight, effective

LAYOUTS = ("matrix", "kernel", "transposed", "expert", "embedding")  # spectrum.py says what
_TRANSPOSED = re.compile(r"transpose|deconv|upconv|convtr?\b", re.IGNORECASE)
_EMBEDDED = re.compile(r"embed|token|queries|query|position|\bpos\b|pos_|\bpe\b", re.IGNORECASE)


@dataclass(frozen=True)
class Matrix:
    """A matrix and how it is computed, or the reason why there is none."""

    name: str
    shape: tuple[int, ...]  # of the tensor
    layout: str = ""
    rows: int = 0
    cols: int = 0
    read: Callable[[], Tensor] | None = None
    reason: str = ""
    note: str = ""
    parts: tuple[str, ...] = ()  # the tensors that it is made of
    kinds: Sequence[str] = ()  # their types, where there are several, once it has been read


def matrices(
    tensors: Mapping[str, Stored], layouts: Mapping[str, str] | None = None
) -> Iterator[Matrix]:
    """Yield the matrices of all weights in order, and an entry with a reason for other tensors.

    layouts: patterns of names, as `up*.weight`, with one of LAYOUTS for tensors of more than two
    dimensions. All other tensors are recognised by their names and shapes, and a transposed
    convolution also by a bias with as many entries as its second axis. UserError for an unknown
    layout.
    """
    given = layouts or {}
    for layout in given.values():
        registry.known("layout", layout, LAYOUTS)
    for weight in effective(tensors):
        shape = weight.made.shape
        reason = weight.made.reason or _reason(shape)
        if reason:
            yield Matrix(weight.name, shape, reason=reason, parts=weight.parts)
            continue
        name = weight.name
        layout = given.get(name) or next((v for k, v in given.items() if fnmatch(name, k)), "")
        if not layout or len(shape) == 2 or (layout == "expert" and len(shape) != 3):
            layout = layout_of(name, shape, _bias(weight, tensors))
        yield from laid_out(weight, layout)


def _reason(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return f"empty: {' x '.join(map(str, shape))}"
    if len(shape) < 2:
        return "a vector" if shape else "a single number"
    return ""


def _bias(weight: Weight, tensors: Mapping[str, Stored]) -> int:
    """Return the length of the layer's bias; 0 without one."""
    bias = tensors.get(f"{weight.name.removesuffix('weight')}bias")
    return bias.shape[0] if bias and len(bias.shape) == 1 else 0


def layout_of(name: str, shape: tuple[int, ...], bias: int = 0) -> str:
    """Return the layout of a tensor of two dimensions or more, by its name and shape."""
    if len(shape) == 2:
        return "matrix"
    if len(shape) == 3 and "experts" in name:
        return "expert"
    if shape[0] == 1 and (_EMBEDDED.search(name) or not name.endswith("weight")):
        return "embedding"
    if _TRANSPOSED.search(name) or (bias and bias == shape[1] != shape[0]):
        return "transposed"
    return "kernel"


def laid_out(weight: Weight, layout: str) -> Iterator[Matrix]:
    """Yield the matrices of one weight in a layout: one, or one of each expert."""
    name, shape, note = weight.name, weight.made.shape, weight.note
    read = weight.made.read
    if layout == "expert":
        for i in range(shape[0]):
            yield Matrix(f"{name}[{i}]", shape, layout, shape[1], shape[2],
                         partial(_one_of, read, i), note=note, parts=weight.parts,
                         kinds=weight.made.kinds)  # fmt: skip
        return
    if layout == "embedding":
        ones = next((i for i, n in enumerate(shape[:-2]) if n != 1), len(shape) - 2)
        rows, rest = shape[ones], shape[ones + 1 :]
    elif layout == "transposed":
        rows, rest = shape[1], (shape[0], *shape[2:])
    else:
        rows, rest = shape[0], shape[1:]

    def matrix() -> Tensor:
        tensor = read()
        return (tensor.movedim(1, 0) if layout == "transposed" else tensor).reshape(rows, -1)

    yield Matrix(name, shape, layout, rows, prod(rest), matrix, note=note, parts=weight.parts,
                 kinds=weight.made.kinds)  # fmt: skip


def _one_of(read: Callable[[], Tensor], i: int) -> Tensor:
    return read()[i]


def array(matrix: Matrix) -> tuple[NDArray[np.float64] | None, str, str]:
    """Return the matrix in float64 or None, its stored type, and the reason for None."""
    assert matrix.read is not None
    kind, needed = "", 8 * matrix.rows * matrix.cols
    if needed > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        return None, kind, f"needs {needed / 1e9:.0f} GB in float64, more than this machine has"
    try:
        with torch.no_grad():
            tensor = matrix.read()
            kind = matrix.kinds[0] if matrix.kinds else str(tensor.dtype).removeprefix("torch.")
            if reason := _unfit(tensor):
                return None, kind, reason
            if tensor.is_quantized:
                tensor = tensor.dequantize()
            return tensor.detach().double().numpy(), kind, ""
    except (RuntimeError, NotImplementedError, TypeError, MemoryError) as error:
        first = str(error).partition("\n")[0]
        return None, kind, f"cannot be converted: {first}"


def _unfit(tensor: Tensor) -> str:
    if tensor.is_meta:
        return "without data: on the device meta"
    if tensor.is_complex():
        return "complex numbers"
    if not tensor.is_floating_point() and not tensor.is_quantized:
        return "whole numbers or truth values, no weights as they stand"
    return ""
