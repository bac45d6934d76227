"""The verbs of `implicitbias` are functions here, in the order in which help lists them.

Imports are inside the verbs, because planning must not load torch, nor training matplotlib.
"""

from . import look, own, results, rules, pages  # isort: skip
from ._app import app

__all__ = ["app", "look", "own", "pages", "results", "rules"]
