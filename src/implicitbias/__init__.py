"""Training runs, their records, and the figures on how SGD shapes the weights of deep networks.

For one's own training and checkpoints: `Recorder`, `callbacks`, `load`, `spectrum`, `metrics`.
Each is imported when it is first used, because planning must load neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import metrics as metrics
    from .api import callbacks as callbacks
    from .api.recorder import Recorder as Recorder
    from .api.results import load as load
    from .api.spectrum import table as spectrum

__version__ = "0.1.0"
__all__ = ["Recorder", "__version__", "callbacks", "load", "metrics", "spectrum"]
_LAZY = {
    "Recorder": ("api.recorder", "Recorder"),
    "load": ("api.results", "load"),
    "spectrum": ("api.spectrum", "table"),
}
_MODULES = {"callbacks": ".api.callbacks", "metrics": ".metrics"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module, attribute = _LAZY[name]
        return getattr(import_module(f".{module}", __name__), attribute)
    if name in _MODULES:
        return import_module(_MODULES[name], __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
