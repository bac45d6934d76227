"""Record the singular spectrum and the Frobenius norm of every weight matrix.

Ranks are not computed here. The full singular spectrum of every weight matrix is stored, and every
rank, at any tolerance and under either norm, is derived from it later without training.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from ...metrics._matrix import frobenius, singular_values
from ...models._layers import WeightMatrix
from ..networks import Networks
from ..records import Records
from ._base import Base

RECORDS = {
    "sgd": {
        "arrays": {
            "spectrum": "Singular values s_1 >= s_2 >= ... of each weight matrix; kernels as (out,"
            " in x kernel area) [1].",
        },
        "scalars": {
            "fro_norm": "||W||_F of each weight matrix [1].",
        },
    },
    "square_sgd": {
        "arrays": {
            "spectrum": "Singular values s_1 >= s_2 >= ... of each weight matrix; kernels as (out,"
            " in x kernel area) [1].",
        },
        "scalars": {
            "fro_norm": "||W||_F of each weight matrix [1].",
        },
    },
}
ALWAYS = ("sgd",)


def spectra(
    records: Records,
    runs: list[str],
    weights: Mapping[str, Tensor],
    matrices: tuple[WeightMatrix, ...],
    epoch: int,
    step: int,
) -> None:
    """Write the spectrum and the Frobenius norm of every weight matrix of every member.

    weights: by the names of their parameters, each (K, ...).
    """
    for matrix in matrices:
        stack = weights[matrix.parameter].flatten(2).double().cpu().numpy()
        for run, w in zip(runs, stack, strict=True):
            records.array(
                run, epoch, step, "spectrum", singular_values(w).tolist(),
                (matrix.rows, matrix.cols), matrix.label, matrix.averaged,
            )  # fmt: skip
            norm = frobenius(w)
            records.scalar(run, epoch, step, "fro_norm", norm, matrix.label)


class Observer(Base):
    """An observer that records `spectra`; on a CUDA device a thread computes them beside training.

    The thread works on copies of the weights. Training on the GPU continues while the CPU computes.
    Nothing else may add to the records or save them before `settle`.
    """

    LAST = True

    def __init__(self, networks: Networks, beside: bool | None = None) -> None:
        super().__init__(networks)
        if beside is None:
            beside = networks.train[0].device.type == "cuda"
        self._thread = ThreadPoolExecutor(1) if beside else None
        self._computing: Future[None] | None = None

    def measure(self, records: Records, epoch: int, step: int) -> None:
        """See Base."""
        networks, state = self.networks, self.networks.trainer.state()
        if self._thread is None:
            spectra(records, networks.runs, state, networks.matrices, epoch, step)
            return
        copied = {m.parameter: state[m.parameter].to("cpu", copy=True) for m in networks.matrices}
        self._computing = self._thread.submit(
            spectra, records, networks.runs, copied, networks.matrices, epoch, step
        )

    def settle(self) -> None:
        """See Base."""
        if self._computing is not None:
            self._computing.result()
            self._computing = None
