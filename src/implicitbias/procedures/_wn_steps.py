"""Gradient descent on diagonal linear networks, plain and weight-normalised, members side by side.

Members of one instance matrix form a group; groups are padded to one array (G, K, n), so a step of
a whole sweep is two batched products. Each member's numbers depend on its neighbours only through
the rounding of those products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sparse.sensing import Instance
from ..specs.weight_norm_flow import Spec

Array = NDArray[np.float64]
_COLUMNS = ("y", "depth", "normalised", "rate", "rate_r", "r", "v")  # (G, K, ...) each


class Steps:
    """State x = r u (or r v / ||v||) of all members; `index` maps members to (group, slot).

    A member without normalisation is one with r = 1, v = x, no projection and no division.
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
            grid = np.ones((g, k, 1))
            grid[(*self.index, 0)] = values
            return grid

        self.depth = placed([s.depth for s in specs])
        # Per pair of polar coordinates: shape (G, K, pairs, 1), and v (G, K, pairs, n / pairs).
        pairs, width = specs[0].polar_pairs, n * (1 + self.signed)
        self.normalised = placed([float(s.rate_ratio is not None) for s in specs])[..., None]
        # The factor L of the gradient goes into the rates.
        self.rate = placed([s.depth * s.eta for s in specs])[..., None]
        self.rate_r = placed([s.depth * s.eta / (s.rate_ratio or 1.0) for s in specs])[..., None]
        self.rate_r = self.rate_r * self.normalised
        x = np.ones((g, k, pairs, width // pairs))
        x *= placed([s.init_norm / np.sqrt(width) for s in specs])[..., None]
        r = np.sqrt(np.square(x).sum(axis=-1, keepdims=True))
        self.r = np.where(self.normalised > 0, r, 1.0)
        self.v = x / self.r
        self.groups = np.arange(g)
        self._settle()

    def _settle(self) -> None:
        """What follows from the columns and the groups that are left."""
        self.matrix = self.matrices[self.groups]
        self.transposed = np.ascontiguousarray(self.matrix.transpose(0, 2, 1))
        # From which slot on there are members of that depth, and which they are. Asking all slots
        # took a seventh of the time of 80 members, 20 of them deeper than 2.
        self.deeper: list[tuple[int, NDArray[np.bool_]]] = []
        for least in range(3, int(self.depth.max()) + 1):
            deep = self.depth >= least
            first = int(deep.any(axis=(0, 2)).argmax())
            self.deeper.append((first, deep[:, first:]))
        self.all_plain = not self.normalised.any()
        self._place()

    def _place(self) -> None:
        """x = r v / ||v||, and its powers."""
        x = self.v * (self.r if self.projected else self.r / self._length())
        self.x = x.reshape(*x.shape[:2], -1)
        # x^{L-1}, by multiplications: a power of arrays is ten times slower.
        self.low = self.x.copy() if self.deeper else self.x
        for first, deep in self.deeper:
            part = self.low[:, first:]
            np.multiply(part, self.x[:, first:], out=part, where=deep)

    def _length(self) -> Array:
        """||v||, 1 where it is not normalised, (G, K, pairs, 1)."""
        size = np.sqrt(np.einsum("...i,...i->...", self.v, self.v))[..., None]
        return np.where(self.normalised > 0, size, 1.0)

    def z(self) -> Array:
        """x^L, less the negative half if signed, (G, K, N)."""
        power = self.low * self.x
        n = self.matrices.shape[2]
        return power[..., :n] - power[..., n:] if self.signed else power

    def misfit(self) -> Array:
        """A z - y (G, K, M)."""
        found = self.z() @ self.transposed
        found -= self.y
        return np.asarray(found)

    def advance(self, misfit: Array) -> None:
        """One step of all members from their misfits."""
        h = misfit @ self.matrix
        if self.signed:
            h = np.concatenate([h, -h], axis=-1)
        h *= self.low
        g = h.reshape(self.v.shape)
        if self.all_plain:
            g *= self.rate
            self.v = self.v - g
            self._place()
            return
        size = 1.0 if self.projected else self._length()
        along = np.einsum("...i,...i->...", self.v, g)[..., None] / size
        # ||v(0)|| = 1, so both forms have the rate eta_u = eta at the start.
        g -= (self.normalised * along / size) * self.v
        g *= self.rate * self.r / size
        self.r = self.r - self.rate_r * along
        self.v = self.v - g
        if self.projected:
            self.v /= self._length()
        self._place()

    def drop(self, done: NDArray[np.bool_]) -> None:
        """Forget these members (a mask over `index`); pack the rest anew once a quarter is idle."""
        self.index = (self.index[0][~done], self.index[1][~done])
        g, k = self.v.shape[:2]
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
        """What `restore` needs: the columns, and where the members are."""
        places = {"groups": self.groups, "at": self.index[0], "slot": self.index[1]}
        return {**{name: getattr(self, name) for name in _COLUMNS}, **places}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from `state`, in the same places: the products round as they would have."""
        for name in _COLUMNS:
            setattr(self, name, state[name])
        self.groups, self.index = state["groups"], (state["at"], state["slot"])
        self._settle()
