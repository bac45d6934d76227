"""A metric is a pure function from recorded statistics to numbers; each has one file.

A new metric is one new file in this folder that decorates a function with `layer_metric` or, where
it needs several arrays of the whole network, `network_metric`, or, for what must hold in every
layer, `inequality`; the folder is listed when the
package is imported, so there is no second place to register it.
numpy is the only dependency, because planning imports this package to check the names of a config.
"""

from importlib import import_module
from pkgutil import iter_modules

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

for _module in sorted(module.name for module in iter_modules(__path__)):
    if not _module.startswith("_"):  # an underscore marks the shared machinery
        import_module(f"{__name__}.{_module}")

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
