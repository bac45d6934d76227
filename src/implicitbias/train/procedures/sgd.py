"""`sgd` is mini-batch SGD on a pack of classifiers."""

from __future__ import annotations

from collections.abc import Sequence

from ...plan.spec import RunSpec
from ..minibatch import flushed_denormals, train
from ..records import Records
from . import Job


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of a pack of sgd runs of one shape."""
    with flushed_denormals():
        return train(specs, job)
