"""The dense networks of `lm_flow` and their gradients, in float64 NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..specs.lm_flow import Spec

Array = NDArray[np.float64]
Masks = list[NDArray[np.bool_]]


class Pass(NamedTuple):
    """A forward pass: pre-activations (N, .) and inputs (N, .) of every layer."""

    z: list[Array]
    h: list[Array]

    @property
    def outputs(self) -> Array:
        """(N,)."""
        return self.z[-1][:, 0]


@dataclass(frozen=True)
class Problem:
    """Inputs x (N, d), targets y (N,), and the flow on the state (a, W_1, ..., W_L), g = a net.

    With a free last layer a stays 1; with a free scalar a is rho and every layer on the sphere.
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
        """How many layers, from the first, are on the sphere."""
        return len(self.shapes) - (self.spec.free == "last_layer")

    def layers(self, state: Array) -> list[Array]:
        """W_1, ..., W_L as views of the state."""
        parts = zip(self._ends[:-1], self._ends[1:], self.shapes, strict=True)
        return [state[a:b].reshape(shape) for a, b, shape in parts]

    def forward(self, weights: list[Array], masks: Masks | None = None) -> Pass:
        """All examples. `masks`: the active units of a ReLU, where not those of z > 0."""
        z, h = [], [self.x]
        for k, w in enumerate(weights[:-1]):
            z.append(h[-1] @ w.T)
            if self.spec.activation == "smooth_relu":
                h.append((z[-1] + self._root(z[-1], w, h[-1])) / 2)
            else:
                h.append(np.where(self._active(z[-1], k, masks), z[-1], 0.0))
        return Pass([*z, h[-1] @ weights[-1].T], h)

    def _active(self, z: Array, k: int, masks: Masks | None) -> NDArray[np.bool_]:
        if self.spec.activation == "linear":
            return np.ones_like(z, dtype=bool)
        return z > 0 if masks is None else masks[k]

    def _radius2(self, w: Array) -> float:
        """(smoothing ||W||)^2 / width: times ||h||^2, the square of the rounding's radius."""
        return float((w * w).sum()) * self.spec.smoothing**2 / len(w)

    def _root(self, z: Array, w: Array, h: Array) -> Array:
        return np.asarray(np.sqrt(z * z + self._radius2(w) * (h * h).sum(axis=1, keepdims=True)))

    def pulled(
        self, weights: list[Array], found: Pass, at_output: Array, masks: Masks | None = None
    ) -> list[Array]:
        """sum_n at_output_n d net(x_n) / dW_k for every layer; at_output (N,)."""
        last, parts = len(weights) - 1, []
        back = at_output[:, None]  # with respect to what leaves layer k
        for k in range(last, -1, -1):
            w, z, h = weights[k], found.z[k], found.h[k]
            if k == last or self.spec.activation != "smooth_relu":
                at_z = back if k == last else np.where(self._active(z, k, masks), back, 0.0)
                parts.append(at_z.T @ h)
                back = at_z @ w
                continue
            root = self._root(z, w, h)
            at_z = back * (1 + z / root) / 2
            # Through the radius, to W and to h; example by example.
            shared = self._radius2(w) * (back / root).sum(axis=1, keepdims=True) / 2
            parts.append(at_z.T @ h + float((shared * h * h).sum() / (w * w).sum()) * w)
            back = at_z @ w + shared * h
        return parts[::-1]

    def velocity(self, state: Array, masks: Masks | None = None) -> Array:
        """The flow: minus the gradient, of layers on the sphere its tangent part."""
        a, weights = state[0], self.layers(state)
        found = self.forward(weights, masks)
        error = 2 / len(self.x) * (a * found.outputs - self.y)
        parts = self.pulled(weights, found, a * error, masks)
        for k, w in enumerate(weights):
            if k < self.on_sphere:
                parts[k] = parts[k] - (parts[k] * w).sum() / (w * w).sum() * w
            else:
                parts[k] = parts[k] + 2 * self.lam * w
        scalar = self.spec.free == "scalar"
        along = float(error @ found.outputs) + 2 * self.lam * a if scalar else 0.0
        return -np.concatenate([[along], *(p.ravel() for p in parts)])

    def renormalised(self, state: Array) -> Array:
        """The state with its layers back on the sphere."""
        found = state.copy()
        for w in self.layers(found)[: self.on_sphere]:
            w /= np.sqrt((w * w).sum())
        return found


def draw(s: Spec) -> tuple[Problem, Array]:
    """The instance of a seed and its start."""
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
