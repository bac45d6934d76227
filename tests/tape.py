"""A CUDA graph's contract on a CPU: the kernels of a call, recorded, and run again on its memory.

Every operation that torch dispatches is written down with the very tensors that it had. A replay
runs them again and puts each result where the recorded one lies. So, as in a CUDA graph, numbers of
Python and shapes are those of the recording, and what would wait for the device is refused.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}


class Tape(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in WAITS:
            raise RuntimeError(f"operation not permitted while a stream is captured: {func}")
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def replay(self):
        with torch.no_grad():
            for func, args, kwargs, out in self.calls:
                again = func(*args, **kwargs)
                for new, old in zip(tree_leaves(again), tree_leaves(out), strict=True):
                    if isinstance(new, torch.Tensor) and new.data_ptr() != old.data_ptr():
                        old.copy_(new)


def record(work):
    """As implicitbias.train.engine.graphs.cuda_graph, but that recording takes a step."""
    with Tape() as tape:
        result = work()
    return tape.replay, result
