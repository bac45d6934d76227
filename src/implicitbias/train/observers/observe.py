"""Statistics taken from a pack in training: sufficient ones, so that every metric stays open.

Ranks are not computed here. The full singular spectrum of every weight matrix is stored, and every
rank, at any tolerance and under either norm, is derived from it later without training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...models._layers import WeightMatrix
from ...models._objectives import LOSSES, accuracy
from ..records import Records

_CHUNK = 2048  # examples in one evaluation


def singular_values(matrix: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """All singular values of W (m, n), descending, in float64; NaN throughout if W is not finite.

    Where the long side is over twice the short one they come from the eigenvalues of the small Gram
    matrix, which is faster and at relative tolerance 1e-5 still gives the same counts (squaring
    costs half the digits, and float64 has 16). The conversion comes first: a float32 Gram matrix is
    off at 1e-4.
    """
    w = np.asarray(matrix, dtype=np.float64)
    m, n = w.shape
    if not np.isfinite(w).all():
        return np.full(min(m, n), np.nan)
    if max(m, n) <= 2 * min(m, n):
        return np.asarray(np.linalg.svd(w, compute_uv=False))
    gram = w @ w.T if m < n else w.T @ w
    eigenvalues = np.asarray(np.linalg.eigvalsh(gram)[::-1], dtype=np.float64)
    return np.asarray(np.sqrt(eigenvalues.clip(min=0)))


def spectra(
    records: Records,
    runs: list[str],
    weights: Mapping[str, Tensor],
    matrices: tuple[WeightMatrix, ...],
    epoch: int,
    step: int,
) -> None:
    """The spectrum and the Frobenius norm of every weight matrix of every member.

    weights: by the names of their parameters, each (K, ...).
    """
    for matrix in matrices:
        stack = weights[matrix.parameter].flatten(2).double().cpu().numpy()
        for run, w in zip(runs, stack, strict=True):
            records.array(
                run, epoch, step, "spectrum", singular_values(w).tolist(),
                (matrix.rows, matrix.cols), matrix.label, matrix.averaged,
            )  # fmt: skip
            norm = float(np.linalg.norm(w))
            records.scalar(run, epoch, step, "fro_norm", norm, matrix.label)


class Spectra:
    """`spectra` at once, or beside training: by a thread, from copies of the weights.

    A GPU so goes on training while the processor computes. Nothing else may add to the records or
    save them before `settle`.
    """

    def __init__(self, beside: bool) -> None:
        self._thread = ThreadPoolExecutor(1) if beside else None
        self._computing: Future[None] | None = None

    def measure(
        self,
        records: Records,
        runs: list[str],
        state: Mapping[str, Tensor],
        matrices: tuple[WeightMatrix, ...],
        epoch: int,
        step: int,
    ) -> None:
        """Those of the weights as they are now."""
        if self._thread is None:
            spectra(records, runs, state, matrices, epoch, step)
            return
        copied = {m.parameter: state[m.parameter].to("cpu", copy=True) for m in matrices}
        self._computing = self._thread.submit(spectra, records, runs, copied, matrices, epoch, step)

    def settle(self) -> None:
        """Wait for what is being computed."""
        if self._computing is not None:
            self._computing.result()
            self._computing = None


@torch.no_grad()
def performance(
    records: Records,
    runs: list[str],
    outputs_of: Callable[[Tensor], Tensor],
    split: tuple[str, Tensor, Tensor],
    loss: str,
    epoch: int,
    step: int,
) -> Tensor:
    """Loss and accuracy over a whole split; returns the losses (K,).

    `outputs_of` maps examples (n, ...) to outputs (K, n, C) in evaluation mode.
    """
    name, x, y = split
    losses = torch.zeros(len(runs), dtype=torch.float64)
    right = torch.zeros_like(losses)
    for i in range(0, len(y), _CHUNK):
        outputs = outputs_of(x[i : i + _CHUNK])
        labels = y[i : i + _CHUNK].expand(len(runs), -1)
        share = labels.shape[1] / len(y)
        losses += LOSSES[loss](outputs, labels).cpu().double() * share
        right += accuracy(outputs, labels).cpu().double() * share
    for k, run in enumerate(runs):
        records.scalar(run, epoch, step, f"{name}_loss", losses[k].item())
        records.scalar(run, epoch, step, f"{name}_accuracy", right[k].item())
    return losses
