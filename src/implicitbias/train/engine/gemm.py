"""Gemms of K pairs of matrices, in torch or in OpenBLAS, whichever is faster on this machine.

torch multiplies with MKL, which on AMD processors uses 256-bit kernels, whatever its variables are
set to. The OpenBLAS inside numpy and scipy uses AVX-512 kernels there; docs/performance.md has the
speed-up. With less than a dozen examples MKL is as fast, in fewer calls.

Each product is a BLAS call of its own, whatever K is: a member's numbers do not depend on its pack.
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
from torch.autograd.function import FunctionCtx

CPUINFO = Path("/proc/cpuinfo")
WIDE = {"SkylakeX", "Cooperlake", "Sapphirerapids"}  # OpenBLAS's names for kernels for AVX-512
OLDEST = 0, 3, 30  # version of OpenBLAS with which this was tested


def _openblas_is_faster() -> bool:
    """Return whether an OpenBLAS here has wider kernels than torch's, on as many threads.

    In a process that trains, OpenBLAS takes its number of threads from OMP_NUM_THREADS, as torch
    does; without this variable it would take every core. It chooses its kernels itself, or by
    OPENBLAS_CORETYPE, which is respected.
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
    """Return the first three numbers of a version, or nothing where there are none."""
    return tuple(map(int, re.findall(r"\d+", text or "")[:3]))


openblas = torch.backends.mkl.is_available() and _openblas_is_faster()  # type: ignore[no-untyped-call]
MIN_ROWS = 12  # rows of a product: examples, or examples times tokens
MIN_WEIGHTS = 64 * 64  # weights of a layer on autograd's paths, where a call costs more
_GEMM: dict[torch.dtype, Any] = {torch.float32: sgemm, torch.float64: dgemm}


class Gemm(NamedTuple):
    """A pair of functions: `bmm(a, b)` is a b, `baddbmm_(c, a, b)` adds it to c.

    a is (K, m, k) and b is (K, k, n).
    """

    bmm: Callable[[Tensor, Tensor], Tensor]
    baddbmm_: Callable[[Tensor, Tensor, Tensor], Tensor]


def batched(rows: int, dtype: torch.dtype, device: torch.device) -> Gemm:
    """Return the faster gemms for so many examples, without gradients."""
    if openblas and rows >= MIN_ROWS and dtype in _GEMM and device.type == "cpu":
        return Gemm(_bmm, _baddbmm_)
    return Gemm(torch.bmm, Tensor.baddbmm_)


def bmm(a: Tensor, b: Tensor) -> Tensor:
    """Return activations a (K, m, k) times weights b (K, k, n), by the faster gemm."""
    fits = a.dtype in _GEMM and a.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if openblas and fits and a.shape[1] >= MIN_ROWS and b[0].numel() >= MIN_WEIGHTS:
        out: Tensor = _BatchedGemm.apply(a, b)  # type: ignore[no-untyped-call]
        return out
    return torch.bmm(a, b)


@np.errstate(over="ignore", invalid="ignore")  # of a member that diverges
def matmul(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Write a b into `out`, by OpenBLAS, in any layout whose rows or columns have no gaps."""
    np.matmul(a.numpy(), b.numpy(), out=out.numpy())
    return out


def _bmm(a: Tensor, b: Tensor) -> Tensor:
    return matmul(a, b, a.new_empty(a.shape[0], a.shape[1], b.shape[2]))


def _baddbmm_(c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Add a b to a c whose matrices lie row by row.

    BLAS works by columns: C^T <- C^T + B^T A^T.
    """
    blas = _GEMM[c.dtype]
    for one, left, right in zip(c.mT.numpy(), b.mT.numpy(), a.mT.numpy(), strict=True):
        x, transpose_x = _column_major(left)
        y, transpose_y = _column_major(right)
        if blas(1.0, x, y, 1.0, one, transpose_x, transpose_y, overwrite_c=1) is not one:
            raise ValueError("the matrices that are added to do not lie row by row")
    return c


def _column_major(matrix: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return a matrix as BLAS reads it without a copy, and whether it is then transposed."""
    return (matrix, 0) if matrix.flags.f_contiguous else (matrix.T, 1)


class _BatchedGemm(torch.autograd.Function):
    """An autograd function for a b, with d a = d b^T and d b = a^T d."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _bmm(_without_gaps(a), _without_gaps(b))

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        below, weights = ctx.needs_input_grad
        d = _without_gaps(d)
        return (
            _bmm(d, _without_gaps(b).mT) if below else None,
            _bmm(_without_gaps(a).mT, d) if weights else None,
        )


def _without_gaps(matrices: Tensor) -> Tensor:
    """Return the matrices without gaps inside rows or columns, as BLAS reads them, else a copy."""
    matrices = matrices.detach()
    return matrices if 1 in matrices.stride()[-2:] else matrices.contiguous()
