"""Every recorded spectrum is on the page, small and exact, as counts on a grid of tolerances.

For each singular value the page holds how many tolerances of the grid it is above, once relative to
the Frobenius norm and once to the spectral norm. The rank at the k-th tolerance is then the number
of entries larger than k: what the metrics `rank_fro` and `rank_spec` give there, whatever the
rounding, because the comparisons are theirs.

Layout of a pack's block, before gzip: for each run, recorded epoch and layer the entries of the
first kind, descending, as the first one and the differences to the one before; then the same of the
second kind less the first. All are uint16, wrap around, and stand as low bytes, then high bytes. A
spectrum that is missing (the run diverged) begins with 65535.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...metrics._spectrum import relative_spectrum
from ...train import records
from .blocks import packed

LOWEST, PER_DECADE = -4, 500  # 1e-4; neighbours differ by half a per cent
MISSING = 65535
ENDS = 10**9  # a stride that keeps the first and the last record only
BUDGET = 6_000_000  # singular values on a page; beyond it the records in between are thinned


def grid(asked: Iterable[float] = ()) -> NDArray[np.float64]:
    """Return tolerances from 1e-4 to below 1 in four digits, and those that figures ask for.

    They ascend.
    """
    powers = (10 ** (LOWEST + i / PER_DECADE) for i in range(-LOWEST * PER_DECADE))
    return np.array(sorted({float(f"{value:.4g}") for value in powers} | {*asked}))


def above(s: NDArray[np.float64], tolerances: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return how many tolerances each value is above: (2, n, r) for spectra (n, r).

    The counts descend along r. The first of the two is relative to ||W||_F, the second to ||W||_2;
    65535 throughout where a spectrum is missing.
    """
    relative = relative_spectrum(s)
    frobenius = np.sqrt(np.square(relative).sum(axis=-1, keepdims=True))
    relative = -np.sort(-relative, axis=-1)
    counts = np.stack([_count(relative, norm, tolerances) for norm in (frobenius, 1.0)])
    return np.where(np.isnan(relative), MISSING, counts).astype(np.uint16)


def _count(
    relative: NDArray[np.float64], norm: Any, tolerances: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return how many tolerances t have relative > t * norm, in the metrics' own arithmetic."""
    scale = np.broadcast_to(norm, relative.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        near = np.searchsorted(tolerances, relative / np.where(scale == 0, 1, scale))
    # The quotient may round to the other side of a tolerance: settle it with the product.
    last = len(tolerances) - 1
    near += (near <= last) & (relative > tolerances[np.minimum(near, last)] * scale)
    near -= (near > 0) & ~(relative > tolerances[np.maximum(near - 1, 0)] * scale)
    return np.asarray(near)


@dataclass(frozen=True)
class Block:
    """The spectra of one pack: `index` says how to read `data`, gzip in base64."""

    index: dict[str, Any]
    data: str


def recorded(folder: Path, runs: Sequence[str]) -> pd.DataFrame:
    """Return the spectra that a pack has recorded of some runs."""
    rows = records.read(folder / "records" / "arrays.parquet")
    return rows[(rows["quantity"] == "spectrum") & rows["run"].isin(runs)]


def block(
    rows: pd.DataFrame,
    runs: Sequence[str],
    tolerances: NDArray[np.float64],
    stride: int,
    also: Sequence[int] = (),
) -> Block:
    """Return the recorded spectra of one pack: every `stride`-th record, the last, and `also`."""
    there = sorted(rows["epoch"].unique().tolist())
    epochs = sorted({*thinned(there, stride), *({*there} & {*also})})
    layers = rows.drop_duplicates("layer")
    sizes = [len(values) for values in layers["values"]]
    codes = np.full((2, len(runs), len(epochs), sum(sizes)), MISSING, dtype=np.uint16)
    end = np.cumsum(sizes)
    for name, size, stop in zip(layers["layer"], sizes, end, strict=True):
        part = rows[(rows["layer"] == name) & rows["epoch"].isin(epochs)]
        at = (
            [list(runs).index(run) for run in part["run"]],
            [epochs.index(e) for e in part["epoch"]],
        )
        counts = above(np.stack(part["values"].tolist()), tolerances)
        codes[:, *at, stop - size : stop] = counts
    index = {
        "runs": list(runs),
        "epochs": epochs,
        "layers": [
            {"name": name, "averaged": bool(averaged), "size": size}
            for name, averaged, size in zip(
                layers["layer"], layers["averaged"], sizes, strict=True
            )
        ],
    }  # fmt: skip
    return Block(index, packed(_differences(codes, end[:-1])))


def thinned(epochs: list[int], stride: int) -> list[int]:
    """Return every `stride`-th epoch and the last."""
    return sorted({*epochs[::stride], *epochs[-1:]})


def _differences(codes: NDArray[np.uint16], starts: NDArray[np.int64]) -> bytes:
    """Return the block's bytes; `starts` are where a layer begins along the last axis."""
    first, second = codes
    pair = np.stack([first, second - first])
    change = pair.copy()
    change[..., 1:] -= pair[..., :-1]
    change[..., starts] = pair[..., starts]
    return change.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
