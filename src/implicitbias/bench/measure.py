"""One timing, in the process that it starts in: `python -m implicitbias.bench.measure CASE`."""

from __future__ import annotations

import json
import resource
import sys
import time

import torch

from .. import observe
from ..layers import weight_matrices
from ..records import Records
from .cases import EPOCH, RECORD_EVERY, Case
from .contenders import WITHOUT_ENGINE, Step, networks, ours

WARM_UP = 0.3  # seconds, and at least two steps: the first ones allocate and choose kernels


def measure(case: Case) -> dict[str, float]:
    """Samples per second of CPU time and of wall time, summed over members; peak memory, MB.

    `spectra_share` is the part of training that measuring all spectra takes at the paper's record
    interval: one measurement per ten epochs of 50,000 examples.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trainer = None
    if case.contender == "ours":
        step, trainer = ours(case.model, case.batch_size, case.members)
    else:
        step = WITHOUT_ENGINE[case.contender](case.model, case.batch_size, case.members)
    _steps(step, WARM_UP)
    steps, cpu, wall = _steps(step, case.seconds)
    samples = steps * case.batch_size * case.members
    found = {"per_core_second": samples / cpu, "per_second": samples / wall}
    if trainer is not None:
        start = time.process_time()
        runs = [str(k) for k in range(case.members)]
        matrices = weight_matrices(networks(case.model, 1)[0])
        observe.spectra(Records(), runs, trainer, matrices, 0, 0)
        seconds = time.process_time() - start
        interval = RECORD_EVERY * EPOCH * case.members / found["per_core_second"]
        found["spectra_share"] = seconds / (seconds + interval)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _steps(step: Step, seconds: float) -> tuple[int, float, float]:
    cpu, wall, done = time.process_time(), time.perf_counter(), 0
    while done < 2 or time.process_time() - cpu < seconds:
        step()
        done += 1
    return done, time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])))))
