"""Record what the last n steps leave of a weight: the inputs of the finite-memory certificates.

With W_T = p W_{T-n} - sum_j (...) G_j and p = prod (1 - lr_t weight_decay), the difference D = W_T
- p W_{T-n} has rank at most the sum over the n steps of m_l b_t, with b_t the batch sizes (Galanti
et al. 2025, lemma 3.2's proof; m_l: `layers.patches`). For several n the records hold what both
sides of this bound need, including the spectrum of D. This is for plain SGD only: with momentum W_T
depends on every earlier gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...models._layers import WeightMatrix
from ..networks import Networks
from ..records import Records
from ._base import Base

if TYPE_CHECKING:
    from ...plan.specs.sgd import Spec

RECORDS = {
    "sgd": {
        "arrays": {
            "window_steps": "Lengths n of the windows that end at the record [steps].",
            "window_rank": "For each n, m_l times the examples of its steps: the largest rank of"
            " W_T - p W_{T-n} [1].",
            "window_product": "For each n, p: the product of 1 - lr weight_decay over its steps"
            " [1].",
            "window_fro": "For each n, ||W_{T-n}||_F [1].",
            "window_spec": "For each n, ||W_{T-n}||_2 [1].",
            "window_rest": "Singular values of W_T - p W_{T-n}, a row for each n [1].",
            "unit_roundoff": "Half the distance from 1 to the next number of the run's precision"
            " [1].",
        },
    },
}

# n of the theorem for these eps: the smallest with prod over the last n steps <= eps / 2.
THEOREM_EPS = (0.5, 0.3, 0.1)


def check(spec: Spec) -> None:
    """Raise ValueError for momentum, with which a weight depends on every earlier gradient."""
    if spec.momentum > 0:
        raise ValueError("is about plain SGD; momentum must be 0")


class Decay:
    """The decay factors p(T, n) and the sums of b_t of a run, over the n steps before T."""

    def __init__(self, spec: Spec) -> None:
        per_epoch, n, b = spec.steps_per_epoch, spec.n_examples, spec.batch_size
        sizes = [b] * (per_epoch - 1) + [n - b * (per_epoch - 1)]
        logs = [np.log1p(-spec.lr * spec.lr_multiplier(e) * spec.weight_decay)
                for e in range(spec.epochs)]  # fmt: skip
        self.sizes = _sums(np.tile(sizes, spec.epochs))
        self.logs = _sums(np.repeat(logs, per_epoch))

    def factor(self, end: int, n: int) -> float:
        """Return prod (1 - lr_t weight_decay) over steps end - n ... end - 1."""
        return float(np.exp(self.logs[end] - self.logs[end - n]))

    def examples(self, end: int, n: int) -> int:
        """Return the sum of the batch sizes of steps end - n ... end - 1."""
        return int(self.sizes[end] - self.sizes[end - n])

    def theorem_steps(self, end: int, eps: float) -> int | None:
        """Return the smallest n with factor(end, n) <= eps / 2, or None.

        None means that even all steps do not suffice.
        """
        reached = np.flatnonzero(self.logs[end] - self.logs[: end + 1] <= np.log(eps / 2))
        return int(end - reached[-1]) if len(reached) else None


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([[0], np.cumsum(values)])


def lengths(decay: Decay, end: int, sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Return the n at which a run is examined after `end` steps: 1, 4, 16, ..., and the theorem's.

    sizes: (m_l, min(rows, cols)) of the matrices. A window whose rank bound reaches the size of
    every matrix is vacuous and left out, except for n = 1.
    """
    candidates = {4**i for i in range(16)}
    candidates |= {n for eps in THEOREM_EPS if (n := decay.theorem_steps(end, eps)) is not None}

    def speaks(n: int) -> bool:
        return n <= end and any(m * decay.examples(end, n) < size for m, size in sizes)

    return sorted({1} | {n for n in candidates if speaks(n)})


class Observer(Base):
    """An observer that keeps weights from n steps before a record epoch and compares them there."""

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        spec = networks.specs[0]
        self.sizes = [(networks.patches[m.label], min(m.rows, m.cols)) for m in networks.matrices]
        self.decays = [Decay(s) for s in networks.specs]
        ends = [e * spec.steps_per_epoch for e in spec.record_epochs if e > 0]
        self.lengths = {
            (k, end): lengths(decay, end, self.sizes)
            for k, decay in enumerate(self.decays) for end in ends
        }  # fmt: skip
        self.due: dict[int, list[tuple[int, int]]] = {}
        for (k, end), windows in self.lengths.items():
            for n in windows:
                self.due.setdefault(end - n, []).append((k, end))
        self.weights: dict[str, dict[str, Tensor]] = {}  # "k end start" -> label -> weight

    def before_step(self, step: int, x: Tensor, y: Tensor, multiplier: float) -> None:
        """See Base."""
        for k, end in self.due.get(step, ()):
            self.weights[_key(k, end, step)] = {
                m.label: self.networks.matrix(m, k).clone() for m in self.networks.matrices
            }

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        if epoch == 0:
            return
        for k, run in enumerate(self.networks.runs):
            starts = {n: self.weights.pop(_key(k, step, step - n)) for n in self.lengths[k, step]}
            for matrix in self.networks.matrices:
                old = {n: weights[matrix.label] for n, weights in starts.items()}
                for name, values in self._layer(k, step, matrix, old).items():
                    records.array(
                        run, epoch, step, name, values.ravel().tolist(), values.shape,
                        matrix.label, matrix.averaged,
                    )  # fmt: skip

    def _layer(
        self, k: int, end: int, matrix: WeightMatrix, old: dict[int, Tensor]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the records of one matrix: its windows that are not vacuous, or the shortest."""
        m, size = self.networks.patches[matrix.label], min(matrix.rows, matrix.cols)
        decay, now = self.decays[k], _double(self.networks.matrix(matrix, k))
        windows = [n for n in old if m * decay.examples(end, n) < size] or [min(old)]
        before = [_double(old[n]) for n in windows]
        factors = [decay.factor(end, n) for n in windows]
        rest = [_svd(now - p * w) for p, w in zip(factors, before, strict=True)]
        dtype = self.networks.trainer.state()[matrix.parameter].dtype
        return {
            "window_steps": np.array(windows, dtype=np.float64),
            "window_rank": np.array([m * decay.examples(end, n) for n in windows], dtype=float),
            "window_product": np.array(factors),
            "window_fro": np.array([np.linalg.norm(w) for w in before]),
            "window_spec": np.array([_svd(w)[0] for w in before]),
            "window_rest": np.stack(rest),
            "unit_roundoff": np.array([torch.finfo(dtype).eps / 2]),
        }

    def kept(self) -> dict[str, Any]:
        """See Base."""
        return self.weights

    def restore(self, kept: dict[str, Any]) -> None:
        """See Base."""
        self.weights = kept


def _key(k: int, end: int, start: int) -> str:
    return f"{k} {end} {start}"


def _double(weight: Tensor) -> NDArray[np.float64]:
    return np.asarray(weight.double().cpu().numpy())


def _svd(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return all singular values, by the method that keeps small ones accurate.

    They are NaN if the matrix is not finite.
    """
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.asarray(np.linalg.svd(matrix, compute_uv=False))
