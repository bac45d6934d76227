"""On a CUDA device a step is one launch: its kernels are recorded once and replayed.

A step of a small network is hundreds of kernels of a few microseconds, and launching one kernel
from Python takes longer than it runs. A CUDA graph launches all kernels at once. A recorded step
reads and writes the same memory at every replay. A batch is therefore copied to where the recorded
step reads it, and a step is recorded anew for another shape of a batch (an epoch's last) or
learning rate.

A replay computes what the step computes, or it is not used: before the first replay, two steps are
taken both ways from the same weights. If recording fails or the results differ, training continues
without replays.

No step may wait for the device or count in Python. tests/train/engine/test_graphs.py checks this
for every path without a GPU, tests/train/engine/test_cuda.py with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from .base import Trainer

Work = Callable[[], Tensor]
Record = Callable[[Work], tuple[Callable[[], None], Tensor]]
_TOLERANCE = 1e-3  # of the largest change of a tensor: kernels with atomic sums add in any order


def cuda_graph(work: Work) -> tuple[Callable[[], None], Tensor]:
    """Return a function that replays the kernels of `work`, and the tensor with its result."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()
    return graph.replay, result


@contextmanager
def _aside(device: torch.device) -> Iterator[None]:
    """Run work on a CUDA device in a stream of its own.

    A step is taken in this way before it is recorded: libraries choose kernels and allocate memory
    in the first calls, and what autograd keeps of a step must not belong to the default stream.
    """
    if device.type != "cuda":
        yield
        return
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        yield
    torch.cuda.current_stream().wait_stream(side)


class _Step(NamedTuple):
    """A recorded step: its input batch, its output losses, and how it is repeated."""

    x: Tensor
    y: Tensor
    losses: Tensor
    replay: Callable[[], None]


class Replayed:
    """A trainer whose steps replay recorded ones; `say` is told if they cannot be replayed."""

    def __init__(
        self, trainer: Trainer, say: Callable[[str], None], record: Record = cuda_graph
    ) -> None:
        self.trainer, self.say, self.record = trainer, say, record
        self.replays = True
        self._multiplier: float | None = None
        self._steps: dict[torch.Size, _Step] = {}

    def step(self, x: Tensor, y: Tensor, multiplier: float) -> Tensor:
        """See Trainer.step."""
        if multiplier != self._multiplier:
            self._steps.clear()  # before the trainer frees the rates that they read
            self._multiplier = multiplier
        if self.replays and x.shape not in self._steps:
            self._record(x, y, multiplier)
        if not self.replays:
            return self.trainer.step(x, y, multiplier)
        recorded = self._steps[x.shape]
        recorded.x.copy_(x)
        recorded.y.copy_(y)
        recorded.replay()
        return recorded.losses.clone()

    def _record(self, x: Tensor, y: Tensor, multiplier: float) -> None:
        """Record a step on such a batch and try it; leave the weights as they were."""
        x, y = x.clone(), y.clone()
        tensors = [*self.trainer.state().values(), *self.trainer.velocity().values()]

        def work() -> Tensor:
            return self.trainer.step(x, y, multiplier)

        def twice(step: Callable[[], Tensor]) -> list[Tensor]:
            """Return the losses of two steps and the weights after them; then restore."""
            return [*(step().clone() for _ in range(2)), *tensors]

        before = [t.clone() for t in tensors]
        with _aside(x.device):
            expected = [t.clone() for t in twice(work)]
        try:
            replay, losses = self.record(work)
            _put(tensors, before)
            replayed = twice(lambda: (replay(), losses)[1])
        except RuntimeError as error:
            self._give_up(str(error).strip().split("\n")[0])
        else:
            self._steps[x.shape] = _Step(x, y, losses, replay)
            if not all(map(_close, replayed, expected, [None, None, *before])):
                self._give_up("a replayed step is another than the step")
        _put(tensors, before)

    def _give_up(self, why: str) -> None:
        self.replays = False
        self._steps.clear()
        self.say(f"steps are not replayed but launched kernel by kernel: {why}")

    def outputs(self, x: Tensor) -> Tensor:
        """See Trainer.outputs."""
        return self.trainer.outputs(x)

    def state(self) -> dict[str, Tensor]:
        """See Trainer.state."""
        return self.trainer.state()

    def velocity(self) -> dict[str, Tensor]:
        """See Trainer.velocity."""
        return self.trainer.velocity()


def _put(tensors: list[Tensor], values: list[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def _close(replayed: Tensor, expected: Tensor, before: Tensor | None) -> bool:
    """Return whether two results agree, relative to their change or, without `before`, size."""
    a, b = replayed.double(), expected.double()
    start = torch.zeros_like(b) if before is None else before.double()
    both = a.isfinite() & b.isfinite()
    if not torch.equal(a.isfinite(), b.isfinite()):
        return False  # a member that diverges does so either way
    gap = (a - b).where(both, 0).abs().max()
    change = (b - start).where(both, 0).abs().max()
    rounding = torch.finfo(torch.float32).eps * b.where(both, 0).abs().max()
    return bool(gap <= _TOLERANCE * change + rounding)
