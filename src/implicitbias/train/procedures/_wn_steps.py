"""Steps of gradient descent on diagonal linear networks, of all members side by side.

The networks are plain or weight-normalised. Members of one instance matrix form a group. Groups are
padded to one array (G, K, n), so a step of a whole sweep is two batched gemms. Each member's
numbers depend on its neighbours only through the rounding of those gemms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...plan.specs.weight_norm_flow import Spec
from ..sparse.sensing import Instance

Array = NDArray[np.float64]
_COLUMNS = ("x", "y", "depth", "normalised", "rate", "rate_r", "r", "size")  # (G, K, ...) each


class Steps:
    """The state x = r u, ||u|| = 1, of all members; `index` maps members to (group, slot).

    With g = grad_x / L, the steps u - eta_u r L g_u (g_u orthogonal to u) and r - eta_r L <u, g>
    need only x, r and <x, g>: u moves along (1 + q) x - eta_u L r^2 g, q = eta_u L <x, g>. A
    Salimans-Kingma step has eta_u / `size`^2 instead, where `size` is the norm of its v, which
    grows; a projection keeps it 1. A member without normalisation has q = 0, r = 1, no rescaling.
    """

    def __init__(self, specs: Sequence[Spec], instances: Sequence[Instance]) -> None:
        self.signed, self.projected = specs[0].signed, specs[0].form == "projected"
        groups: dict[int, list[int]] = {}
        for i in sorted(range(len(specs)), key=lambda i: specs[i].depth):  # the deep ones last
            groups.setdefault(id(instances[i].matrix), []).append(i)
        g, k = len(groups), max(map(len, groups.values()))
        m, n = max(len(i.y) for i in instances), specs[0].dimension
        self.index = (np.zeros(len(specs), int), np.zeros(len(specs), int))
        self.matrices, self.y = np.zeros((g, m, n)), np.zeros((g, k, m))
        for a, same in enumerate(groups.values()):
            rows = len(instances[same[0]].y)
            self.matrices[a, :rows] = instances[same[0]].matrix
            for b, i in enumerate(same):
                self.index[0][i], self.index[1][i] = a, b
                self.y[a, b, :rows] = instances[i].y

        def placed(values: Sequence[float]) -> Array:
            grid = np.zeros((g, k, 1, 1))  # a slot without a member: x = 0 at rate 0, for good
            grid[(*self.index, 0, 0)] = values
            return grid

        # Per pair of polar coordinates: shape (G, K, pairs, 1).
        pairs, width = specs[0].polar_pairs, n * (1 + self.signed)
        each = np.ones((pairs, 1))
        self.depth = placed([s.depth for s in specs])[:, :, 0]
        self.depth[self.depth == 0] = self.depth.max()  # so that all behind some slot are deep
        self.normalised = placed([s.rate_ratio is not None for s in specs]) > 0
        # The factor L of the gradient goes into the rates.
        self.rate = placed([s.depth * s.eta for s in specs])
        self.rate_r = placed([s.depth * s.eta / s.rate_ratio if s.rate_ratio else 0 for s in specs])
        entry = placed([s.init_norm / np.sqrt(width) for s in specs])
        self.x = np.repeat(entry[:, :, 0], width, axis=-1)
        self.r = np.where(self.normalised, entry * np.sqrt(width // pairs), 1.0) * each
        self.size = np.ones((g, k, pairs, 1))
        self.groups = np.arange(g)
        self._settle()

    def _settle(self) -> None:
        """Set what follows from the columns and the groups that are left."""
        self.matrix = self.matrices[self.groups]
        self.transposed = np.ascontiguousarray(self.matrix.transpose(0, 2, 1))
        # From which slot on there are members of that depth, and which they are: asking all slots
        # in each step is slow.
        self.deeper: list[tuple[int, NDArray[np.bool_] | bool]] = []
        for least in range(3, int(self.depth.max()) + 1):
            deep = self.depth >= least
            first = int(deep.any(axis=(0, 2)).argmax())
            self.deeper.append((first, bool(deep[:, first:].all()) or deep[:, first:]))
        self.all_plain = not self.normalised.any()

    def _raise(self, power: Array) -> None:
        """Multiply `power`, which holds one power of x less, by x^{L-2} in place."""
        # By multiplications: a power of arrays is ten times slower.
        for first, deep in self.deeper:
            part = power[:, first:]
            np.multiply(part, self.x[:, first:], out=part, where=deep)

    def z(self) -> Array:
        """Return x^L, less the negative half if signed, (G, K, N)."""
        power = self.x * self.x
        self._raise(power)
        n = self.matrices.shape[2]
        return power[..., :n] - power[..., n:] if self.signed else power

    def misfit(self) -> Array:
        """Return A z - y (G, K, M)."""
        misfit = self.z() @ self.transposed
        misfit -= self.y
        return np.asarray(misfit)

    def advance(self, misfit: Array) -> None:
        """Take one step of all members from their misfits."""
        h = misfit @ self.matrix
        if self.signed:
            h = np.concatenate([h, -h], axis=-1)
        h *= self.x
        self._raise(h)
        shape = (*self.r.shape[:3], -1)
        g, x = h.reshape(shape), self.x.reshape(shape)  # the latter a view
        if self.all_plain:
            g *= self.rate
            x -= g
            return
        along = np.einsum("...i,...i->...", x, g)[..., None]
        rate = self.rate if self.projected else self.rate / np.square(self.size)
        stretch = 1 + np.where(self.normalised, rate * along, 0.0)
        g *= rate * np.square(self.r) / stretch
        x -= g
        length = np.sqrt(np.einsum("...i,...i->...", x, x))[..., None]
        r = self.r - self.rate_r * along / self.r
        x *= np.where(self.normalised, r / np.copysign(length, self.r * stretch), 1.0)
        if not self.projected:
            self.size *= np.where(self.normalised, np.abs(stretch * length / self.r), 1.0)
        self.r = r

    def drop(self, done: NDArray[np.bool_]) -> None:
        """Remove members (a mask over `index`); pack the rest anew once a quarter is idle."""
        self.index = (self.index[0][~done], self.index[1][~done])
        g, k = self.x.shape[:2]
        groups, at = np.unique(self.index[0], return_inverse=True)
        fullest = int(np.bincount(at).max())
        if len(groups) * fullest > 0.75 * g * k:
            return
        slot = np.zeros(len(at), int)
        for a in range(len(groups)):
            slot[at == a] = np.arange((at == a).sum())
        source = np.zeros((len(groups), fullest), int)  # idle slots repeat their group's first
        source[at, slot] = self.index[1]
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[groups[:, None], source])
        self.groups, self.index = self.groups[groups], (at, slot)
        self._settle()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what `restore` needs: the columns, and where the members are."""
        places = {"groups": self.groups, "at": self.index[0], "slot": self.index[1]}
        return {**{name: getattr(self, name) for name in _COLUMNS}, **places}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore `state`, each member in its place, so that gemms round as before."""
        for name in _COLUMNS:
            setattr(self, name, state[name])
        self.groups, self.index = state["groups"], (state["at"], state["slot"])
        self._settle()
