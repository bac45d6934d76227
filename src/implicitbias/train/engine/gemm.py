"""Matrix products of K members without gradients, by torch or OpenBLAS, whichever is faster here.

torch multiplies with MKL, which on AMD processors takes kernels of 256 bits whatever its variables
are set to. The OpenBLAS inside numpy and scipy takes kernels for AVX-512 where the processor has
them. With less than a dozen examples MKL is as fast, and in fewer calls (docs/performance.md).

Each product is one call of BLAS, whatever K is: a member's numbers do not depend on its pack.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm, sgemm
from torch import Tensor

CPUINFO = Path("/proc/cpuinfo")
WIDE = {"SkylakeX", "Cooperlake", "Sapphirerapids"}  # OpenBLAS's names for kernels for AVX-512
OLDEST = 0, 3, 30  # version of OpenBLAS with which this was tested


def _openblas_is_faster() -> bool:
    """Whether this process has an OpenBLAS with wider kernels than torch's, on as many threads.

    OpenBLAS and torch take their number of threads from OMP_NUM_THREADS, which a training process
    has set; without it OpenBLAS would take every core. OPENBLAS_CORETYPE is respected.
    """
    try:
        from threadpoolctl import threadpool_info

        amd = "AuthenticAMD" in CPUINFO.read_text(encoding="utf-8")
    except (ImportError, OSError):
        return False
    builds = [b for b in threadpool_info() if b["internal_api"] == "openblas"]
    new = all(_version(b["version"]) >= OLDEST for b in builds)
    wide = {b["architecture"] for b in builds} <= WIDE
    return amd and "OMP_NUM_THREADS" in os.environ and bool(builds) and wide and new


def _version(text: str | None) -> tuple[int, ...]:
    """The first three numbers in the text of a version; empty if it has none."""
    return tuple(map(int, re.findall(r"\d+", text or "")[:3]))


openblas = torch.backends.mkl.is_available() and _openblas_is_faster()  # type: ignore[no-untyped-call]
MIN_ROWS = 12  # examples in a batch
_GEMM: dict[torch.dtype, Any] = {torch.float32: sgemm, torch.float64: dgemm}


class Gemm(NamedTuple):
    """Two functions of stacked matrices A (K, m, k), B (K, k, n) and C (K, m, n).

    `bmm(a, b)` returns A B; `baddbmm_(c, a, b)` adds A B to C in place and returns C.
    """

    bmm: Callable[[Tensor, Tensor], Tensor]
    baddbmm_: Callable[[Tensor, Tensor, Tensor], Tensor]


def batched(rows: int, dtype: torch.dtype, device: torch.device) -> Gemm:
    """Return the faster functions for batches of `rows` examples of this dtype on this device."""
    if openblas and rows >= MIN_ROWS and dtype in _GEMM and device.type == "cpu":
        return Gemm(_bmm, _baddbmm_)
    return Gemm(torch.bmm, Tensor.baddbmm_)


@np.errstate(over="ignore", invalid="ignore")  # of a member that diverges
def _bmm(a: Tensor, b: Tensor) -> Tensor:
    out = a.new_empty(a.shape[0], a.shape[1], b.shape[2])
    np.matmul(a.numpy(), b.numpy(), out=out.numpy())
    return out


def _baddbmm_(c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Add A B to C, whose matrices lie row by row. BLAS works by columns: C^T += B^T A^T."""
    blas = _GEMM[c.dtype]
    for one, left, right in zip(c.mT.numpy(), b.mT.numpy(), a.mT.numpy(), strict=True):
        x, transpose_x = _column_major(left)
        y, transpose_y = _column_major(right)
        if blas(1.0, x, y, 1.0, one, transpose_x, transpose_y, overwrite_c=1) is not one:
            raise ValueError("the matrices that are added to do not lie row by row")
    return c


def _column_major(matrix: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return a matrix as BLAS reads it without a copy, and whether BLAS has to transpose it."""
    return (matrix, 0) if matrix.flags.f_contiguous else (matrix.T, 1)
