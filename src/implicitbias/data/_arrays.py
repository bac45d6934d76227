"""From raw arrays to training arrays: stratified choice, classes, padding, standardisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._spec import Images, Labels, Preprocessing, Raw

# Images at a time: a table look-up of all of CIFAR-10 at once leaves the cache.
_CHUNK = 1000


def quotas(sizes: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Return how many of ``n`` images each class gets: ``n * size / sum(sizes)`` by largest
    remainder.

    The quotas sum to ``n`` and each differs by less than 1 from the exact share. Equal remainders
    go to the lower class. Integers throughout, so no rounding depends on the machine.
    """
    total = int(sizes.sum())
    floors = n * sizes // total
    remainders = n * sizes % total
    first = np.argsort(-remainders, kind="stable")[: n - int(floors.sum())]
    floors[first] += 1
    return floors


def stratified(labels: Labels, n: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the positions, ascending, of ``n`` images whose classes keep their shares of
    ``labels``.

    The order of choice comes from the raw doubles of ``default_rng(seed).random``, whose stream
    NumPy keeps more stable across versions than the streams of ``permutation`` or ``choice``.
    """
    order = np.argsort(np.random.default_rng(seed).random(len(labels)), kind="stable")
    present, sizes = np.unique(labels, return_counts=True)
    chosen = [
        order[labels[order] == label][:quota]
        for label, quota in zip(present, quotas(sizes.astype(np.int64), n), strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def split_off(x: Images, y: Labels, n_test: int, seed: int) -> Raw:
    """Splits a data set that has no split of its own: ``n_test`` stratified images for testing.

    Both parts keep the order of ``x``.
    """
    test = np.zeros(len(y), dtype=bool)
    test[stratified(y, n_test, seed)] = True
    return Raw(x[~test], y[~test], x[test], y[test])


def keep_classes(x: Images, y: Labels, kept: tuple[int, ...]) -> tuple[Images, Labels]:
    """Return the images of the classes ``kept``, each label replaced by its position there."""
    position = np.full(max(int(y.max()), *kept) + 1, -1, dtype=np.int64)
    position[list(kept)] = np.arange(len(kept))
    labels = position[y]
    chosen = labels >= 0
    return x[chosen], labels[chosen]


def preprocess(x: Images, chosen: Preprocessing, max_value: int) -> npt.NDArray[np.float32]:
    """``(v / max_value - mean) / std`` of each channel of the padded images, float32.

    (N, C, H, W) to (N, C, H + 2 pad, W + 2 pad). A table of the 256 values, made in float64, so
    each result is the float32 nearest to the formula.
    """
    pad = chosen.pad
    n, channels, height, width = x.shape
    result = np.empty((n, channels, height + 2 * pad, width + 2 * pad), dtype=np.float32)
    values = np.arange(256, dtype=np.float64) / max_value
    for channel, (mean, std) in enumerate(zip(chosen.mean, chosen.std, strict=True)):
        table = ((values - mean) / std).astype(np.float32)
        for start in range(0, n, _CHUNK):
            part = x[start : start + _CHUNK, channel]
            padded = np.pad(part, ((0, 0), (pad, pad), (pad, pad)))
            result[start : start + _CHUNK, channel] = table[padded]
    return result
