"""Observers record networks in training; each file is for one kind of record.

A file defines `Observer`, a class built on `_base.Base`, and says in literals what planning must
know (plan/observed.py reads them without importing torch). `RECORDS` says by procedure what each
recorded quantity is, with its unit: `{"sgd": {"scalars": {...}, "arrays": {...}}}`. `ALWAYS` names
the procedures that record them unasked; in all others the file's name is an entry of the config's
`record`. A function `check(spec)` may refuse runs with a ValueError; it must do without torch.
"""

from __future__ import annotations

from ...base import studies
from ...plan import observed
from ..networks import Networks
from ._base import Base


def observers(networks: Networks) -> dict[str, Base]:
    """Return the observers of a pack by name: its procedure's, and those that its specs ask for."""
    shape = networks.specs[0]
    names = observed.always(shape.procedure) + tuple(getattr(shape, "record", ()))
    modules = {name: studies.module("train/observers", name) for name in names}
    last = sorted(modules, key=lambda name: modules[name].Observer.LAST)
    return {name: modules[name].Observer(networks) for name in last}
