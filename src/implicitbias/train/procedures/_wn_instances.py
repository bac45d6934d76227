"""The instances of runs on diagonal linear networks: drawn, and solved by the baseline, once."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...plan.specs.weight_norm_flow import Spec
from ..sparse import sensing

Array = NDArray[np.float64]


class Instances:
    """The instance and the basis-pursuit solution of each member."""

    def __init__(self) -> None:
        self._drawn = cache(sensing.draw)
        self._matrices: dict[tuple[int, int, int], Array] = {}
        self._pursuits: dict[tuple[object, ...], Array] = {}

    def of(self, s: Spec) -> sensing.Instance:
        """Return a member's instance; members with the same seed and sizes share one array A.

        These members form a group.
        """
        made = self._drawn(s.seed, s.dimension, s.measurements, s.sparsity, s.signed, s.noise)
        matrix = self._matrices.setdefault((s.seed, s.dimension, s.measurements), made.matrix)
        return sensing.Instance(matrix, made.truth, made.y)

    def pursuit(self, s: Spec) -> Array:
        """Return argmin ||z||_1, A z = y."""
        key = (s.seed, s.dimension, s.measurements, s.sparsity, s.signed, s.noise)
        if key not in self._pursuits:
            made = self.of(s)
            self._pursuits[key] = sensing.basis_pursuit(made.matrix, made.y, s.signed)
        return self._pursuits[key]
