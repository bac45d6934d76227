"""The dense networks of `lm_flow` and their gradients, in float64 NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...plan.specs.lm_flow import Spec

Array = NDArray[np.float64]
Masks = list[NDArray[np.bool_]]


class Pass(NamedTuple):
    """A forward pass, with pre-activations (N, .) and inputs (N, .) of every layer.

    `roots` are the roots of a smooth ReLU, sqrt(z^2 + radius^2), for every layer except the last.
    """

    z: list[Array]
    h: list[Array]
    roots: list[Array]

    @property
    def outputs(self) -> Array:
        """Return the outputs (N,)."""
        return self.z[-1][:, 0]


@dataclass(frozen=True)
class Problem:
    """A problem with inputs x (N, d), targets y (N,), and a flow on (a, W_1, ..., W_L), g = a net.

    With a free last layer a stays 1. With a free scalar, a is rho and every layer is on the sphere.
    """

    x: Array
    y: Array
    shapes: tuple[tuple[int, int], ...]
    lam: float
    spec: Spec

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([1, *(r * c for r, c in self.shapes)])

    @cached_property
    def on_sphere(self) -> int:
        """Return how many layers, from the first, are on the sphere."""
        return len(self.shapes) - (self.spec.free == "last_layer")

    def layers(self, state: Array) -> list[Array]:
        """Return W_1, ..., W_L as views of the state."""
        parts = zip(self._ends[:-1], self._ends[1:], self.shapes, strict=True)
        return [state[a:b].reshape(shape) for a, b, shape in parts]

    def forward(self, weights: list[Array], masks: Masks | None = None) -> Pass:
        """Return the forward pass of all examples.

        `masks` are the active units of a ReLU, if they are not those of z > 0.
        """
        z, h, roots = [], [self.x], []
        for k, w in enumerate(weights[:-1]):
            z.append(h[-1] @ w.T)
            if self.spec.activation == "smooth_relu":
                roots.append(np.sqrt(z[-1] ** 2 + self._radius2(w) * _squares(h[-1])))
                h.append((z[-1] + roots[-1]) / 2)
            else:
                h.append(np.where(self._active(z[-1], k, masks), z[-1], 0.0))
        return Pass([*z, h[-1] @ weights[-1].T], h, roots)

    def _active(self, z: Array, k: int, masks: Masks | None) -> NDArray[np.bool_]:
        if self.spec.activation == "linear":
            return np.ones_like(z, dtype=bool)
        return z > 0 if masks is None else masks[k]

    def _radius2(self, w: Array) -> float:
        """Return (smoothing ||W||)^2 / width; times ||h||^2 it is the rounding's radius squared."""
        return _dot(w, w) * self.spec.smoothing**2 / len(w)

    def pulled(
        self, weights: list[Array], passed: Pass, at_output: Array, masks: Masks | None = None
    ) -> list[Array]:
        """Return sum_n at_output_n d net(x_n) / dW_k for every layer; at_output is (N,)."""
        last, parts = len(weights) - 1, []
        back = at_output[:, None]  # with respect to what leaves layer k
        for k in range(last, -1, -1):
            w, z, h = weights[k], passed.z[k], passed.h[k]
            if k == last or self.spec.activation != "smooth_relu":
                at_z = back if k == last else np.where(self._active(z, k, masks), back, 0.0)
                parts.append(at_z.T @ h)
                back = at_z @ w
                continue
            root = passed.roots[k]
            at_z = back * (1 + z / root) / 2
            # Through the radius, to W and to h; example by example.
            shared = self._radius2(w) * (back / root).sum(axis=1, keepdims=True) / 2
            parts.append(at_z.T @ h + _dot(shared, _squares(h)) / _dot(w, w) * w)
            back = at_z @ w + shared * h
        return parts[::-1]

    def velocity(self, state: Array, masks: Masks | None = None) -> Array:
        """Return the flow: minus the gradient, or for layers on the sphere its tangent part."""
        a, weights = state[0], self.layers(state)
        passed = self.forward(weights, masks)
        error = 2 / len(self.x) * (a * passed.outputs - self.y)
        parts = self.pulled(weights, passed, a * error, masks)
        for k, w in enumerate(weights):
            if k < self.on_sphere:
                parts[k] = parts[k] - _dot(parts[k], w) / _dot(w, w) * w
            else:
                parts[k] = parts[k] + 2 * self.lam * w
        scalar = self.spec.free == "scalar"
        along = float(error @ passed.outputs) + 2 * self.lam * a if scalar else 0.0
        return -np.concatenate([[along], *(p.ravel() for p in parts)])

    def renormalised(self, state: Array) -> Array:
        """Return the state with its layers back on the sphere."""
        state_on_sphere = state.copy()
        for w in self.layers(state_on_sphere)[: self.on_sphere]:
            w /= np.sqrt(_dot(w, w))
        return state_on_sphere


def _dot(a: Array, b: Array) -> np.float64:
    """Return <a, b> of two arrays of one shape, faster at this size than a product and a sum."""
    return np.float64(np.vdot(a, b))  # of a diverged state it divides by 0 without an error


def _squares(h: Array) -> Array:
    """Return ||h_n||^2 of every row (N, 1)."""
    squares: Array = np.einsum("ni,ni->n", h, h)[:, None]
    return squares


def draw(s: Spec) -> tuple[Problem, Array]:
    """Return the instance of a seed and its start."""
    rng = np.random.default_rng(s.seed)
    x = rng.normal(size=(s.n_examples, s.dimension))
    x = np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float64)
    y = np.where(np.arange(s.n_examples) % 2 == 0, 1.0, -1.0)
    sizes = [s.dimension, *[s.width] * (s.depth - 1), 1]
    shapes = tuple(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [rng.normal(size=shape) for shape in shapes]
    units = [w.ravel() / np.linalg.norm(w) for w in weights]
    problem = Problem(x, y, shapes, s.weight_decay / 2, s)
    if s.free == "scalar":
        return problem, np.concatenate([[s.init_norm], *units])
    return problem, np.concatenate([[1.0], *units[:-1], s.init_norm * units[-1]])
