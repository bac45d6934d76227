"""The timings of one process, a line of JSON each: `python -m bench.measure CASE`."""

from __future__ import annotations

import json
import resource
import sys
import time
from statistics import median
from typing import Any

import torch

from implicitbias.models._layers import weight_matrices
from implicitbias.train.engine.base import Trainer
from implicitbias.train.observers import performance, spectra
from implicitbias.train.records import Records

from .cases import EPOCH, RECORD_EVERY, TEST, Case
from .contenders import WITHOUT_ENGINE, Step, images, networks, ours
from .together import Trainee, loop_beside

# Seconds, and at least so many calls: kernels are chosen in the first, and the heap grows up to the
# fourth (ResNet-18 at B = 16: 480, 310, 292, then 275 ms a step).
WARM_UP, FIRST_CALLS = 0.2, 4
_EVALUATED = 64, 2048  # examples, at least and at most: so many are evaluated at once in training
LONGEST_CALL = 3.0  # seconds: a pack whose first call would take longer has no number
TURNS, LONGEST = 5, 20.0  # with the loop: at most so many, none begun after so many seconds


def measure(case: Case) -> None:
    """Print a line per size of the pack, until one would take too long."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rate = float("inf")
    with loop_beside(case) as loop:
        for members in case.members:
            if case.batch_size * members / rate > LONGEST_CALL:
                return
            rates = timing(case, members, loop)
            rate = rates["per_core_second"]
            print(json.dumps({"members": members, **rates}), flush=True)


def timing(case: Case, members: int, loop: Trainee | None = None) -> dict[str, float]:
    """Samples per second of CPU time and of wall time, summed over members; peak memory, MB.

    On a GPU it is wall time twice, and the peak is of its memory. Beside a loop, with which it
    alternates, also `ratio` and `wall_ratio`: the medians over turns of these rates over its own.
    """
    device = torch.device(case.device)
    step, trainer = step_of(case, members)
    calls(step, WARM_UP, FIRST_CALLS, device)
    rates = alternating(step, case.seconds, device, loop)
    if trainer is not None and members == case.members[0]:
        rates["measuring_share"] = measuring_share(case, trainer, rates["per_core_second"])
    rates["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if device.type == "cuda":
        rates["peak_mb"] = torch.cuda.max_memory_allocated() / 1e6
    return rates


def step_of(case: Case, members: int) -> tuple[Step, Trainer | None]:
    """What steps such a pack; of the engine also its trainer."""
    where = case.model, case.batch_size, members
    device = torch.device(case.device)
    if not case.contender.startswith("ours"):
        return WITHOUT_ENGINE[case.contender](*where, device), None
    precision = case.contender.removeprefix("ours").removeprefix(", ") or "float32"
    return ours(*where, precision, device)


def measuring_share(case: Case, trainer: Trainer, rate: float) -> float:
    """The part of training that measuring takes at the paper's record interval.

    Once per ten epochs of 50,000 examples, trained at this rate: the spectra of all matrices, and
    loss and accuracy of 50,000 + 10,000 examples, timed on those that a quarter of a second takes.
    Beside a GPU the processor computes the spectra, and only what they take longer than the
    training between two records counts.
    """
    matrices = weight_matrices(networks(case.model, 1)[0])
    runs = [str(k) for k in range(len(next(iter(trainer.state().values()))))]
    x, y = (t.to(case.device) for t in images())
    clock = time.perf_counter if case.device == "cuda" else time.process_time
    start = clock()
    spectra.spectra(Records(), runs, trainer.state(), matrices, 0, 0)
    decomposed = clock() - start

    def evaluation(n: int) -> float:
        start, some = clock(), ("test", x[:n], y[:n])
        performance.record(Records(), runs, trainer.outputs, some, "cross_entropy", 0, 0)
        return (clock() - start) / n

    least, most = _EVALUATED
    n = max(least, min(most, int(0.25 / evaluation(least))))
    evaluation(n)  # the first of its size takes memory, which a training does once
    each = evaluation(n)
    training = RECORD_EVERY * EPOCH * len(runs) / rate
    waited = max(0.0, decomposed - training) if case.device == "cuda" else decomposed
    seconds = waited + each * (EPOCH + TEST)
    return seconds / (seconds + training)


def alternating(
    step: Step, seconds: float, device: torch.device, loop: Trainee | None
) -> dict[str, float]:
    """Rates over all turns of this many seconds together, and their ratios to the loop's."""
    if loop is None:
        samples, cpu, wall = calls(step, seconds, 2, device)
        return {"per_core_second": samples / cpu, "per_second": samples / wall}
    start = time.monotonic()
    own: list[tuple[int, float, float]] = []
    ratios: list[tuple[float, float]] = []
    while len(own) < TURNS and (not own or time.monotonic() - start < LONGEST):
        begin, end = loop.turn(seconds / TURNS)
        samples, cpu, wall = calls(step, seconds / TURNS, 2, device)
        own.append((samples, cpu, wall))
        more = samples / (end.samples - begin.samples)
        ratios.append((more * (end.cpu - begin.cpu) / cpu, more * (end.wall - begin.wall) / wall))
    samples, cpu, wall = (sum(turns) for turns in zip(*own, strict=True))
    ratio, wall_ratio = (median(turns) for turns in zip(*ratios, strict=True))
    return {
        "per_core_second": samples / cpu, "per_second": samples / wall,
        "ratio": ratio, "wall_ratio": wall_ratio,
    }  # fmt: skip


def calls(step: Step, seconds: float, least: int, device: torch.device) -> tuple[int, float, float]:
    """Samples processed, CPU and wall seconds of calls for so long, and at least so many."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    cpu, wall, samples, done = clock(), time.perf_counter(), 0, 0
    while done < least or clock() - cpu < seconds:
        samples += step()
        done += 1
    if device.type == "cuda":
        torch.cuda.synchronize()
    return samples, clock() - cpu, time.perf_counter() - wall


def main(arguments: list[str]) -> None:
    """A case as JSON, or `scaling`."""
    tree: dict[str, Any] = json.loads(arguments[0])
    measure(Case(**{**tree, "members": tuple(tree["members"])}))


if __name__ == "__main__":
    main(sys.argv[1:])
