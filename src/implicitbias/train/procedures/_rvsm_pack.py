"""An rvsm pack as arrays: truths, starts, thresholds and gradients of its members, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from ...plan.specs.rvsm import Spec
from ..sparse import relu_patches as relu
from ..sparse import thresholds

Array = NDArray[np.float64]
_START, _INPUTS, _ORDER = 101, 102, 103  # streams beside the seed's own
_COLUMNS = ("truth", "w", "u", "patches", "beta", "eta", "cutoff", "shape", "sphere", "mu", "stop",
            "limit")  # fmt: skip


def truth_and_start(spec: Spec) -> tuple[Array, Array]:
    """Return w* and w(0), unit vectors (d,).

    Support, entries and start are drawn in the order of the spec.
    """
    rng = default_rng(spec.seed)
    support = rng.choice(spec.dimension, spec.sparsity, replace=False)
    truth = np.zeros(spec.dimension)
    truth[support] = rng.normal(size=spec.sparsity)
    truth /= relu.norm(truth)
    if spec.start_seed is not None:
        rng = default_rng([spec.start_seed, _START])
    start = rng.normal(size=spec.dimension)
    start /= relu.norm(start)
    if spec.start_angle is not None:
        across = start - truth * (start @ truth)
        across /= relu.norm(across)
        start = np.cos(spec.start_angle) * truth + np.sin(spec.start_angle) * across
    return truth, start


class Splitting:
    """The iteration of K members side by side, in which the rows are independent."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = list(specs)
        pairs = [truth_and_start(s) for s in specs]
        self.truth, self.w = (np.stack(side) for side in zip(*pairs, strict=True))
        self.patches = np.array([float(s.patches) for s in specs])
        self.beta = np.array([s.beta for s in specs])
        self.eta = np.array([s.eta for s in specs])
        self.cutoff = np.array([s.cutoff for s in specs])
        self.shape = np.array([s.tl1_shape for s in specs])
        self.sphere = np.array([s.domain == "sphere" for s in specs])
        self.stop = np.array([s.stop for s in specs])
        self.limit = np.array([s.iterations for s in specs])
        kinds = np.array([s.penalty for s in specs])
        self.rows = {p: np.flatnonzero(kinds == p) for p in thresholds.PENALTIES}
        self.mu = np.zeros(len(specs))
        for p, at in self.rows.items():
            self.mu[at] = thresholds.weight_of(p, self.cutoff[at], self.shape[at])
        self.u = self.threshold(self.w)

    def threshold(self, w: Array) -> Array:
        """Return u = T(w), each row with its own operator."""
        u = np.empty_like(w)
        for p, at in self.rows.items():
            if len(at):
                tau, shape = self.cutoff[at, None], self.shape[at, None]
                u[at] = thresholds.threshold(p, w[at], tau, shape)
        return u

    def penalty(self, u: Array) -> Array:
        """Return lambda P(u) (K,), lambda = beta mu."""
        values = np.zeros(len(u))
        for p, at in self.rows.items():
            values[at] = thresholds.value(p, u[at], self.shape[at])
        return self.beta * self.mu * values

    def loss(self) -> Array:
        """Return f(w) (K,), always the population's."""
        return relu.population_loss(self.w, self.truth, self.patches)

    def lagrangian(self) -> Array:
        """Return f(w) + lambda P(u) + (beta/2) ||w - u||^2, (K,)."""
        apart = self.beta / 2 * np.square(self.w - self.u).sum(axis=1)
        return np.asarray(self.loss() + self.penalty(self.u) + apart)

    def advance(self, gradient: Array) -> Array:
        """Take one step of w, then u = T(w); return how far each w moved (K,)."""
        pull = self.beta[:, None] * (self.w - self.u)
        w = self.w - self.eta[:, None] * (gradient + pull)
        w = np.where(self.sphere[:, None], w / relu.norm(w)[:, None], w)
        moved = relu.norm(w - self.w)
        self.w, self.u = w, self.threshold(w)
        return moved

    def subset(self, kept: NDArray[np.intp]) -> Splitting:
        """Return the members at the indices `kept`, at their present state."""
        part = object.__new__(Splitting)
        part.specs = [self.specs[i] for i in kept]
        for name in _COLUMNS:
            setattr(part, name, getattr(self, name)[kept])
        kinds = np.array([s.penalty for s in part.specs])
        part.rows = {p: np.flatnonzero(kinds == p) for p in thresholds.PENALTIES}
        return part


class Inputs:
    """The finite samples of one seed, shared by its members, and the order of the batches."""

    def __init__(self, spec: Spec, truth: Array) -> None:
        n, k, d = spec.n_examples, spec.patches, spec.dimension
        self.x = default_rng([spec.seed, _INPUTS]).normal(size=(n, k, d))
        self.target = relu.sample_residuals(self.x, truth[None], np.zeros(n))[0][0]
        self.batch = n if spec.gradient == "full_batch" else spec.batch_size
        self.orders = default_rng([spec.seed, _ORDER])
        self.queue, self.drawn = np.arange(n), 0

    def gradient(self, w: Array, iteration: int) -> Array:
        """Return the gradient (K, d) on the whole sample, or on the iteration's batch.

        Each pass has a new order.
        """
        n = len(self.target)
        if self.batch == n:
            return relu.sample_loss_gradient(self.x, w, self.target)[1]
        order, at = divmod(iteration, n // self.batch)
        while self.drawn <= order:
            self.queue, self.drawn = self.orders.permutation(n), self.drawn + 1
        index = self.queue[at * self.batch : (at + 1) * self.batch]
        return relu.sample_loss_gradient(self.x[index], w, self.target[index])[1]
