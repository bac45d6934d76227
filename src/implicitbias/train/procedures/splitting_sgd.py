"""`splitting_sgd` is SGD on networks with split weights, or with pruning as the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from ...plan.spec import RunSpec
from ..minibatch import train
from ..networks import Networks, untrained
from ..records import Records
from . import Job
from ._splitting import Splitting


def split(networks: Networks) -> None:
    """Give the networks steps that pull the weights towards their split variable."""
    names = [m.parameter for m in networks.matrices]
    trainer = Splitting(networks.trainer, networks.specs, networks.members.lr, names)
    networks.trainer = networks.further["splitting"] = trainer


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of a pack of splitting runs of one shape."""
    return train(specs, job, untrained, split, whole=True)
