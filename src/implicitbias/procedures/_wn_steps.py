"""Gradient descent on diagonal linear networks, plain and weight-normalised, members side by side.

Members of one instance matrix form a group; groups are padded to one array (G, K, n), so a step of
a whole sweep is two batched products. Each member's numbers depend on its neighbours only through
the rounding of those products.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..sparse.sensing import Instance
from ..specs.weight_norm_flow import Spec

Array = NDArray[np.float64]


class Steps:
    """State x = r u (or r v / ||v||) of all members; `index` maps members to (group, slot)."""

    def __init__(self, specs: Sequence[Spec], instances: Sequence[Instance]) -> None:
        self.signed, self.form = specs[0].signed, specs[0].form
        self.pairs = specs[0].polar_pairs
        groups: dict[int, list[int]] = {}
        for i, instance in enumerate(instances):
            groups.setdefault(id(instance.matrix), []).append(i)
        g, k = len(groups), max(map(len, groups.values()))
        m, n = max(len(i.y) for i in instances), specs[0].dimension
        self.index = (np.zeros(len(specs), int), np.zeros(len(specs), int))
        self.matrix, self.y = np.zeros((g, m, n)), np.zeros((g, k, m))
        for a, same in enumerate(groups.values()):
            rows = len(instances[same[0]].y)
            self.matrix[a, :rows] = instances[same[0]].matrix
            for b, i in enumerate(same):
                self.index[0][i], self.index[1][i] = a, b
                self.y[a, b, :rows] = instances[i].y
        self.transposed = np.ascontiguousarray(self.matrix.transpose(0, 2, 1))

        def placed(values: Sequence[float]) -> Array:
            grid = np.ones((g, k, 1))
            grid[(*self.index, 0)] = values
            return grid

        self.depth = placed([s.depth for s in specs])
        self.deepest = max(s.depth for s in specs)
        self.plain = placed([float(s.rate_ratio is None) for s in specs]) > 0
        self.eta = placed([s.eta for s in specs])
        self.eta_r = placed([s.eta / (s.rate_ratio or 1.0) for s in specs])
        width = n * (1 + self.signed)
        start = placed([s.init_norm for s in specs])
        self.x = np.broadcast_to(start / np.sqrt(width), (g, k, width)).copy()
        self.halves = (g, k, self.pairs, width // self.pairs)
        x = self.x.reshape(self.halves)
        self.r = np.sqrt(np.square(x).sum(axis=-1, keepdims=True))
        self.v = x / self.r

    def z(self) -> Array:
        """x^L, less the negative half if signed, (G, K, N)."""
        power = self._power(self.x)
        n = self.matrix.shape[2]
        return power[..., :n] - power[..., n:] if self.signed else power

    def _power(self, low: Array) -> Array:
        """low * x^{L-1}, by multiplications: a power with an array exponent is ten times slower."""
        for exponent in range(2, self.deepest + 1):
            factor = self.x if self.deepest == 2 else np.where(self.depth >= exponent, self.x, 1.0)
            low = low * factor
        return low

    def misfit(self) -> Array:
        """A z - y (G, K, M)."""
        return np.asarray(self.z() @ self.transposed - self.y)

    def advance(self, misfit: Array) -> None:
        """One step of all members from their misfits."""
        h = misfit @ self.matrix
        if self.signed:
            h = np.concatenate([h, -h], axis=-1)
        gradient = self.depth * self._power(h)
        plain_x = self.x - self.eta * gradient
        if self.plain.all():
            self.x = plain_x
            return
        g = gradient.reshape(self.halves)
        size = 1.0 if self.form == "projected" else np.sqrt(
            np.square(self.v).sum(axis=-1, keepdims=True))  # fmt: skip
        u = self.v / size
        along = (u * g).sum(axis=-1, keepdims=True)
        # ||v(0)|| = 1, so both forms have the rate eta_u = eta at the start.
        v = self.v - self.eta[..., None] * (self.r / size) * (g - along * u)
        r = self.r - self.eta_r[..., None] * along
        length = np.sqrt(np.square(v).sum(axis=-1, keepdims=True))
        self.r, self.v = r, v / length if self.form == "projected" else v
        x = (r * v / length).reshape(self.x.shape)
        self.x = np.where(self.plain, plain_x, x) if self.plain.any() else x

    def drop(self, done: NDArray[np.bool_]) -> None:
        """Forget these members (a mask over `index`); pack the rest anew once a quarter is idle."""
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
        rows = groups[:, None], source
        for name in ("y", "depth", "plain", "eta", "eta_r", "x", "r", "v"):
            setattr(self, name, getattr(self, name)[rows])
        self.matrix, self.transposed = self.matrix[groups], self.transposed[groups]
        self.halves = (*self.x.shape[:2], *self.halves[2:])
        self.deepest = int(self.depth.max())
        self.index = (at, slot)
