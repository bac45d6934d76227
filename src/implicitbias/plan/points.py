"""The points of a sweep: one mapping of the fields set by grid, zip and random samples each."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from .config import Sweep
from .overlays import Keys
from .samples import Random, Range


def points(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Return the fields that vary, of every point: grid x zip x random samples x seeds."""
    together = _zipped(sweep)
    samples = _samples(sweep.random)
    for *values, zipped, sample, seed in itertools.product(
        *sweep.grid.values(), together, samples, sweep.seeds
    ):
        yield {**dict(zip(sweep.grid, values, strict=True)), **zipped, **sample, "seed": seed}


def count(sweep: Sweep) -> int:
    """Return the number of points, without making them."""
    together = len(next(iter((sweep.zip or {}).values()), [None]))
    samples = sweep.random.samples if sweep.random else 1
    return math.prod(map(len, sweep.grid.values())) * together * samples * len(sweep.seeds)


def varying(sweep: Sweep) -> dict[str, Keys]:
    """Return each field that varies, with its place in the sweep."""
    parts: dict[str, Keys] = dict.fromkeys(sweep.grid, ("grid",))
    parts |= dict.fromkeys(sweep.zip or {}, ("zip",))
    return parts | dict.fromkeys(sweep.random.fields if sweep.random else {}, ("random", "fields"))


def _zipped(sweep: Sweep) -> list[dict[str, Any]]:
    if not sweep.zip:
        return [{}]
    rows = zip(*sweep.zip.values(), strict=True)
    return [dict(zip(sweep.zip, row, strict=True)) for row in rows]


def _samples(of: Random | None) -> list[dict[str, Any]]:
    """Return the samples; each value has a stream of its own, named by seed, number and field."""
    if of is None:
        return [{}]
    return [
        {
            name: _drawn(kind, random.Random(f"{of.seed}/{i}/{name}"))
            for name, kind in of.fields.items()
        }
        for i in range(of.samples)
    ]


def _drawn(kind: Range, stream: random.Random) -> Any:
    if kind.choice:
        return stream.choice(kind.choice)
    if kind.integers:
        return stream.randint(*kind.integers)
    if kind.log_uniform:
        low, high = map(math.log, kind.log_uniform)
        return float(f"{math.exp(stream.uniform(low, high)):.4g}")
    assert kind.uniform
    return float(f"{stream.uniform(*kind.uniform):.4g}")
