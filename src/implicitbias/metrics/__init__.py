"""A metric is a pure function from recorded statistics to numbers; each has one file.

A new metric is one new file in this folder, with a function that is decorated by `layer_metric`, by
`network_metric` if it needs several arrays of the whole network, or by `inequality` if it states
what must hold in every layer. The folder is listed when the package is imported, so there is no
second place to register it. numpy is the only dependency, because planning imports this package to
check the names of a config.
"""

from ..base import registry, studies
from ._matrix import rank, spectrum, value
from ._registry import (
    Metric,
    inequality,
    known,
    layer_metric,
    network_metric,
    resolve,
    with_parameter,
)

for _name in registry.names("metrics"):  # not what begins with _: the shared machinery
    studies.module("metrics", _name)

__all__ = [
    "Metric",
    "inequality",
    "known",
    "layer_metric",
    "network_metric",
    "rank",
    "resolve",
    "spectrum",
    "value",
    "with_parameter",
]
