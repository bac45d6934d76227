"""A run has random streams of its own, which depend on its seed and never on the pack.

NumPy's PCG64 is seeded by the triple (seed, stream, epoch). This gives independent streams, no
state to save, and the same numbers on every device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_INIT, _ORDER, _NOISE = 1, 2, 3


def init_seed(seed: int) -> int:
    """Return the seed of torch's generator while a run's initial weights are drawn."""
    return int(np.random.SeedSequence([seed, _INIT]).generate_state(1, np.uint64)[0] >> 1)


def epoch_order(seed: int, epoch: int, n_examples: int) -> npt.NDArray[np.int64]:
    """Return the order (N,) in which a run sees the examples during 0-based epoch `epoch`."""
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(n_examples)


def noise(seed: int) -> np.random.Generator:
    """Return the stream of a run's label noise."""
    return np.random.default_rng([seed, _NOISE])
