"""Descent on diagonal linear networks: the iteration of a pack, its records and checkpoints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...plan.specs.weight_norm_flow import Spec
from ..parts import State, Training, tensors
from ..records import Records, log_spaced
from ._wn_instances import Instances
from ._wn_records import end, series
from ._wn_steps import Array, Steps

REACHED = 1e-4  # relative residual whose first step is recorded


def _squares(misfit: Array) -> Array:
    """Return ||A z - y||^2 (G, K)."""
    return np.asarray(np.einsum("...i,...i->...", misfit, misfit))


class Descent(Training):
    """A part of a pack in iteration; `left` are the members that have not stopped."""

    def __init__(self, specs: list[Spec], instances: Instances) -> None:
        self.specs, self.instances = specs, instances
        self.made = [instances.of(s) for s in specs]
        self.pack, self.left, self.step = Steps(specs, self.made), np.arange(len(specs)), 0
        self.due = [log_spaced(s.iterations, s.record_points) for s in specs]
        self.times = frozenset().union(*self.due)
        self.tolerance = np.array([s.stop for s in specs])
        self.limit = np.array([s.iterations for s in specs])
        self.size = np.array([np.sqrt(np.square(i.y).sum()) for i in self.made])
        self.reached = np.full(len(specs), np.nan)
        self._set_alarm()

    def state(self) -> State:
        """See Training."""
        return tensors({**self.pack.state(), "left": self.left, "reached": self.reached})

    def restore(self, state: State) -> None:
        """See Training."""
        arrays = {name: value.numpy() for name, value in state.items()}
        self.left, self.reached = arrays.pop("left"), arrays.pop("reached")
        self.pack.restore(arrays)
        self._set_alarm()

    def loss(self) -> float:
        """Return the largest relative residual."""
        return float(np.nanmax(self._relative(_squares(self.pack.misfit()))))

    def _relative(self, squares: Array) -> Array:
        return np.asarray(np.sqrt(squares[self.pack.index]) / self.size[self.left])

    def advance(self, records: Records) -> bool:
        """Record what is due, record the end of members that stop, then take a step.

        Return False if no member is left.
        """
        misfit = self.pack.misfit()
        squares = _squares(misfit)
        noticed = self.step >= self.next or not (squares > self.alarm).all()  # NaN is noticed
        if noticed and self._notice(squares, records):
            if not len(self.left):
                return False
            misfit = self.pack.misfit()
        self.pack.advance(misfit)
        self.step += 1
        if noticed:
            self._set_alarm()
        return True

    def _set_alarm(self) -> None:
        """Set the step `next` before which nothing is due, and the misfits `alarm`.

        Nothing is due while all squared misfits are above `alarm`. Checking each member in each
        step would be slow.
        """
        left = self.left
        first = np.isnan(self.reached[left])
        above = np.where(first, np.maximum(self.tolerance[left], REACHED), self.tolerance[left])
        self.alarm = np.full(self.pack.y.shape[:2], -1.0)
        # Rounding must not hide a member that is just there: `_notice` compares exactly.
        self.alarm[self.pack.index] = np.square(above * self.size[left]) * (1 + 1e-9)
        due = [t for t in self.times if t >= self.step]
        self.next = min([*due, int(self.limit[left].min())])

    def _notice(self, squares: Array, records: Records) -> bool:
        """Record what is due and the end of those that stop; return whether some have."""
        left, residual = self.left, self._relative(squares)
        self.reached[left[np.isnan(self.reached[left]) & (residual <= REACHED)]] = self.step
        done = ~(residual > self.tolerance[left]) | (self.step >= self.limit[left])  # NaN is done
        stopping = bool(done.any())
        if self.step in self.times or stopping:
            self._record(done, residual, records)
        if stopping:
            self.left = left[~done]
            if len(self.left):
                self.pack.drop(done)
        return stopping

    def _record(self, done: NDArray[np.bool_], residual: Array, records: Records) -> None:
        z, x = self.pack.z()[self.pack.index], self.pack.x[self.pack.index]
        due = np.array([self.step in self.due[j] for j in self.left])
        for i in np.flatnonzero(done | due):
            j = int(self.left[i])
            s, made = self.specs[j], self.made[j]
            series(s, made, z[i], x[i], residual[i], self.step, records)
            if done[i]:
                end(s, made, self.instances.pursuit(s), z[i], x[i], float(residual[i]),
                     self.step, float(self.reached[j]), records)  # fmt: skip
