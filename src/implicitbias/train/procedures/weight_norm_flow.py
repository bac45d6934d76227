"""`weight_norm_flow` is descent or flow of diagonal linear networks, plain or weight-normalised."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np

from ...plan.spec import RunSpec
from ...plan.specs.weight_norm_flow import Spec
from ..loop import Loop
from ..parts import Once, Part
from ..records import Records, concatenated
from . import Job, _wn_flow
from ._wn_descent import Descent
from ._wn_instances import Instances


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """Return the records of all members: of descent at once, of a flow one by one (`_wn_flow`)."""
    loop = Loop(job, [s.run_id for s in specs])
    members, instances = [cast(Spec, s) for s in specs], Instances()
    if members[0].form == "flow":

        def flow(s: Spec) -> Once:
            return Once(partial(_wn_flow.run, s, instances.of(s), instances.pursuit(s)))

        return concatenated(loop.run([Part(1, partial(flow, s)) for s in members]))
    whole = Part(max(s.iterations for s in members), partial(Descent, members, instances))
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is recorded
        return concatenated(loop.run([whole]))
