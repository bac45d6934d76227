"""How long to wait on a machine that is busy with something else."""

import time


def slowness(seconds=0.1):
    """How many times longer work takes now than alone on the machine; at least 1."""
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < seconds:
        pass
    return max(1.0, (time.monotonic() - wall) / seconds)
