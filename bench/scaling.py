"""Whether the cost is linear: CPU time against steps and against members, in this process.

`python -m bench.scaling` prints the rows; the driver starts it as its own process.
"""

from __future__ import annotations

import json
import time

import torch

from .contenders import Step, ours

PLACES = (("MLP-10-100", 4), ("MLP-5-500", 4), ("conv4", 16))
STEPS = (16, 32, 64, 128, 256)  # cumulative, of a pack of 4
MEMBERS = (1, 2, 4, 8, 16, 32, 64)
SAMPLES = 1000  # of each member, to which the time is scaled
REPEATS = 2


def main() -> None:
    """A line of JSON per point: model, kind, x and the CPU seconds."""
    torch.set_num_threads(1)
    for _ in range(REPEATS):
        for model, size in PLACES:
            step = _warm(model, size, 4)
            done, start = 0, time.process_time()
            for steps in STEPS:
                while done < steps * size * 4:
                    done += step()
                _say(model, "steps", steps, time.process_time() - start)
            for members in MEMBERS:
                step = _warm(model, size, members)
                done, start = 0, time.process_time()
                while time.process_time() - start < 0.1:
                    done += step()
                _say(model, "members", members,
                     (time.process_time() - start) * SAMPLES * members / done)  # fmt: skip


def _warm(model: str, size: int, members: int) -> Step:
    """A pack after its first steps, which take fresh memory."""
    step, _ = ours(model, size, members)
    for _ in range(4):
        step()
    return step


def _say(model: str, kind: str, x: int, seconds: float) -> None:
    print(json.dumps({"model": model, "kind": kind, "x": x, "value": seconds}), flush=True)


if __name__ == "__main__":
    main()
