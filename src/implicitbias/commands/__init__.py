"""The verbs of `python -m implicitbias` are functions here.

Imports stand inside the verbs: planning must not load torch, nor training matplotlib.
"""

from . import rules, tools
from ._verb import VERBS

__all__ = ["VERBS", "rules", "tools"]
