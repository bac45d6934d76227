"""Ranks of every matrix of a user's own checkpoints, at any tolerance and under both norms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import metrics
from ..base.errors import UserError
from ..metrics._matrix import STEMS, is_finite, scaled, singular_values, without_rounding
from . import _folder, _matrices
from ._matrices import Matrix
from ._stored import printable

COLUMNS = {
    "file": "The file, or the folder of a sharded model.",
    "matrix": "Name of the weight in the file; `[i]` for the i-th of a stack of experts.",
    "shape": "Of the tensor, as in the file [1].",
    "rows": "Rows of the matrix; empty where there is none [1].",
    "cols": "Its columns [1].",
    "layout": "How the matrix is made of the tensor: `matrix`, as stored, (out, in) of a linear"
    " layer; `kernel`, a convolution (out, in, area) as (out, in x area); `transposed`, a"
    " transposed convolution (in, out, area) as (out, in x area); `expert`, one of a stack"
    " (experts, out, in); `embedding`, (1, n, d) as (n, d).",
    "dtype": "Type of the stored numbers; of the first tensor where the weight is made of several.",
    "fro_norm": "||W||_F [1].",
    "spec_norm": "||W||_2, the largest singular value [1].",
    "stable_rank": "||W||_F^2 / ||W||_2^2 [1].",
    "effective_rank": "exp of the entropy of the normalised singular values [1].",
    "singular_values": "Over the largest, descending; not in CSV and JSON [1].",
    "note": "Why there are no ranks, or what to know of them; else empty.",
}  # and `rank_fro_<tolerance>`, `rank_spec_<tolerance>`
SPECTRUM = "singular_values"
_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8,
             "float8_e4m3fn": 2.0**-4, "float8_e5m2": 2.0**-3}  # fmt: skip
Progress = Callable[[Path, int, int], None]  # the file, matrices done, of how many


def table(
    paths: str | Path | Sequence[str | Path],
    tolerance: float | Sequence[float] = 1e-3,
    norms: Sequence[str] = tuple(STEMS),
    layouts: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return a row for each matrix of each checkpoint, and one with a reason for other tensors.

    paths: files written by torch.save or safetensors, and folders or indices of sharded models.
    tolerance: one or several, relative to the norm of each matrix, in (0, 1). norms: `frobenius`,
    `spectral` or both. layouts: patterns of names and the layout of these tensors, where neither
    name nor shape shows it: {"up*.weight": "transposed"}. The columns are COLUMNS and the ranks.

    Raises:
        UserError: an invalid tolerance or norm; a checkpoint that cannot be read, or that has no
            matrix; a pattern of `layouts` that no tensor of a checkpoint matches.
        OSError: a file that may not be read.
    """
    ranks = rank_names([tolerance] if np.isscalar(tolerance) else tolerance, norms)
    rows: list[dict[str, Any]] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        rows += of_checkpoint(Path(path), ranks, layouts, progress)
    first, last = list(COLUMNS)[:9], list(COLUMNS)[9:]
    frame = pd.DataFrame(rows, columns=[*first, *ranks, *last])
    whole = ["rows", "cols", *ranks]
    frame[whole] = frame[whole].astype("Int64")
    return frame


def rank_names(tolerances: Any, norms: Sequence[str]) -> list[str]:
    """Return the names of the metrics, as `rank_fro_1e-3`; UserError for invalid arguments."""
    for tolerance in tolerances:
        if not 0 < tolerance < 1:  # NaN is refused too
            raise UserError(f"tolerance {tolerance:g}: not in (0, 1)")
    stems = []
    for norm in norms:
        if norm not in STEMS:
            raise UserError(f"norm {norm!r}: there are {' and '.join(STEMS)}")
        stems.append(STEMS[norm])
    names = (metrics.with_parameter(s, float(t)) for t in tolerances for s in stems)
    return list(dict.fromkeys(names))


def of_checkpoint(
    path: Path,
    ranks: Sequence[str],
    layouts: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one checkpoint; UserError at the end if no tensor has a matrix."""
    checkpoint = _folder.read(path)
    found = list(_matrices.matrices(checkpoint.tensors, layouts))
    names = {*checkpoint.tensors, *(matrix.name for matrix in found)}
    for pattern in layouts or {}:
        if not any(fnmatch(name, pattern) for name in names):
            raise UserError(f"{path}: layout: no tensor of it matches {pattern!r}")
    file, some, reasons = printable(str(path)), False, []
    for i, matrix in enumerate(found):
        row = _row(matrix, ranks)
        some |= SPECTRUM in row
        reasons.append(f"{matrix.name}: {row['note']}")
        yield {"file": file, **row}
        if progress:
            progress(path, i + 1, len(found))
    for name, reason in checkpoint.left_out.items():
        reasons.append(f"{name}: {reason}")
        yield {"file": file, "matrix": name, "note": f"left out: {reason}"}
    if not some:
        said = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if reasons[3:] else "")
        raise UserError(f"{path}: no matrices in it{': ' if said else ', and no tensors'}{said}")


def _row(matrix: Matrix, ranks: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"matrix": matrix.name, "shape": " x ".join(map(str, matrix.shape)),
                           "note": matrix.reason or matrix.note}  # fmt: skip
    if matrix.reason:
        return row
    w, row["dtype"], reason = _matrices.array(matrix)
    row |= {"rows": matrix.rows, "cols": matrix.cols, "layout": matrix.layout}
    if w is None:
        return row | {"note": reason}
    if not is_finite(w):
        missing = np.full(min(w.shape), np.nan)
        return row | {"note": "holds NaN or infinity", SPECTRUM: missing}
    small, exponent = scaled(w)
    s = without_rounding(singular_values(small), small.shape)
    norms = np.ldexp([np.linalg.norm(s), s[0]], exponent)
    row |= {"fro_norm": float(norms[0]), "spec_norm": float(norms[1])}
    for name in (*ranks, "stable_rank", "effective_rank"):
        row[name] = float(metrics.resolve(name).compute(s))
    notes = [matrix.note, *_cautions(row["dtype"], bool(matrix.kinds), ranks, w.shape, s)]
    row["note"] = "; ".join(filter(None, notes))
    return row | {SPECTRUM: s / (s[0] or 1.0)}


def _cautions(
    dtype: str, made: bool, ranks: Sequence[str], shape: tuple[int, ...], s: NDArray[np.float64]
) -> Iterator[str]:
    """Return the cautions about ranks that follow from the type of the stored numbers.

    made: whether the matrix is made of several tensors, of which the first has this type.

    Rounding adds a matrix E of independent entries, of standard deviation u |w_ij| / sqrt(3) with
    the unit roundoff u, so ||E||_2 is about u / sqrt(3) ||W||_F (1 / sqrt(m) + 1 / sqrt(n)).
    """
    if not s.any():
        yield "all entries are 0"
    if dtype.startswith("float8") and not made:
        yield "float8 without a scale that fits: the ranks are of the stored numbers"
    m, n = shape
    norms = {"rank_fro": np.linalg.norm(s), "rank_spec": s[0]}
    noise = _ROUNDOFF.get(dtype, 0.0) / 3**0.5 * norms["rank_fro"] * (m**-0.5 + n**-0.5)
    parted = [(name, *name.rpartition("_")[::2]) for name in ranks]
    below = [name for name, stem, tolerance in parted if float(tolerance) * norms[stem] < noise]
    if below and s.any():
        yield f"{', '.join(below)} may count the rounding of {dtype}"
