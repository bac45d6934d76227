"""Measured numbers of members abreast: `python -m implicitbias tune` measures, training looks up.

A table of the user's, `implicitbias/abreast.json` in the cache folder: processor, torch and threads
-> shape of a pack -> {abreast: samples per second}. A shape that is not in it goes by the rule of
engine/choose.py. Training itself never asks a clock, so what it computes is the same every time;
`tune` may change the last bits of networks on the autograd paths, as docs/performance.md says, and
what a pack took is in its checkpoint and its provenance.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from .. import data
from ..base import provenance
from ..base.errors import UserError
from ..base.files import write_text
from ..models import build_seeded
from ..plan.spec import RunSpec
from ..plan.specs.sgd import Spec
from .engine import choose, products
from .engine.base import DTYPES, Members, Trainer

ROUNDS, LONGEST_STRETCH = 3, 32
Table = dict[str, dict[str, dict[str, float]]]


def path() -> Path:
    """Where the table lies, by the XDG convention."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / (
        "implicitbias/abreast.json"
    )


def place() -> str:
    """Where and with what this process trains."""
    threads = torch.get_num_threads()
    by = ", OpenBLAS" if products.openblas else ""
    return f"{provenance.processor()}, torch {torch.__version__}{by}, threads {threads}"


def shape_of(spec: Spec, input_shape: Sequence[int]) -> str:
    """What the time of a step depends on, and the number of members does not."""
    kept: dict[str, Any] = {
        "model": spec.model, **spec.model_arguments, "input": list(input_shape),
        "batch_size": spec.batch_size, "precision": spec.precision, "momentum": spec.momentum > 0,
    }  # fmt: skip
    return json.dumps(kept)


def abreast(spec: Spec, model: nn.Module, input_shape: tuple[int, ...], k: int, device: str) -> int:
    """How many of K members train side by side: as measured here, else by the rule."""
    measured = table().get(place(), {}).get(shape_of(spec, input_shape), {})
    fitting = {int(n): rate for n, rate in measured.items() if int(n) <= k}
    if device == "cpu" and fitting:
        return max(fitting, key=lambda n: fitting[n])
    dtype = DTYPES[spec.precision]
    return choose.abreast(model, input_shape, spec.batch_size, k, dtype, torch.device(device))


def table() -> Table:
    """The whole table; empty if there is none. UserError names one that cannot be read."""
    try:
        found: Table = json.loads(path().read_text(encoding="utf-8"))
        rates = [float(r) for at in found.values() for one in at.values() for r in one.values()]
        if not all(rate > 0 for rate in rates):
            raise ValueError("a rate is not positive")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path()}: not a table of measured rates ({error}); remove it") from error
    return found


def remember(spec: Spec, input_shape: Sequence[int], rates: dict[int, float]) -> None:
    """Put one shape's rates into the table; whoever writes last at the same time wins whole."""
    tree = table()
    tree.setdefault(place(), {})[shape_of(spec, input_shape)] = {
        str(n): round(rate, 1) for n, rate in rates.items()
    }
    write_text(path(), json.dumps(tree, indent=1) + "\n")


def tune(packs: Iterable[Sequence[RunSpec]]) -> Iterator[str]:
    """Measure every shape of these packs once and remember it; a line about each."""
    largest: dict[str, tuple[Spec, tuple[int, ...], int]] = {}
    for specs in packs:
        first = specs[0]
        if isinstance(first, Spec) and not first.record:
            input_shape = data.info(first.dataset, **first.data_options).input_shape
            key, k = shape_of(first, input_shape), len(specs)
            if k > 1 and (key not in largest or k > largest[key][2]):
                largest[key] = first, input_shape, k
    for key, (spec, shape, k) in largest.items():
        rates = measure(spec, k)
        remember(spec, shape, rates)
        told = ", ".join(f"{n}: {rate:,.0f}" for n, rate in rates.items())
        yield f"{key}: samples per CPU-second by members abreast {told}"


def measure(spec: Spec, k: int, seconds: float = 0.3) -> dict[int, float]:
    """Samples per second of CPU time of K members, n of them abreast, for n = 1, 2, 4, ..., K.

    Medians of rounds in which all n take turns, so that a slow moment falls on each alike.
    """
    facts = data.info(spec.dataset, **spec.data_options)
    models = [
        build_seeded(spec.model, facts.input_shape, facts.n_classes, seed=s, **spec.model_arguments)
        for s in range(k)
    ]
    dtype, cpu, size = DTYPES[spec.precision], torch.device("cpu"), spec.batch_size
    members = Members.of(
        [1e-3] * k, [1e-3] * k, [spec.momentum] * k, dtype, cpu, size, spec.precision,
        facts.input_shape,
    )  # fmt: skip
    trainer = choose.trainer_for(models, members, spec.objective, dtype, cpu)
    x = torch.randn(k, size, *facts.input_shape, dtype=dtype)
    y = torch.randint(facts.n_classes, (k, size))
    candidates = sorted({*(2**i for i in range(k.bit_length()) if 2**i < k), k})
    turns = {n: choose.in_turns(trainer, k, n)[:2] for n in candidates}
    rates: dict[int, list[float]] = {n: [] for n in candidates}
    for _ in range(ROUNDS):
        for n, parts in turns.items():
            rates[n].append(_rate(parts, x, y, seconds))
    return {n: median(found) for n, found in rates.items()}


def _rate(
    parts: list[tuple[slice, Trainer]], x: torch.Tensor, y: torch.Tensor, seconds: float
) -> float:
    """Samples per second where these parts take turns, each for a stretch, at least once."""
    first, trainer = parts[0]
    start = time.process_time()
    trainer.step(x[first], y[first], 1.0)
    one = time.process_time() - start
    stretch = max(1, min(LONGEST_STRETCH, int(seconds / max(one, 1e-6) / 4)))
    done, start = 0, time.process_time()
    while not done or time.process_time() - start < seconds:
        for members, trainer in parts:
            for _ in range(stretch):
                trainer.step(x[members], y[members], 1.0)
            done += stretch * y[members].numel()
    return done / (time.process_time() - start)
