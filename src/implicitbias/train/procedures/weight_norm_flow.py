"""Diagonal linear networks with and without weight normalisation: a pack of runs, its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from ...plan.spec import RunSpec
from ...plan.specs.weight_norm_flow import Spec
from ..records import Records
from . import Job, _wn_flow
from ._keeper import Keeper
from ._wn_descent import Descent
from ._wn_instances import Instances


def run(specs: Sequence[RunSpec], job: Job) -> Records:
    """All members at once; a flow member by member, for the reason in `_wn_flow`."""
    members, instances = [cast(Spec, s) for s in specs], Instances()
    flows = members[0].form == "flow"
    steps = len(members) if flows else max(s.iterations for s in members)
    with Keeper(job, [s.run_id for s in specs], steps) as keeper:
        state = keeper.resumed()
        records = Records(scalars=state["scalars"] if state else [])
        if flows:
            for i in range(state["step"] if state else 0, len(members)):
                s = members[i]
                _wn_flow.run(s, instances.of(s), instances.pursuit(s), records)
                keeper.tick(i + 1, lambda: {"scalars": records.scalars})
            return records
        with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is recorded
            descent = Descent(members, instances, records)
            if state is not None:
                descent.restore(state)
            while descent.advance():
                keeper.tick(descent.step, descent.state, descent.residual)
    return records
