"""From the tensors that a checkpoint stores to the weights that a network multiplies with.

Reparametrised weights are stored in parts. The rules below recognise the parts by their names and
shapes. They make the effective weight, under the name that the layer itself uses. A tensor that no
rule claims is a weight itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, prod

import torch
from torch import Tensor

from ._stored import Stored

Tensors = Mapping[str, Stored]


@dataclass(frozen=True)
class Weight:
    """An effective weight: how it is made, the stored tensors behind it, and a note."""

    name: str
    made: Stored
    parts: tuple[str, ...]
    note: str = ""


Rule = Callable[[str, Tensors], Weight | None]


def effective(tensors: Tensors) -> Iterator[Weight]:
    """Yield every weight once, in the order of the file; its parts are combined under its name."""
    combined = [w for name in tensors for rule in RULES if (w := rule(name, tensors))]
    begin = {weight.parts[0]: weight for weight in combined}
    parts = {part for weight in combined for part in weight.parts}
    for name, stored in tensors.items():
        if name in begin:
            yield begin[name]
        elif name not in parts:
            yield Weight(name, stored, (name,), _hint(name))


def _hint(name: str) -> str:
    if re.search(r"\.parametrizations\.\w+\.original\d*$", f".{name}"):
        return "stored parameter of a parametrisation that its tensors do not tell"
    return ""


def _combined(
    name: str, parts: dict[str, Stored], shape: tuple[int, ...],
    make: Callable[..., Tensor], note: str = "",
) -> Weight:  # fmt: skip
    """Return a weight that is computed, in float64, from its parts in order."""
    kinds: list[str] = []

    def read() -> Tensor:
        stored = [part.read().detach().cpu() for part in parts.values()]
        kinds[:] = [str(tensor.dtype).removeprefix("torch.") for tensor in stored]
        return make(*(tensor.double() for tensor in stored))

    names, made = tuple(parts), Stored(shape, read, kinds=kinds)
    return Weight(name, made, names, note or f"made of {' and '.join(names)}")


def weight_norm(name: str, tensors: Tensors) -> Weight | None:
    """Return W = g V / ||V||, as torch's weight_norm.

    The norm is over the axes on which g has length 1.
    """
    if name.endswith("_v"):
        whole, g = name[:-2], f"{name[:-2]}_g"
    elif match := re.fullmatch(r"(.*?)\.?parametrizations\.(\w+)\.original1", name):
        whole, g = ".".join(filter(None, match.groups())), f"{name[:-1]}0"
    else:
        return None
    if g not in tensors or tensors[name].reason:
        return None
    shape, of_g = tensors[name].shape, tensors[g].shape
    axes = [i for i in range(len(shape)) if not of_g or of_g[i : i + 1] == (1,)]
    fits = not of_g or tuple(1 if i in axes else n for i, n in enumerate(shape)) == of_g
    if len(axes) < len(shape) - 1 or not axes or not fits:
        return None

    def make(v: Tensor, size: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(v, dim=axes, keepdim=True)
        return size * v / norm

    return _combined(whole, {name: tensors[name], g: tensors[g]}, shape, make)


def spectral_norm(name: str, tensors: Tensors) -> Weight | None:
    """Return W / (u^T W v) with the stored u, v, as torch's spectral_norm in evaluation mode."""
    if match := re.fullmatch(r"(.*?)\.?parametrizations\.(\w+)\.original", name):
        whole, stem = ".".join(filter(None, match.groups())), f"{name[:-9]}.0"
        if f"{name[:-9]}.1" in {n.rpartition(".")[0] for n in tensors}:
            return None  # a chain of several
        u, v = f"{stem}._u", f"{stem}._v"
    elif name.endswith("_orig"):
        whole, u, v = name[:-5], f"{name[:-5]}_u", f"{name[:-5]}_v"
    else:
        return None
    if u not in tensors or v not in tensors:
        return None
    shape = tensors[name].shape
    lengths = tensors[u].shape, tensors[v].shape
    axis = next(
        (i for i, n in enumerate(shape[:2]) if n and lengths == ((n,), (prod(shape) // n,))), None
    )
    if axis is None:
        return None

    def make(w: Tensor, left: Tensor, right: Tensor) -> Tensor:
        return w / (left @ w.movedim(axis, 0).flatten(1) @ right)

    return _combined(whole, {n: tensors[n] for n in (name, u, v)}, shape, make)


def pruned(name: str, tensors: Tensors) -> Weight | None:
    """Return W = stored weight x mask, entry by entry (torch.nn.utils.prune)."""
    mask = f"{name[:-5]}_mask"
    if not name.endswith("_orig") or mask not in tensors:
        return None
    if tensors[mask].shape != tensors[name].shape:
        return None
    parts = {name: tensors[name], mask: tensors[mask]}
    return _combined(name[:-5], parts, tensors[name].shape, torch.mul)


_PAIR = re.compile(r"(.*?)\.?(lora_(?:embedding_)?)(B|up)\b(.*)")


def lora(name: str, tensors: Tensors) -> Weight | None:
    """Return the update B A of a LoRA pair without its factor alpha / r, which is not stored.

    The update is a row of its own, whose ranks do not depend on the factor. The weight to which the
    update is added is another row.
    """
    match = _PAIR.fullmatch(name)
    if not match:
        return None
    stem, word, last, rest = match.groups()
    dot = "." if stem else ""
    first = f"{stem}{dot}{word}{'A' if last == 'B' else 'down'}{rest}"
    if first not in tensors:
        return None
    b, a = tensors[name].shape, tensors[first].shape
    if len(a) < 2 or len(b) < 2 or a[0] != b[1] or any(n != 1 for n in b[2:]):
        return None
    return _combined(
        f"{stem}{dot}{word}{last}{'A' if last == 'B' else '_down'}",
        {name: tensors[name], first: tensors[first]},
        (b[0], *a[1:]),
        lambda high, low: (high.flatten(1) @ low.flatten(1)).reshape(b[0], *low.shape[1:]),
        f"update B A, made of {name} and {first}, without its factor alpha / r",
    )


_BLOCK = 128  # rows and columns, where a scale for each block could mean several sizes


def float8(name: str, tensors: Tensors) -> Weight | None:
    """Return W = stored float8 x scale, with one scale, one for each row, or one for each block."""
    names = (f"{name}_scale_inv", f"{name}_scale", f"{name.removesuffix('weight')}scale_weight")
    scale = next((n for n in names if n in tensors), None)
    shape = tensors[name].shape
    if scale is None or len(shape) != 2 or tensors[name].reason:
        return None
    stored = tensors[name].read()
    if not str(stored.dtype).startswith("torch.float8"):
        return None
    sizes = _blocks(shape, tensors[scale].shape)
    if sizes is None:
        return None

    def make(w: Tensor, factors: Tensor) -> Tensor:
        factors = factors.reshape(ceil(shape[0] / sizes[0]), -1)
        whole = factors.repeat_interleave(sizes[0], 0).repeat_interleave(sizes[1], 1)
        return w * whole[: shape[0], : shape[1]]

    return _combined(name, {name: tensors[name], scale: tensors[scale]}, shape, make,
                     f"{stored.dtype} times {scale}".removeprefix("torch."))  # fmt: skip


def _blocks(shape: tuple[int, ...], scales: tuple[int, ...]) -> tuple[int, int] | None:
    """Return rows and columns of a block with one scale; None where the shapes do not fit."""
    if scales in ((), (1,), (1, 1)):
        return shape[0], shape[1]
    if scales in ((shape[0],), (shape[0], 1)):
        return 1, shape[1]
    if len(scales) != 2:
        return None
    found = []
    for whole, count in zip(shape, scales, strict=True):
        fits = [s for s in (_BLOCK, whole // max(count, 1)) if s and ceil(whole / s) == count]
        if not fits:
            return None
        found.append(fits[0])
    return found[0], found[1]


RULES: tuple[Rule, ...] = (weight_norm, spectral_norm, pruned, lora, float8)
